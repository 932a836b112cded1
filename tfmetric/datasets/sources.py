# The methods are described once, on the protocol that the classes here follow.
# ruff: noqa: D102
"""The one interface through which examples are read, whatever they are stored in.

A source hands out small *handles* for examples (an index, a path, some bytes), which is all that
the sampling code and the Python generator ever touch. Its *loader* turns handles into examples in
TensorFlow, in parallel. That is why a million images start in seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.decoding import decode_image
from tfmetric.datasets.progress import progress
from tfmetric.datasets.stores import Store
from tfmetric.elements import Element, kind_of

# An array up to this size is gathered in TensorFlow; above it, or on disk, in NumPy row by row.
IN_GRAPH_BYTES = 2**30


def image_element(size: tuple[int, int], channels: int) -> Element:
    """The element of 8-bit images."""
    return Element("image", (*size, channels), "uint8", options={"range": (0, 255)})


class Source(Protocol):
    """Examples of one kind that are read by position."""

    element: Element
    batched: bool  # The loader takes a batch of handles (True) or the handles of one example.

    def __len__(self) -> int:
        """The number of examples."""

    def handle_specs(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """(dtype, shape of one) for each array that `handles` returns."""

    def handles(self, positions: np.ndarray) -> tuple[np.ndarray, ...]:
        """What the pipeline passes along for these examples."""

    def loader(self) -> Callable[..., Any]:
        """A TensorFlow function from handles to examples; made anew for each pipeline."""

    def read(self, positions: np.ndarray) -> np.ndarray:
        """The examples, as one array in this order."""

    def ids(self, positions: np.ndarray) -> np.ndarray:
        """Where these examples came from, as text."""

    def fingerprints(self, positions: np.ndarray) -> np.ndarray:
        """A cheap `uint64` each that is equal where the contents are equal (not the reverse)."""

    def digest(self, position: int) -> bytes:
        """A hash of the content of one example."""


class ArraySource:
    """Examples in one NumPy array (or memory map), the first axis over examples."""

    batched = True

    def __init__(
        self,
        array: np.ndarray,
        name: str = "array",
        ids: np.ndarray | None = None,
        element: Element | None = None,
    ):
        """Makes a source of an array.

        Args:
            array: The examples.
            name: What the ids of the examples begin with, where there are no `ids`.
            ids: Where each example came from, text `(N,)`.
            element: What one example is; by default by the rules of `elements.kind_of`.
        """
        if element is None:
            element = Element(kind_of(array.shape, array.dtype), array.shape[1:], array.dtype.name)
        self._array = array
        self._name = name
        self._ids = ids
        self.element = element
        self._in_graph = array.nbytes <= IN_GRAPH_BYTES and not isinstance(array, np.memmap)

    def __len__(self):
        return len(self._array)

    def handle_specs(self):
        return (("int64", ()),) if self._in_graph else ((self.element.dtype, self.element.shape),)

    def handles(self, positions):
        return (positions,) if self._in_graph else (self._array[positions],)

    def loader(self):
        if not self._in_graph:
            return lambda rows: rows
        import tensorflow as tf

        with tf.device("CPU:0"):  # Input pipelines run on the host; keep a GPU's memory free.
            table = tf.constant(self._array)
        return lambda positions: tf.gather(table, positions)

    def read(self, positions):
        return self._array[positions]

    def ids(self, positions):
        if self._ids is not None:
            return self._ids[positions]
        return np.array([f"{self._name}/{position}" for position in positions], dtype=np.str_)

    def fingerprints(self, positions):
        # Up to 64 values of each row, weighted by fixed odd numbers and summed modulo 2^64.
        width = int(np.prod(self.element.shape))
        columns = np.unique(np.linspace(0, max(width - 1, 0), min(width, 64)).astype(np.int64))
        odd = np.random.default_rng(0).integers(1, 2**62, len(columns), dtype=np.uint64) * 2 + 1
        out = np.empty(len(positions), np.uint64)
        for start in range(0, len(positions), 4096):
            part = positions[start : start + 4096]
            values = self._array[part].reshape(len(part), width)[:, columns]
            if values.dtype.kind == "f":
                values = (values + 0.0).view(f"u{values.dtype.itemsize}")  # -0.0 becomes 0.0.
            out[start : start + len(part)] = (values.astype(np.uint64) * odd).sum(1)
        return out

    def digest(self, position):
        row = self._array[position]
        row = row + 0.0 if row.dtype.kind == "f" else row
        return hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest()


class EncodedSource:
    """Encoded images in a store, decoded in parallel as they are needed."""

    batched = False

    def __init__(self, store: Store, image_size: tuple[int, int], channels: int):
        self.store = store
        self.image_size, self.channels = tuple(image_size), channels
        self.element = image_element(self.image_size, channels)

    def __len__(self):
        return len(self.store)

    def handle_specs(self):
        return (("string", ()),)

    def handles(self, positions):
        return (self.store.handles(positions),)

    def loader(self):
        return lambda handle: decode_image(self.store.fetch(handle), self.image_size, self.channels)

    def read(self, positions):
        out, failed = self.decode(positions)
        if len(failed):
            first = positions[failed[:1]]
            raise ValueError(
                expected(
                    "readable images; load the data again, best with verify='full', which leaves"
                    " damaged files out",
                    file=str(self.ids(first)[0]),
                    reason=self.why_unreadable(int(first[0])),
                    unreadable=len(failed),
                )
            )
        return out

    def why_unreadable(self, position: int) -> str:
        """The decoder's own words for why an image cannot be read."""
        try:
            self.loader()(self.store.handles(np.array([position]))[0])
        except Exception as error:  # Whatever the decoder raises is the reason to show.
            text = str(error).splitlines()[0]
            text = text.split("}} ")[-1].split(" [Op:")[0].strip()
            return f"cannot be decoded, cut short or damaged ({text})"
        return "cannot be decoded"

    def decode(self, positions, keep=True, show=False) -> tuple[np.ndarray | None, np.ndarray]:
        """Decodes these images in parallel.

        Args:
            positions: Which images.
            keep: Whether to return the pixels, or only to find the unreadable images.
            show: Whether to show a progress bar when it takes long.

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
            out = np.empty((len(positions), *self.element.shape), np.uint8) if keep else None
            good = np.zeros(len(positions), bool)
            with progress(len(positions), "Decoding images", show) as advance:
                for places, images in data.as_numpy_iterator():
                    good[places] = True
                    if keep:
                        out[places] = images
                    advance(len(places))
        return out, np.flatnonzero(~good)

    def ids(self, positions):
        return self.store.ids(positions)

    def fingerprints(self, positions):
        return self.store.fingerprints(positions)

    def digest(self, position):
        return hashlib.blake2b(self.store.read_bytes(position), digest_size=16).digest()


class DecodedSource(ArraySource):
    """A small set of encoded images, decoded once and kept in memory."""

    def __init__(self, array: np.ndarray, store: Store):
        super().__init__(array, element=image_element(array.shape[1:3], array.shape[-1]))
        self.store = store

    # The file is what "exact duplicate" is about, not its pixels after resizing.
    ids = EncodedSource.ids
    fingerprints = EncodedSource.fingerprints
    digest = EncodedSource.digest


class RotatedSource:
    """Square images in four orientations: example i + r·N is example i turned r·90°."""

    def __init__(self, base: Source):
        self._base = base
        self.element, self.batched = base.element, base.batched

    def __len__(self):
        return 4 * len(self._base)

    def _parts(self, positions):
        return np.divmod(np.asarray(positions, np.int64), len(self._base))

    def handle_specs(self):
        return (("int64", ()), *self._base.handle_specs())

    def handles(self, positions):
        turns, positions = self._parts(positions)
        return (turns, *self._base.handles(positions))

    def loader(self):
        import tensorflow as tf

        load = self._base.loader()

        def rotate(turns, *handles):
            images = load(*handles)
            turns = tf.reshape(turns, (-1, 1, 1, 1)) if self.batched else turns
            # Counter-clockwise, as numpy.rot90: transpose, then flip the rows.
            axes = (0, 2, 1, 3) if self.batched else (1, 0, 2)
            rows, columns = (1, 2) if self.batched else (0, 1)
            quarter = tf.reverse(tf.transpose(images, axes), (rows,))
            images = tf.where(turns % 2 == 1, quarter, images)
            return tf.where(turns >= 2, tf.reverse(images, (rows, columns)), images)

        return rotate

    def read(self, positions):
        turns, positions = self._parts(positions)
        images = np.array(self._base.read(positions))
        for turn in (1, 2, 3):
            chosen = turns == turn
            images[chosen] = np.rot90(images[chosen], turn, axes=(1, 2))
        return images

    def ids(self, positions):
        turns, positions = self._parts(positions)
        ids = self._base.ids(positions)
        return np.array([f"{i}@{90 * t}" if t else i for i, t in zip(ids, turns, strict=True)])

    def fingerprints(self, positions):
        turns, positions = self._parts(positions)
        return self._base.fingerprints(positions) + turns.astype(np.uint64)

    def digest(self, position):
        turn, position = divmod(int(position), len(self._base))
        return self._base.digest(position) + bytes([turn])
