"""Search by the vector database Qdrant, in this process or on a server."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric import distances
from tfmetric._answers import Neighbors
from tfmetric._errors import expected
from tfmetric._optional import require
from tfmetric.search.backends import Saved, register
from tfmetric.search.base import Index, check_k
from tfmetric.search.ids import check_ids, kind_of, signature_kind
from tfmetric.search.qdrant_errors import reported
from tfmetric.search.qdrant_points import dtype_of, id_of, point_of
from tfmetric.typing import Array, Distance, PathLike
from tfmetric.values import excluded_pairs

_METRICS = {
    "cosine": "COSINE",
    "euclidean": "EUCLID",
    "squared_euclidean": "EUCLID",
    "inner_product": "DOT",
    "manhattan": "MANHATTAN",
}
_BATCH = 512


@register("qdrant")
class QdrantIndex(Index):
    """Search by Qdrant, through its client.

    When to use it: if embeddings outgrow one machine's memory, or several processes add and search
    at once. Install the client with ``pip install "tfmetric[qdrant]"``. A collection outlives the
    process; :meth:`save` writes its location and expected contents, not the vectors.

    Args:
        location: ``":memory:"``; a directory, in which the client keeps the collection (one
            process, tens of thousands of embeddings); or the URL of a server or cluster.
        collection: Name of the collection, created by the first addition.
        distance: ``"cosine"``, ``"euclidean"``, ``"squared_euclidean"``, ``"inner_product"`` or
            ``"manhattan"``, or the ``distance`` of a loss.
        **connection: More arguments of ``qdrant_client.QdrantClient``, such as ``api_key`` or
            ``timeout`` in seconds. They are not saved.

    Raises:
        ValueError: If the distance is unknown, or differs from the collection's distance.
        ConnectionError: If the URL does not answer; raised by every method.
        ImportError: If qdrant-client is not installed.

    Example::

        index = QdrantIndex("http://localhost:6333", "faces", "cosine")
        index.add(embeddings, ids)
        ids, distances = index.query(queries, k=10)
    """

    elsewhere = True

    def __init__(
        self,
        location: str | None = ":memory:",
        collection: str = "tfmetric",
        distance: Distance = "cosine",
        **connection: Any,
    ):
        distance = distances.get(distance)
        if distance.builtin not in _METRICS:
            raise ValueError(
                expected(f"distance to be one of {', '.join(_METRICS)}", distance=distance.name)
            )
        super().__init__(distance)
        client = require("qdrant_client", "qdrant")
        self._models = client.models
        self.location, self.collection = str(location), collection
        if "://" in self.location:
            # The client would check versions with a server that may not run yet.
            arguments = {"url": self.location, "check_compatibility": False, **connection}
        elif self.location == ":memory:":
            arguments = {"location": ":memory:", **connection}
        else:
            arguments = {"path": self.location, **connection}
        with self._reported():
            self._client = client.QdrantClient(**arguments)
            self._dim = self._known_dim()
            self._kind = self._known_kind()

    @property
    def dim(self) -> int | None:
        """D, the width of the embeddings; None before the first addition."""
        return self._dim

    @property
    def nbytes(self) -> int:
        """Approximate memory of the vectors if the collection is in this process."""
        return 4 * len(self) * (self.dim or 0) if "://" not in self.location else 0

    def __len__(self) -> int:
        if self._dim is None:
            return 0
        with self._reported():
            return self._client.count(self.collection, exact=True).count

    def add(self, embeddings: Array, ids: Array | None) -> None:
        """Adds embeddings; see :meth:`Index.add`.

        If the connection breaks half-way, some are added: :meth:`remove` these and try again.
        """
        embeddings = self._checked(embeddings)
        like = None if self._kind is None else np.empty(0, dtype_of(self._kind))
        ids = check_ids(ids, len(embeddings), like)
        values = ids.tolist()
        if len(set(values)) < len(values):
            twice = [value for value, times in Counter(values).items() if times > 1]
            raise ValueError(
                expected(f"ids that differ; {len(twice)} are given twice", first=twice[:5])
            )
        if not values:
            return
        known = self._held(values)
        if known:
            raise ValueError(
                expected(
                    f"ids that are not in the index; {len(known)} are: remove them first",
                    first=known[:5],
                )
            )
        kind = kind_of(ids)
        with self._reported():
            if self._dim is None:
                self._make(embeddings.shape[1])
            for start in range(0, len(values), _BATCH):
                points = [
                    self._models.PointStruct(
                        id=point_of(value),
                        vector=vector,
                        # Stored as text, because JSON numbers are not safe beyond 2⁵³.
                        payload={"id": str(value), "kind": kind},
                    )
                    for value, vector in zip(
                        values[start : start + _BATCH],
                        embeddings[start : start + _BATCH].tolist(),
                        strict=True,
                    )
                ]
                self._client.upsert(self.collection, points=points, wait=True)
        self._kind = kind

    def remove(self, ids: Array | None) -> None:
        """Removes embeddings; see :meth:`Index.remove`."""
        values = list(dict.fromkeys(check_ids(ids).tolist()))
        if not values:
            return
        held = set(self._held(values))
        unknown = [value for value in values if value not in held]
        if unknown:
            raise ValueError(
                expected(f"ids that are in the index; {len(unknown)} are not", first=unknown[:5])
            )
        with self._reported():
            for start in range(0, len(values), _BATCH):
                points = [point_of(value) for value in values[start : start + _BATCH]]
                selector = self._models.PointIdsList(points=points)
                self._client.delete(self.collection, points_selector=selector, wait=True)

    def query(self, embeddings: Array, k: int = 10, exclude: Any = None) -> Neighbors:
        """Finds the nearest embeddings; see :meth:`Index.query`."""
        queries, k = self._checked(embeddings), min(check_k(k), len(self))
        filters: dict[int, Any] = {}
        if exclude is not None:
            k, filters = self._without(exclude, len(queries), k)
        ids = np.empty((len(queries), k), dtype_of(self._kind or "int64"))
        found = np.empty((len(queries), k), np.float32)
        for start in range(0, len(queries) if k else 0, _BATCH):
            requests = [
                self._models.QueryRequest(
                    query=vector, limit=k, with_payload=True, filter=filters.get(row)
                )
                for row, vector in enumerate(queries[start : start + _BATCH].tolist(), start)
            ]
            with self._reported():
                answers = self._client.query_batch_points(self.collection, requests=requests)
            for row, answer in enumerate(answers, start):
                points = answer.points
                if len(points) != k or any("id" not in (p.payload or {}) for p in points):
                    raise ValueError(
                        expected(
                            f"{k} points that tfmetric has added to the collection",
                            collection=self.collection,
                            found=len(points),
                        )
                    )
                ids[row] = [id_of(point.payload) for point in points]
                found[row] = [point.score for point in points]
        if self._kind == "str":
            ids = ids.astype(np.str_)
        return Neighbors(ids, self._distances(found))

    def close(self) -> None:
        """Closes the connection, or releases the directory for another process."""
        self._client.close()

    def _distances(self, scores):
        if self.distance == "cosine":
            return np.maximum(1 - scores, 0)
        if self.distance == "inner_product":
            return 0 - scores
        return scores**2 if self.distance == "squared_euclidean" else scores

    def _without(self, exclude, rows, k):
        """Returns k, clipped to the fewest that are left for a query, and filters by query."""
        kind = signature_kind(self._kind or "int64")
        row, ids = excluded_pairs(exclude, kind, rows)
        held = set(self._held(list(dict.fromkeys(ids.tolist()))))
        of_row: dict[int, set] = {}
        for number, value in zip(row.tolist(), ids.tolist(), strict=True):
            if value in held:
                of_row.setdefault(number, set()).add(point_of(value))
        has = self._models.HasIdCondition
        filters = {
            number: self._models.Filter(must_not=[has(has_id=sorted(points))])
            for number, points in of_row.items()
        }
        return min(k, len(self) - max(map(len, of_row.values()), default=0)), filters

    def _held(self, values):
        """Returns the ids that the collection holds."""
        if self._dim is None:
            return []
        held = []
        with self._reported():
            for start in range(0, len(values), _BATCH):
                some = values[start : start + _BATCH]
                points = self._client.retrieve(
                    self.collection, ids=[point_of(value) for value in some], with_payload=False
                )
                there = {str(point.id) for point in points}
                held += [value for value in some if point_of(value) in there]
        return held

    def _make(self, width):
        metric = getattr(self._models.Distance, _METRICS[self.distance])
        self._client.create_collection(
            self.collection,
            vectors_config=self._models.VectorParams(size=width, distance=metric),
        )
        self._dim = width

    def _known_dim(self):
        if not self._client.collection_exists(self.collection):
            return None
        vectors = self._client.get_collection(self.collection).config.params.vectors
        metric = getattr(getattr(vectors, "distance", None), "name", None)
        if metric != _METRICS[self.distance]:
            raise ValueError(
                expected(
                    f"a collection of {self.distance} distance",
                    collection=self.collection,
                    has=metric,
                )
            )
        return vectors.size

    def _known_kind(self):
        if self._dim is None:
            return None
        points, _ = self._client.scroll(self.collection, limit=1, with_payload=True)
        return (points[0].payload or {}).get("kind") if points else None

    def _reported(self):
        return reported(self.location)

    @property
    def settings(self) -> dict[str, Any]:
        """The location of the collection."""
        return {"location": self.location, "collection": self.collection}

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns nothing: the vectors stay in the database."""
        return {}

    def save(self, path: PathLike) -> Path:
        """Writes the location of the collection; see :meth:`Index.save`.

        Raises:
            ValueError: If the collection is in memory, which ends with this process.
        """
        if self.location == ":memory:":
            raise ValueError(
                expected("a location that lasts: a directory or a URL", location=self.location)
            )
        return super().save(path)

    @classmethod
    def from_saved(cls, saved: Saved) -> "QdrantIndex":
        """Connects to the collection of a file; see :meth:`Index.from_saved`."""
        where = saved.settings
        return cls(where["location"], where["collection"], saved.distance, **saved.connection)
