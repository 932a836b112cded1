"""Embeds both sides of a relation, by models or from given arrays."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData

_BATCH = 256
_ROWS = 2**16


def embeddings_of(embedder: Any, relation: Any) -> tuple[Embeddings, Embeddings]:
    """Reads the argument `embedder` of `mine_hard_negatives`.

    Args:
        embedder: A two-tower model, a model, or a pair of models or arrays.
        relation: The relation.

    Raises:
        ValueError: If arrays do not fit the sides or each other.
    """
    if isinstance(embedder, (tuple, list)):
        if len(embedder) != 2:
            raise ValueError(
                expected("an embedder or a pair of them, left and right", number=len(embedder))
            )
        left, right = embedder
    elif hasattr(embedder, "query") and hasattr(embedder, "candidate"):
        left, right = embedder.query, embedder.candidate
    else:
        left = right = embedder
    sides = (left, "left", relation.left), (right, "right", relation.right)
    found = tuple(
        _Modelled(given, data) if callable(given) else _Given(given, name, len(data))
        for given, name, data in sides
    )
    if found[0].dim != found[1].dim:
        raise ValueError(
            expected("embeddings of one width", left_dim=found[0].dim, right_dim=found[1].dim)
        )
    return found[0], found[1]


class Embeddings:
    """The embeddings of one side.

    Attributes:
        dim: D.
        given: Whether they are at hand, not to be computed.
    """

    dim: int
    given: bool

    def some(self, places: np.ndarray) -> np.ndarray:
        """The embeddings `(B, D)` of some places."""
        raise NotImplementedError

    def all(self) -> np.ndarray:
        """The embeddings `(N, D)` of the side."""
        raise NotImplementedError

    def digest(self) -> str:
        """A short text that differs for other embeddings."""
        raise NotImplementedError


class _Given(Embeddings):
    given = True

    def __init__(self, array, name, count):
        self._array = array if isinstance(array, np.ndarray) else np.asarray(array)
        if (
            self._array.ndim != 2
            or len(self._array) != count
            or self._array.dtype.kind not in "fiu"
        ):
            raise ValueError(
                expected(
                    f"embeddings ({count}, D) of the {name} elements, or a model",
                    shape=self._array.shape,
                    dtype=str(self._array.dtype),
                )
            )
        self.dim = self._array.shape[1]

    def some(self, places):
        return np.asarray(self._array[places], np.float32)

    def all(self):
        return self._array

    def digest(self):
        found = hashlib.sha256(f"{self._array.dtype}{self._array.shape}".encode())
        for start in range(0, len(self._array), _ROWS):
            found.update(np.ascontiguousarray(self._array[start : start + _ROWS]))
        return found.hexdigest()[:16]


class _Modelled(Embeddings):
    given = False

    def __init__(self, model: Any, data: LabeledData):
        self._model, self._data = model, data
        self.dim = model.output_shape[-1]

    def some(self, places):
        import keras

        data = self._data.subset(places)
        # Only TensorFlow reads the pipeline; other backends take arrays.
        inputs = data.batches(_BATCH) if keras.config.backend() == "tensorflow" else data.read()
        return self._model.predict(inputs, batch_size=None, verbose=0).astype(np.float32)

    def all(self):
        count = len(self._data)
        found = np.empty((count, self.dim), np.float32)
        for start in range(0, count, _ROWS):
            places = np.arange(start, min(start + _ROWS, count))
            found[places] = self.some(places)
        return found

    def digest(self):
        found = hashlib.sha256()
        for weight in self._model.weights:
            values = np.ascontiguousarray(weight)
            found.update(f"{values.dtype}{values.shape}".encode())
            found.update(values)
        return found.hexdigest()[:16]
