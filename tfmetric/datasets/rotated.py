"""Images in four orientations."""
# The methods are described once, on the protocol that the class follows.
# ruff: noqa: D102

from __future__ import annotations

import numpy as np

from tfmetric.datasets.sources import Source


class RotatedSource:
    """Square images in four orientations; example i + r·N is example i turned by r·90°."""

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
            # Counter-clockwise, like numpy.rot90: transpose, then flip the rows.
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
