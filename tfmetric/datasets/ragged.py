"""Examples of free length in memory: sequences, recordings, videos."""
# The methods are described once, on the protocol that the class follows.
# ruff: noqa: D102

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tfmetric.datasets.sources import IN_GRAPH_BYTES
from tfmetric.elements import Element


class RaggedSource:
    """Examples `(length, ...)` concatenated in one array, read as padded batches.

    A batch is a dictionary of `"values"` `(batch, longest, ...)`, padded with zeros at the end,
    and `"length"` `(batch,)`, see `tfmetric.elements`.
    """

    def __init__(
        self,
        values: np.ndarray,
        offset: np.ndarray,
        element: Element,
        name: str = "array",
        ids: np.ndarray | None = None,
    ):
        """Makes a source of concatenated values.

        Args:
            values: `(total length, ...)`.
            offset: `int64` `(N + 1,)`: example i is `values[offset[i] : offset[i + 1]]`.
            element: Description of one example, with free length.
            name: Prefix of the ids without `ids`.
            ids: Origin of each example, text `(N,)`.
        """
        self.element = element
        self._values, self._offset = values, np.asarray(offset, np.int64)
        self._name, self._ids = name, ids
        # A whole batch is gathered at once if TensorFlow can hold the values.
        self.batched = values.nbytes <= IN_GRAPH_BYTES and not isinstance(values, np.memmap)

    @classmethod
    def of_examples(
        cls, examples: Sequence[np.ndarray], element: Element, name: str, ids: np.ndarray | None
    ) -> RaggedSource:
        """Concatenates arrays `(length, ...)`."""
        offset = np.cumsum([0, *(len(example) for example in examples)])
        values = np.concatenate(examples).astype(element.dtype, copy=False)
        return cls(values, offset, element, name, ids)

    def __len__(self):
        return len(self._offset) - 1

    def handle_specs(self):
        return (("int64", ()),)

    def handles(self, positions):
        return (positions,)

    def loader(self):
        import tensorflow as tf

        if not self.batched:
            return self._one_by_one()
        with tf.device("CPU:0"):  # Input pipelines run on the host; keep a GPU's memory free.
            table = tf.RaggedTensor.from_row_splits(self._values, self._offset)

        def gather(positions):
            rows = tf.gather(table, positions)
            return {"values": rows.to_tensor(), "length": tf.cast(rows.row_lengths(), tf.int32)}

        return gather

    def _one_by_one(self):
        import tensorflow as tf

        def load(position):
            values = tf.numpy_function(self._one, [position], self.element.dtype)
            values.set_shape(self.element.shape)
            return {"values": values, "length": tf.shape(values)[0]}

        return load

    def _one(self, position):
        return np.array(self._values[self._offset[position] : self._offset[position + 1]])

    def read(self, positions):
        positions = np.asarray(positions, np.int64)
        length = (self._offset[positions + 1] - self._offset[positions]).astype(np.int32)
        shape = (len(positions), length.max(initial=0), *self.element.shape[1:])
        values = np.zeros(shape, self.element.dtype)
        for row, position in enumerate(positions):
            values[row, : length[row]] = self._one(position)
        return {"values": values, "length": length}

    def ids(self, positions):
        if self._ids is not None:
            return self._ids[positions]
        return np.array([f"{self._name}/{position}" for position in positions], dtype=np.str_)

    def fingerprints(self, positions):
        digests = [self.digest(position) for position in positions]
        return np.array([int.from_bytes(digest[:8], "little") for digest in digests], np.uint64)

    def digest(self, position):
        row = self._one(position)
        row = row + 0.0 if row.dtype.kind == "f" else row  # Turns -0.0 into 0.0.
        return hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest()
