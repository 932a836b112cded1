"""Approximate and exact search by Faiss."""

from typing import Any

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric._optional import require
from tfmetric.search.backends import Saved, register
from tfmetric.search.base import LocalIndex
from tfmetric.search.ids import Ids, pack, unpack
from tfmetric.search.vectors import floored
from tfmetric.typing import Array, Distance

KINDS = ("flat", "hnsw", "ivf_pq")
DISTANCES = ("cosine", "euclidean", "inner_product", "manhattan", "squared_euclidean")
_TRAINING = 39  # Vectors that Faiss's k-means needs for each centre.


@register("faiss")
class FaissIndex(LocalIndex):
    """Search by Faiss: graphs and compressed lists for large sets of embeddings.

    When to use it: beyond a million embeddings, or for thousands of queries a second, if missing a
    few neighbors is acceptable. :func:`tfmetric.search.evaluate` measures how many are missed.
    Install it with ``pip install "tfmetric[search]"``. Faiss decides the order at equal distances.

    Args:
        distance: ``"euclidean"``, ``"squared_euclidean"``, ``"cosine"``, which normalises inside,
            ``"inner_product"`` or ``"manhattan"`` (not with ``"ivf_pq"``), or the ``distance`` of
            a loss.
        kind: ``"flat"`` searches all vectors. ``"hnsw"`` is a graph: fast and nearly exact, but
            slow to build. It keeps the vectors and ``8 * links`` bytes each; removing does not free
            memory. ``"ivf_pq"`` keeps ``code_size`` bytes for each vector and searches ``probes``
            lists. It learns from the first ``add``, so add many embeddings at once.
        links: Links of a node, ``"hnsw"``.
        build_effort: Candidates visited for each added vector, ``"hnsw"``.
        search_effort: Candidates visited for each query, at least k, ``"hnsw"``.
        lists: Number of lists, ``"ivf_pq"``; None for four times the square root of the first add's
            size, or fewer if it is small.
        probes: Number of lists searched for a query.
        code_size: Bytes for each vector; must divide D. None for about D / 4.
        bits: Bits of a code's part, 4 to 12; learning needs ``39 * 2 ** bits`` vectors.

    Raises:
        ValueError: If an argument is unknown or out of range.
        ImportError: If faiss-cpu is not installed.

    Example::

        index = FaissIndex("cosine", kind="hnsw", search_effort=128)
        index.add(embeddings, ids)
        ids, distances = index.query(queries, k=10)
    """

    def __init__(
        self,
        distance: Distance = "euclidean",
        kind: str = "hnsw",
        *,
        links: int = 32,
        build_effort: int = 200,
        search_effort: int = 64,
        lists: int | None = None,
        probes: int = 16,
        code_size: int | None = None,
        bits: int = 8,
    ):
        if kind not in KINDS:
            raise ValueError(expected(f"kind to be one of {KINDS}", kind=kind))
        distance = distances.get(distance)
        possible = DISTANCES if kind != "ivf_pq" else tuple(set(DISTANCES) - {"manhattan"})
        if distance.builtin not in possible:
            raise ValueError(
                expected(
                    f"distance to be one of {', '.join(sorted(possible))} with kind={kind!r}",
                    distance=distance.name,
                )
            )
        self._settings = {
            "kind": kind,
            "links": links,
            "build_effort": build_effort,
            "search_effort": search_effort,
            "lists": lists,
            "probes": probes,
            "code_size": code_size,
            "bits": bits,
        }
        for name, value in self._settings.items():
            free = value is None and name in ("lists", "code_size")
            whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
            if name != "kind" and not (free or whole):
                raise ValueError(expected(f"{name} to be an integer above 0", **{name: value}))
        if not (links >= 2 and 4 <= bits <= 12):
            raise ValueError(
                expected("links of at least 2 and bits from 4 to 12", links=links, bits=bits)
            )
        self._faiss = require("faiss", "search")
        super().__init__(distance)
        self.kind = kind
        self._index: Any = None
        # Faiss numbers additions; numbers of removed vectors stay unused, except in "flat".
        self._alive = np.empty(0, bool)

    def __len__(self) -> int:
        return int(self._alive.sum())

    @property
    def nbytes(self) -> int:
        """Approximate memory of the index in bytes."""
        return 0 if self._index is None else len(self._faiss.serialize_index(self._index))

    def add(self, embeddings: Array, ids: Array | None) -> None:
        """Adds embeddings; see :meth:`Index.add`.

        Raises:
            ValueError: Also if ``"ivf_pq"`` has too few embeddings to learn from.
        """
        super().add(embeddings, ids)

    def remove(self, ids: Array | None) -> None:
        """Removes embeddings; see :meth:`Index.remove`."""
        places = self._ids.places_of(ids)
        places = places[self._alive[places]] if len(places) else places
        if not len(places):
            return
        if self.kind == "hnsw":  # A graph cannot remove a node; searches skip it.
            self._alive[places] = False
        else:
            self._index.remove_ids(np.unique(places))
            self._alive[places] = False
        if self.kind == "flat" or not self._alive.any():
            self._ids.keep(self._alive)
            self._alive = self._alive[self._alive]
            if not len(self._alive):
                self._index = None
        else:
            self._ids.forget(places)

    def _add(self, embeddings):
        vectors = self._prepared(embeddings)
        index = self._index or self._new(vectors)
        if self.kind == "ivf_pq":  # Faiss alone would number from the count after removals.
            numbers = np.arange(len(self._alive), len(self._alive) + len(vectors))
            index.add_with_ids(vectors, numbers)
        else:
            index.add(vectors)
        self._index = index
        self._alive = np.concatenate([self._alive, np.ones(len(vectors), bool)])

    def _prepared(self, embeddings):
        if self.distance != "cosine":
            return embeddings
        wide = embeddings.astype(np.float64)
        norms = np.sqrt(np.einsum("nd,nd->n", wide, wide))
        return (wide / floored(norms)[:, None]).astype(np.float32)

    def _new(self, vectors):
        faiss, settings, width = self._faiss, self._settings, vectors.shape[1]
        metric = {
            "cosine": faiss.METRIC_INNER_PRODUCT,
            "inner_product": faiss.METRIC_INNER_PRODUCT,
            "manhattan": faiss.METRIC_L1,
        }.get(self.distance, faiss.METRIC_L2)
        if self.kind == "flat":
            return faiss.IndexFlat(width, metric)
        if self.kind == "hnsw":
            index = faiss.IndexHNSWFlat(width, settings["links"], metric)
            index.hnsw.efConstruction = settings["build_effort"]
            return index
        least = _TRAINING * 2 ** settings["bits"]
        lists = settings["lists"] or max(1, min(round(4 * len(vectors) ** 0.5), len(vectors) // 39))
        if len(vectors) < max(least, lists):
            raise ValueError(
                expected(
                    f"at least {max(least, lists):,} embeddings in the first add, for "
                    'kind="ivf_pq" to learn from: add more at once, lower bits, or use "hnsw"',
                    count=len(vectors),
                    bits=settings["bits"],
                )
            )
        size = settings["code_size"] or _divisor(width)
        if width % size:
            raise ValueError(
                expected(
                    f"code_size to divide the width of the embeddings, {width}", code_size=size
                )
            )
        coarse = faiss.IndexFlat(width, metric)
        index = faiss.IndexIVFPQ(coarse, width, lists, size, settings["bits"], metric)
        index.cp.min_points_per_centroid = 1  # Checked above; here Faiss would print a warning.
        index.train(vectors)
        return index

    def _nearest(self, queries, k):
        queries = self._prepared(queries)
        found, numbers = self._index.search(queries, k, **self._parameters(k))
        for effort in (8, 0):  # Lists may hold fewer than k vectors, and a graph may miss some.
            short = np.flatnonzero((numbers < 0).any(axis=1))
            if not len(short):
                break
            again = self._parameters(k, effort)
            found[short], numbers[short] = self._index.search(queries[short], k, **again)
        if (numbers < 0).any():
            found, numbers = self._all_looked_at(queries, k)
        return numbers, self._distances(found)

    def _parameters(self, k, effort=1):
        """Returns the parameters of a search; ``effort`` 0 is exhaustive."""
        faiss, settings = self._faiss, self._settings
        if self.kind == "flat":
            return {}
        if self.kind == "ivf_pq":
            probes = settings["probes"] * effort or self._index.nlist
            return {"params": faiss.SearchParametersIVF(nprobe=min(probes, self._index.nlist))}
        gone = np.flatnonzero(~self._alive)
        candidates = max(settings["search_effort"], k) * effort or len(self._alive)
        parameters = faiss.SearchParametersHNSW(efSearch=min(candidates, len(self._alive)))
        if len(gone):
            self._passed_over = faiss.IDSelectorBatch(gone)  # Faiss keeps no reference.
            self._selector = faiss.IDSelectorNot(self._passed_over)
            parameters.sel = self._selector
        return {"params": parameters}

    def _all_looked_at(self, queries, k):
        """Searches the vectors of the graph directly, for queries where the graph found too few."""
        flat = self._faiss.downcast_index(self._index.storage)
        alive = np.flatnonzero(self._alive)
        index = self._faiss.IndexFlat(self._index.d, self._index.metric_type)
        index.add(flat.reconstruct_batch(alive))
        found, places = index.search(queries, k)
        return found, alive[places]

    def _distances(self, found):
        if self.distance == "cosine":
            return np.maximum(1 - found, 0)
        if self.distance == "inner_product":
            return 0 - found
        found = np.maximum(found, 0)
        return np.sqrt(found) if self.distance == "euclidean" else found

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of the class without the distance and without None."""
        return {name: value for name, value in self._settings.items() if value is not None}

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the ids and the index as serialised by Faiss."""
        found = pack(self._ids.values) | {"alive": self._alive}
        if self._index is not None:
            found["faiss"] = self._faiss.serialize_index(self._index)
        return found

    @classmethod
    def from_saved(cls, saved: Saved) -> "FaissIndex":
        """Restores the index from a file; see :meth:`Index.from_saved`."""
        index, arrays = cls(saved.distance, **saved.settings), saved.arrays
        index._dim, index._alive = saved.dim, arrays["alive"]
        if len(index._alive):
            index._ids = Ids(unpack(arrays))
        if "faiss" in arrays:
            try:
                index._index = index._faiss.deserialize_index(arrays["faiss"])
            except RuntimeError as error:
                raise ValueError(
                    expected("an index that Faiss can read", faiss=str(error)[:80])
                ) from error
            index._ids.forget(np.flatnonzero(~index._alive))
        held = 0 if index._index is None else index._index.ntotal
        counted = len(index._alive) if index.kind == "hnsw" else len(index)
        if not (len(index._ids) == len(index._alive) and held == counted):
            raise ValueError(expected("as many ids as vectors", ids=len(index._ids), vectors=held))
        return index


def _divisor(width):
    """Returns the largest divisor of the width up to a quarter of it, or 1."""
    return max((n for n in range(1, width // 4 + 1) if width % n == 0), default=1)
