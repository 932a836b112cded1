# The methods are described once, on the protocol that the classes here follow.
# ruff: noqa: D102
"""The interface to read examples from any storage.

A source returns small *handles* for examples (an index, a path, some bytes); the sampling code and
the Python generator use only these. Its *loader* turns handles into examples in TensorFlow, in
parallel. So a million images start in seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from tfmetric.elements import Element, kind_of

# TensorFlow gathers an array up to this size; NumPy reads a larger array, or one on disk, row by
# row.
IN_GRAPH_BYTES = 2**30


class Source(Protocol):
    """Examples of one kind, read by position."""

    element: Element
    batched: bool  # Whether the loader takes a batch of handles or the handles of one example.

    def __len__(self) -> int:
        """Returns the number of examples."""

    def handle_specs(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Returns (dtype, shape of one) for each array that `handles` returns."""

    def handles(self, positions: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the handles of these examples for the pipeline."""

    def loader(self) -> Callable[..., Any]:
        """Makes a TensorFlow function from handles to examples, for one pipeline."""

    def read(self, positions: np.ndarray) -> np.ndarray:
        """Returns the examples as one array in this order."""

    def ids(self, positions: np.ndarray) -> np.ndarray:
        """Returns the origins of these examples, as text."""

    def fingerprints(self, positions: np.ndarray) -> np.ndarray:
        """Returns a cheap `uint64` for each example, equal for equal contents (not conversely)."""

    def digest(self, position: int) -> bytes:
        """Returns a hash of the content of one example."""


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
            name: Prefix of the ids without `ids`.
            ids: Origin of each example, text `(N,)`.
            element: Description of one example; by default by the rules of `elements.kind_of`.
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
        width = int(np.prod(self._array.shape[1:]))
        columns = np.unique(np.linspace(0, max(width - 1, 0), min(width, 64)).astype(np.int64))
        odd = np.random.default_rng(0).integers(1, 2**62, len(columns), dtype=np.uint64) * 2 + 1
        out = np.empty(len(positions), np.uint64)
        for start in range(0, len(positions), 4096):
            part = positions[start : start + 4096]
            values = self._array[part].reshape(len(part), width)[:, columns]
            if values.dtype.kind == "f":
                values = (values + 0.0).view(f"u{values.dtype.itemsize}")  # Turns -0.0 into 0.0.
            out[start : start + len(part)] = (values.astype(np.uint64) * odd).sum(1)
        return out

    def digest(self, position):
        row = self._array[position]
        row = row + 0.0 if row.dtype.kind == "f" else row
        return hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest()
