"""The ids of an index, in order of addition: all integers or all strings."""

from collections.abc import Mapping

import numpy as np

from tfmetric import values
from tfmetric._errors import expected
from tfmetric.search.growing import GrowingArray

KINDS = ("int64", "uint64", "str")


class Ids:
    """Ids and their places, the row numbers.

    The first ids decide the kind: int64, uint64 or strings.
    """

    def __init__(self, held: np.ndarray | None = None):
        self._values: GrowingArray | None = None if held is None else GrowingArray(held)
        self._places = None

    def __len__(self) -> int:
        return 0 if self._values is None else len(self._values)

    @property
    def values(self) -> np.ndarray:
        """(N,), int64 or uint64, or objects that are strings."""
        return np.empty(0, np.int64) if self._values is None else self._values.rows

    @property
    def kind(self) -> str:
        """The kind of the ids, one of ``KINDS``."""
        return kind_of(self.values)

    def take(self, places: np.ndarray) -> np.ndarray:
        """Returns the ids at places of any shape; strings as a NumPy array of strings."""
        found = self.values[places]
        return found.astype(np.str_) if found.dtype == object else found

    def check_new(self, ids, count: int) -> np.ndarray:
        """Returns ids to add as an array like ``values``.

        Raises:
            ValueError: If they are not ``count`` integers or strings of the index's kind, or if an
                id is repeated or already there.
        """
        ids = check_ids(ids, count, self.values if len(self) else None)
        found, times = np.unique(ids, return_counts=True)
        if len(found) < len(ids):
            twice = found[times > 1].tolist()
            raise ValueError(
                expected(f"ids that differ; {len(twice)} are given twice", first=twice[:5])
            )
        places = self._all_places() if len(self) else {}
        known = [value for value in ids.tolist() if value in places]
        if known:
            raise ValueError(
                expected(
                    f"ids that are not in the index; {len(known)} are: remove them first",
                    first=known[:5],
                )
            )
        return ids

    def append(self, ids: np.ndarray) -> None:
        """Adds ids from :meth:`check_new`."""
        if self._places is not None:
            self._places.update(
                zip(ids.tolist(), range(len(self), len(self) + len(ids)), strict=True)
            )
        if self._values is None or not len(self):
            self._values = GrowingArray(ids)
        else:
            self._values.append(ids)

    def places_of(self, ids) -> np.ndarray:
        """Returns the places of ids, (n,).

        Raises:
            ValueError: If an id is missing.
        """
        asked = values.ids(ids).tolist()
        places = self._all_places() if asked else {}
        unknown = [value for value in dict.fromkeys(asked) if value not in places]
        if unknown:
            raise ValueError(
                expected(
                    f"ids that are in the index; {len(unknown)} are not",
                    first=unknown[:5],
                    kind=self.kind,
                )
            )
        return np.array([places[value] for value in asked], np.int64)

    def held_places(self, ids: np.ndarray) -> np.ndarray:
        """Returns the places of ids (n,) of the kind of the index, −1 for an id that is missing."""
        places = self._all_places() if len(ids) else {}
        return np.array([places.get(value, -1) for value in ids.tolist()], np.int64)

    def keep(self, mask: np.ndarray) -> None:
        """Removes the ids where the mask is False; later ids move up."""
        if self._values is not None:
            self._values.keep(mask)
        self._places = None

    def forget(self, places: np.ndarray) -> None:
        """Removes the ids at places, which stay empty; other ids keep their places."""
        known, held = self._all_places(), self.values
        for place in places.tolist():
            if known.get(value := held[place : place + 1].tolist()[0]) == place:
                del known[value]

    def _all_places(self):
        # Built on first need, so that an index that is built once and queried does not pay for it.
        if self._places is None:
            # An id that was removed and added again counts at its last place.
            self._places = {value: place for place, value in enumerate(self.values.tolist())}
        return self._places


def kind_of(ids: np.ndarray) -> str:
    """Returns the kind of an array of ids."""
    return "str" if ids.dtype == object else ids.dtype.name


def signature_kind(kind: str) -> str:
    """Returns the name of a kind as :func:`tfmetric.values.excluded_pairs` takes it."""
    return "string" if kind == "str" else kind


def check_ids(ids, count: int | None = None, like: np.ndarray | None = None) -> np.ndarray:
    """Converts ids to int64, to uint64 if necessary, or to an array of Python strings.

    Args:
        ids: (count,), integers or strings.
        count: Required number; None for any number.
        like: Ids of the required kind, or None.

    Raises:
        ValueError: If the ids are not valid.
    """
    array = values.ids(ids, count)
    if like is not None and array.dtype != like.dtype and array.dtype != object:
        # Small unsigned ids fit int64, and non-negative signed ids fit uint64.
        if like.dtype == np.uint64 and array.min(initial=0) >= 0:
            array = array.astype(np.uint64)
        elif like.dtype == np.int64 and int(array.max(initial=0)) < 2**63:
            array = array.astype(np.int64)
    if like is not None and array.size and array.dtype != like.dtype:
        raise ValueError(
            expected(
                f"ids of the kind of those in the index, {kind_of(like)}",
                kind=kind_of(array),
                first=array[:3].tolist(),
            )
        )
    return array


def pack(ids: np.ndarray) -> dict[str, np.ndarray]:
    """Converts ids to arrays that NumPy saves without pickling: strings become UTF-8 and ends."""
    if ids.dtype != object:
        return {"ids": ids}
    texts = [value.encode(errors="surrogatepass") for value in ids.tolist()]
    return {
        "id_bytes": np.frombuffer(b"".join(texts), np.uint8),
        "id_ends": np.cumsum([len(text) for text in texts], dtype=np.int64),
    }


def unpack(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Restores the ids from :func:`pack`."""
    if "ids" in arrays:
        return arrays["ids"]
    whole, ends = arrays["id_bytes"].tobytes(), arrays["id_ends"].tolist()
    ids = np.empty(len(ends), object)
    ids[:] = [
        whole[start:end].decode(errors="surrogatepass")
        for start, end in zip([0, *ends][:-1], ends, strict=True)
    ]
    return ids
