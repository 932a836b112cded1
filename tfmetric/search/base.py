"""The interface of every index."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from tfmetric import distances
from tfmetric._answers import Neighbors
from tfmetric._errors import expected
from tfmetric._foreign_names import missing_method
from tfmetric.distances import Distance
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.search import backends, files
from tfmetric.search.excluding import nearest_without
from tfmetric.search.ids import Ids, signature_kind
from tfmetric.search.restoring import restore
from tfmetric.typing import Array, PathLike
from tfmetric.values import excluded_pairs


class Index(ABC):
    """Searchable embeddings, each under an id.

    All implementations share a few methods: :class:`ExactIndex` in this process,
    :class:`FaissIndex` for approximate search, :class:`QdrantIndex` for a database. Ids are
    integers that fit int64 or uint64, or strings; the first ids decide the kind of an index. Only
    the cosine distance normalises.

    Example:

    >>> import numpy as np
    >>> from tfmetric.search import ExactIndex
    >>> index = ExactIndex("cosine")
    >>> index.add(np.eye(3), ["a", "b", "c"])
    >>> ids, distances = index.query([[0.9, 0.1, 0.0]], k=2)
    >>> ids.tolist()
    [['a', 'b']]
    >>> index.remove(["a"])
    >>> len(index), index.dim, index.distance
    (2, 3, 'cosine')
    """

    def __init__(self, distance: str | Distance):
        self._distance = distances.get(distance)

    @property
    def distance(self) -> str:
        """The name of the distance; see :func:`tfmetric.distances.get`."""
        return self._distance.name

    @property
    @abstractmethod
    def dim(self) -> int | None:
        """D, the width of the embeddings; None before the first addition."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Approximate memory of the index in this process in bytes, without ids."""

    @abstractmethod
    def __len__(self) -> int:
        """Returns the number of embeddings."""

    @abstractmethod
    def add(self, embeddings: Array, ids: Array | None) -> None:
        """Adds all embeddings, or none if there is an error.

        Args:
            embeddings: (N, D), finite.
            ids: (N,), integers or strings that the index does not hold.

        Raises:
            ValueError: If embeddings or ids are invalid; the message names them.
        """

    @abstractmethod
    def remove(self, ids: Array | None) -> None:
        """Removes embeddings: all of them, or none if an id is not there.

        Many at once cost little more than one.

        Args:
            ids: (n,); twice the same counts once.

        Raises:
            ValueError: If the index does not hold an id; the message names it.
        """

    @abstractmethod
    def query(self, embeddings: Array, k: int = 10, exclude: Any = None) -> Neighbors:
        """Finds the nearest embeddings of each query.

        Args:
            embeddings: (B, D), finite.
            k: Number of neighbors, clipped to the size of the index.
            exclude: Ids to leave out of the result of each query, such as its own or the items that
                a user has seen: (B,), (B, E), or B lists of any lengths. Ids that the index does
                not hold exclude nothing. k is clipped to the fewest that are left for a query.

        Returns:
            :class:`Neighbors`, nearest first: ``ids, distances = index.query(embeddings, k)``,
            both (B, k). Distances are float32.

        Raises:
            ValueError: If k is not an integer above 0, or the embeddings are not of this index's
                width, or not finite, or ``exclude`` has another kind of id or number of rows.
        """

    def save(self, path: PathLike) -> Path:
        """Writes the index to one file, which replaces ``path`` once it is complete.

        It is a NumPy ``.npz`` archive without pickled objects, with a JSON header that describes
        the index and holds a SHA-256 of each part. :func:`tfmetric.search.load` reads it.

        Args:
            path: The file.

        Returns:
            The path.

        Raises:
            ValueError: If the distance is an unnamed function, which no file can hold; see
                :func:`tfmetric.distances.register`.
            TypeError: If the class is not registered; see :func:`tfmetric.search.register`.
        """
        name = backends.name_of(type(self))
        if not self._distance.registered:
            raise ValueError(
                expected(
                    "a distance with a name, one of tfmetric.distances.names(), to save the "
                    "index; tfmetric.distances.register names a function",
                    distance=self.distance,
                )
            )
        about = {"index": name, "distance": self.distance, "dim": self.dim, "count": len(self)}
        files.write(path, {**about, "settings": self.settings}, self.arrays())
        return Path(path)

    @classmethod
    def load(cls, path: PathLike, **connection: Any) -> "Index":
        """Reads a file as :func:`tfmetric.search.load` does, and checks that it is of this class.

        Raises:
            ValueError: If the file holds an index of another class, or none.
        """
        found = restore(path, connection)
        if not isinstance(found, cls):
            raise ValueError(
                expected(f"a file of {cls.__name__}", path=str(path), holds=type(found).__name__)
            )
        return found

    elsewhere: ClassVar[bool] = False
    """Whether the embeddings live in a database that other processes may change."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The arguments of the index without the distance, as values that JSON can hold."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the arrays that :meth:`save` writes, without Python objects."""

    @classmethod
    @abstractmethod
    def from_saved(cls, saved: backends.Saved) -> "Index":
        """Restores the index from a file.

        Args:
            saved: Contents of the file: :attr:`settings`, :meth:`arrays` and the distance.

        Raises:
            ValueError: If the parts do not fit together; a KeyError counts likewise.
        """

    def _checked(self, embeddings, name="embeddings"):
        array = check_embeddings(embeddings, name)
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(array, np.float32)
        if not np.isfinite(array).all():
            raise ValueError(expected(f"{name} that float32 can hold", dtype=str(array.dtype)))
        if array.shape[1] == 0 or self.dim not in (None, array.shape[1]):
            raise ValueError(
                expected(
                    f"{name} of width {self.dim or 'at least 1'}, as the index holds",
                    **{f"{name}_shape": array.shape},
                )
            )
        return array

    def __getattr__(self, name: str) -> NoReturn:
        # Called only for missing attributes, to answer method names of other libraries.
        raise missing_method(type(self).__name__, name)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.distance!r}, count={len(self)}, dim={self.dim}, "
            f"{', '.join(f'{name}={value!r}' for name, value in self.settings.items())})"
        )


def check_k(k) -> int:
    """Returns k as an int.

    Raises:
        ValueError: If it is no integer above 0.
    """
    if isinstance(k, bool) or not (isinstance(k, (int, np.integer)) and k > 0):
        raise ValueError(expected("k to be an integer above 0", k=k))
    return int(k)


class LocalIndex(Index):
    """An index in this process: it holds ids, its subclass vectors."""

    def __init__(self, distance: Distance):
        super().__init__(distance)
        self._ids = Ids()
        self._dim: int | None = None

    @property
    def dim(self) -> int | None:
        """D, the width of the embeddings; None before the first addition."""
        return self._dim

    def add(self, embeddings, ids) -> None:
        """Adds embeddings; see :meth:`Index.add`."""
        embeddings = self._checked(embeddings)
        ids = self._ids.check_new(ids, len(embeddings))
        if len(ids):
            self._add(embeddings)
            self._dim = embeddings.shape[1]
            self._ids.append(ids)

    def query(self, embeddings, k: int = 10, exclude: Any = None) -> Neighbors:
        """Finds the nearest embeddings; see :meth:`Index.query`."""
        queries, k = self._checked(embeddings), min(check_k(k), len(self))
        if exclude is not None:
            row, ids = excluded_pairs(exclude, signature_kind(self._ids.kind), len(queries))
            place = self._ids.held_places(ids)
            row, place = row[place >= 0], place[place >= 0]
        if not k or not len(queries):
            nothing = np.empty((len(queries), k))
            return Neighbors(self._ids.take(nothing.astype(int)), nothing.astype(np.float32))
        if exclude is None:
            places, found = self._nearest(queries, k)
        else:
            places, found = nearest_without(
                lambda some, k: self._nearest(queries[some], k),
                len(queries),
                len(self),
                k,
                row,
                place,
            )
        return Neighbors(self._ids.take(places), found)

    @abstractmethod
    def _add(self, embeddings):
        """Stores (N, D), N > 0."""

    @abstractmethod
    def _nearest(self, queries, k):
        """Positions (B, k) among the ids and distances (B, k), B > 0 and 0 < k <= len(self)."""
