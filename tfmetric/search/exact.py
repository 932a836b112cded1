"""Exact search over every vector."""

import os
from typing import Any

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation.distances.parallel_blocks import run_blocks
from tfmetric.search import products, without_products
from tfmetric.search.backends import Saved, register
from tfmetric.search.base import LocalIndex
from tfmetric.search.ids import Ids, pack, unpack
from tfmetric.search.storage import STORAGES, encode
from tfmetric.search.vectors import Vectors
from tfmetric.typing import Array, Distance

# Queries processed together: more make a matrix product faster and read vectors less often, but
# each core needs some.
_LEAST_BLOCK, _MOST_BLOCK = 256, 1024
_MOST_FOUND = 2**21
_FULL = STORAGES[:3]


@register("exact")
class ExactIndex(LocalIndex):
    """Compares every embedding: results are exact, and time grows with the size.

    When to use it: for up to about a million embeddings, and as the reference for an approximate
    index. It needs only NumPy; matrix products and threads use all cores. Neighbors are sorted by
    distances computed in float64 and rounded to float32; ties keep the order of addition. Other
    queries of the call do not change the result.

    Args:
        distance: Name, function, or the ``distance`` of a loss; see :func:`tfmetric.distances.get`.
            Use the distance of the loss that trained the model.
        storage: How embeddings are kept. ``"float32"``: 4 bytes per coordinate. ``"float16"``: 2
            bytes, each coordinate off by at most 0.05 % of itself. ``"int8"``: 1 byte, each
            coordinate off by at most a 254th of the vector's largest. ``"binary"``: 1 bit, whether
            the coordinate is above 0 (above a half under ``"hamming"``). Distances refer to the
            stored values.
        rescore: With ``"binary"``: ``"float32"``, ``"float16"`` or ``"int8"`` also keeps the
            embeddings in this form; bits choose candidates, whose distances are then computed. None
            keeps only the bits, and the distance must be ``"hamming"``, the share of differing
            bits. For the signs of other embeddings pass ``embeddings > 0``.
        oversample: With ``rescore``: number of candidates for each neighbor.

    Raises:
        ValueError: If an argument is unknown, or arguments do not fit together.

    Example:

    >>> import numpy as np
    >>> index = ExactIndex("euclidean", storage="float16")
    >>> index.add([[0.0, 1.0], [3.0, 4.0]], [17, 42])
    >>> index.query([[0.0, 0.0]], k=5).distances.tolist()
    [[1.0, 5.0]]
    """

    def __init__(
        self,
        distance: Distance = "euclidean",
        storage: str = "float32",
        rescore: str | None = None,
        oversample: int = 10,
    ):
        if storage not in STORAGES:
            raise ValueError(expected(f"storage to be one of {STORAGES}", storage=storage))
        if rescore not in (None, *_FULL) or (rescore and storage != "binary"):
            raise ValueError(
                expected(
                    f'rescore to be one of {_FULL}, with storage="binary", or None',
                    rescore=rescore,
                    storage=storage,
                )
            )
        if isinstance(oversample, bool) or not (isinstance(oversample, int) and oversample > 0):
            raise ValueError(expected("oversample to be an integer above 0", oversample=oversample))
        bits_alone = storage == "binary" and rescore is None
        distance = distances.get(distance)
        if bits_alone and distance.builtin != "hamming":
            raise ValueError(
                expected(
                    'distance="hamming" with storage="binary", or rescore="int8" (or "float16", '
                    '"float32") to compute the distances of the candidates',
                    distance=distance.name,
                )
            )
        super().__init__(distance)
        self.storage, self.rescore, self.oversample = storage, rescore, oversample
        # Returns the kept vectors and bits, each possibly None.
        self._vectors: Vectors | None = None
        self._bits: Vectors | None = None

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def nbytes(self) -> int:
        """Memory of the vectors in bytes."""
        return sum(part.nbytes for part in (self._vectors, self._bits) if part is not None)

    def remove(self, ids: Array | None) -> None:
        """Removes embeddings; see :meth:`Index.remove`."""
        places = self._ids.places_of(ids)
        if not len(places):
            return
        mask = np.ones(len(self), bool)
        mask[places] = False
        for part in (self._vectors, self._bits):
            if part is not None:
                part.keep(mask)
        self._ids.keep(mask)

    def _add(self, embeddings):
        full = self.rescore or self.storage
        if full in _FULL:
            # The index keeps a copy, so later changes by the caller have no effect.
            rows = encode(embeddings, full)  # Values beyond float16 raise an error here.
            if self._vectors is None or not len(self._vectors):
                rows["vectors"] = rows["vectors"].copy()
                self._vectors = Vectors(rows, full, embeddings.shape[1])
            else:
                self._vectors.append(embeddings)
        if self.storage == "binary":
            if self._bits is None or not len(self._bits):
                self._bits = Vectors.of(self._ones(embeddings), "binary")
            else:
                self._bits.append(self._ones(embeddings))

    def _nearest(self, queries, k):
        places = np.empty((len(queries), k), np.int64)
        found = np.empty((len(queries), k), np.float32)

        def work(block):
            places[block], found[block] = self._of_block(queries[block], k)

        each = -(-len(queries) // (os.cpu_count() or 1))
        size = min(max(each, _LEAST_BLOCK), _MOST_BLOCK, max(1, _MOST_FOUND // k))
        blocks = [np.arange(i, min(i + size, len(queries))) for i in range(0, len(queries), size)]
        by_bits = self.storage == "binary" and self.rescore is None
        by_us = by_bits or self._distance.builtin in (*products.DISTANCES, "manhattan")
        threads = None if by_us else 1  # Keras uses its own threads.
        run_blocks(work, blocks, "Searching", show=False, threads=threads)
        return places, found

    def _ones(self, embeddings):
        """Returns which coordinates become a set bit."""
        # The Hamming distance reads a coordinate as the probability of a 1.
        return embeddings > (0.5 if self._distance.builtin == "hamming" else 0)

    def _of_block(self, queries, k):
        if self._bits is None:
            if self._distance.builtin in products.DISTANCES:
                return products.nearest(queries, self._vectors, self.distance, k)
            return without_products.nearest(queries, self._vectors, self._distance, k)
        words = encode(self._ones(queries), "binary")["vectors"]
        if self.rescore is None:
            places, bits = without_products.nearest_by_bits(words, self._bits.kept, k)
            return places, (bits / self.dim).astype(np.float32)
        wanted = min(k * self.oversample, len(self))
        candidates, _ = without_products.nearest_by_bits(words, self._bits.kept, wanted)
        return self._rescored(queries, np.sort(candidates, axis=1), k)

    def _rescored(self, queries, candidates, k):
        if self._distance.builtin in products.DISTANCES:
            norms = np.sqrt(np.einsum("nd,nd->n", queries, queries, dtype=np.float64))
            row = np.repeat(np.arange(len(queries)), candidates.shape[1])
            every = np.ones(len(queries), bool)
            column = candidates.ravel()
            return products.among(
                queries, norms, self._vectors, self.distance, k, row, column, every
            )
        places, found = [], []
        for query, own in zip(queries, candidates, strict=True):
            some = Vectors.of(self._vectors.read(own), "float32")
            place, distance = without_products.nearest(query[None], some, self._distance, k)
            places.append(own[place[0]])
            found.append(distance[0])
        return np.stack(places), np.stack(found)

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of the class without the distance."""
        found: dict[str, Any] = {"storage": self.storage}
        if self.rescore:
            found |= {"rescore": self.rescore, "oversample": self.oversample}
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the ids and the stored vectors."""
        found = pack(self._ids.values)
        if self._vectors is not None:
            found |= self._vectors.arrays()
        if self._bits is not None:
            found["bits"] = self._bits.kept
        return found

    @classmethod
    def from_saved(cls, saved: Saved) -> "ExactIndex":
        """Restores the index from a file; see :meth:`Index.from_saved`."""
        index, arrays = cls(saved.distance, **saved.settings), saved.arrays
        dim, full = saved.dim, index.rescore or index.storage
        if dim is None:
            return index
        if full in _FULL:
            parts = {name: arrays[name] for name in ("vectors", "scales") if name in arrays}
            _check(parts["vectors"], (saved.count, dim), np.dtype(full))
            if full == "int8":
                _check(parts["scales"], (saved.count,), np.dtype(np.float32))
            index._vectors = Vectors(parts, full, dim)
        if index.storage == "binary":
            _check(arrays["bits"], (saved.count, -(-dim // 64)), np.dtype(np.uint64))
            index._bits = Vectors({"vectors": arrays["bits"]}, "binary", dim)
        index._ids, index._dim = Ids(unpack(arrays)), dim
        return index


def _check(array, shape, dtype):
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            expected(f"{dtype} vectors of shape {shape}", shape=array.shape, dtype=str(array.dtype))
        )
