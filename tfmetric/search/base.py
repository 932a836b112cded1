"""The one interface of every index."""

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
from tfmetric.search.ids import Ids
from tfmetric.search.restoring import restore
from tfmetric.typing import Array, PathLike


class Index(ABC):
    """Embeddings that can be searched, each under an id.

    The same few methods whatever is behind them: :class:`ExactIndex` in this process,
    :class:`FaissIndex` for approximate search, :class:`QdrantIndex` for a database. Ids are
    integers of any size that int64 or uint64 holds, or strings; an index has one kind, that of
    the first it was given. Nothing is normalised but by the cosine distance.

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
        """D, the width of the embeddings; None before the first are added."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """About how much memory the index takes in this process, ids left out."""

    @abstractmethod
    def __len__(self) -> int:
        """How many embeddings there are."""

    @abstractmethod
    def add(self, embeddings: Array, ids: Array | None) -> None:
        """Adds embeddings: all of them, or none if there is an error.

        Args:
            embeddings: (N, D), finite.
            ids: (N,), integers or strings that the index does not hold.

        Raises:
            ValueError: If they are not such embeddings and ids; the message says which.
        """

    @abstractmethod
    def remove(self, ids: Array | None) -> None:
        """Removes embeddings: all of them, or none if an id is not there.

        Many at once cost little more than one.

        Args:
            ids: (n,); twice the same counts once.

        Raises:
            ValueError: If the index does not hold an id; the message says which.
        """

    @abstractmethod
    def query(self, embeddings: Array, k: int = 10) -> Neighbors:
        """Finds the nearest.

        Args:
            embeddings: (B, D), finite.
            k: How many, clipped to the size of the index.

        Returns:
            :class:`Neighbors`, nearest first: ``ids, distances = index.query(embeddings, k)``,
            both (B, k). Distances are float32.

        Raises:
            ValueError: If k is no integer above 0, or the embeddings are not of this index's
                width, or not finite.
        """

    def save(self, path: PathLike) -> Path:
        """Writes the index to one file, which takes the place of ``path`` when it is complete.

        It is a NumPy ``.npz`` archive without pickled objects, with a header in JSON that says
        what it is and holds a SHA-256 of each part. :func:`tfmetric.search.load` reads it.

        Args:
            path: The file.

        Returns:
            The path.

        Raises:
            ValueError: If the distance is a function without a name, which no file can hold; see
                :func:`tfmetric.distances.register`.
            TypeError: If nobody registered the class; see :func:`tfmetric.search.register`.
        """
        name = backends.name_of(type(self))
        if not self._distance.registered:
            raise ValueError(
                expected(
                    "a distance with a name, one of tfmetric.distances.names(), in an index that "
                    "is saved; tfmetric.distances.register gives a function its name",
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
    """Whether the embeddings live outside of the file, in a database that others change too."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The arguments that the index was made with, the distance left out; JSON holds them."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Returns what :meth:`save` writes beside the settings, arrays without Python objects."""

    @classmethod
    @abstractmethod
    def from_saved(cls, saved: backends.Saved) -> "Index":
        """Makes the index of a file.

        Args:
            saved: What the file holds: :attr:`settings`, :meth:`arrays` and the distance.

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
        # Called for what an index lacks only; other libraries name its methods otherwise.
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
    """An index that lives in this process: ids here, vectors in the subclass."""

    def __init__(self, distance: Distance):
        super().__init__(distance)
        self._ids = Ids()
        self._dim = None

    @property
    def dim(self) -> int | None:
        """D, the width of the embeddings; None before the first are added."""
        return self._dim

    def add(self, embeddings, ids) -> None:
        """Adds embeddings; see :meth:`Index.add`."""
        embeddings = self._checked(embeddings)
        ids = self._ids.check_new(ids, len(embeddings))
        if len(ids):
            self._add(embeddings)
            self._dim = embeddings.shape[1]
            self._ids.append(ids)

    def query(self, embeddings, k: int = 10) -> Neighbors:
        """Finds the nearest; see :meth:`Index.query`."""
        queries, k = self._checked(embeddings), min(check_k(k), len(self))
        if not k or not len(queries):
            nothing = np.empty((len(queries), k))
            return Neighbors(self._ids.take(nothing.astype(int)), nothing.astype(np.float32))
        places, found = self._nearest(queries, k)
        return Neighbors(self._ids.take(places), found)

    @abstractmethod
    def _add(self, embeddings):
        """Takes in (N, D), N > 0."""

    @abstractmethod
    def _nearest(self, queries, k):
        """Places (B, k) among the ids and distances (B, k), B > 0 and 0 < k <= len(self)."""
