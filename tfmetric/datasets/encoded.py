# The methods are described once, on the protocol that the classes here follow.
# ruff: noqa: D102
"""Encoded examples in a store, decoded on demand or once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.progress import progress
from tfmetric.datasets.sources import ArraySource
from tfmetric.datasets.stores import Store
from tfmetric.elements import Element


class EncodedSource:
    """Encoded examples in a store, decoded in parallel on demand."""

    batched = False

    def __init__(self, store: Store, element: Element, decode: Callable[[Any], Any]):
        """Makes a source of a store.

        Args:
            store: The encoded examples.
            element: What one decoded example is.
            decode: From the encoded bytes of one example, a scalar string tensor, to the example;
                in TensorFlow ops.
        """
        self.store, self.element = store, element
        self._decode = decode

    def __len__(self):
        return len(self.store)

    def handle_specs(self):
        return (("string", ()),)

    def handles(self, positions):
        return (self.store.handles(positions),)

    def loader(self):
        return lambda handle: self._decode(self.store.fetch(handle))

    def read(self, positions):
        out, failed = self.decode(positions)
        if len(failed):
            first = positions[failed[:1]]
            raise ValueError(
                expected(
                    "readable images; load the data again with verify='full', which leaves "
                    "damaged files out",
                    file=str(self.ids(first)[0]),
                    reason=self.why_unreadable(int(first[0])),
                    unreadable=len(failed),
                )
            )
        return out

    def why_unreadable(self, position: int) -> str:
        """Returns the decoder's reason why an image cannot be read."""
        try:
            self.loader()(self.store.handles(np.array([position]))[0])
        except Exception as error:  # Any error of the decoder is the reason to show.
            text = str(error).splitlines()[0]
            text = text.split("}} ")[-1].split(" [Op:")[0].strip()
            return f"cannot be decoded, cut short or damaged ({text})"
        return "cannot be decoded"

    def decode(self, positions, keep=True, show=False) -> tuple[np.ndarray | None, np.ndarray]:
        """Decodes these images in parallel.

        Args:
            positions: Which images.
            keep: Whether to return the pixels, or only find unreadable images.
            show: Whether to show a progress bar.

        Returns:
            The array of images (rows of unreadable ones undefined; `None` unless `keep`) and the
            places in `positions` of the unreadable ones.
        """
        import tensorflow as tf

        loader = self.loader()

        def chunks():
            for start in range(0, len(positions), 64):
                part = positions[start : start + 64]
                yield np.arange(start, start + len(part)), self.store.handles(part)

        def load(place, handle):
            image = loader(handle)
            return (place, image) if keep else (place, tf.reduce_max(image))

        with tf.device("CPU:0"):
            data = tf.data.Dataset.from_generator(
                chunks,
                output_signature=(
                    tf.TensorSpec((None,), tf.int64),
                    tf.TensorSpec((None,), tf.string),
                ),
            )
            data = data.unbatch().map(load, num_parallel_calls=tf.data.AUTOTUNE)
            data = data.ignore_errors().batch(64).prefetch(2)
            shape: Any = (len(positions) if keep else 0, *self.element.shape)
            out = np.empty(shape, np.uint8)
            good = np.zeros(len(positions), bool)
            with progress(len(positions), "Decoding images", show) as advance:
                for places, images in data.as_numpy_iterator():
                    good[places] = True
                    if keep:
                        out[places] = images
                    advance(len(places))
        return (out if keep else None), np.flatnonzero(~good)

    def ids(self, positions):
        return self.store.ids(positions)

    def fingerprints(self, positions):
        return self.store.fingerprints(positions)

    def digest(self, position):
        return hashlib.blake2b(self.store.read_bytes(position), digest_size=16).digest()


class DecodedSource(ArraySource):
    """A small set of encoded examples, decoded once and kept in memory.

    Duplicates are examples with equal decoded values, even from different files.
    """

    def __init__(self, array: np.ndarray, store: Store, element: Element):
        super().__init__(array, element=element)
        self.store = store

    def ids(self, positions):
        return self.store.ids(positions)
