"""Reads the ids that a search excludes."""

from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.values.columns import encoded, labels


def excluded_pairs(ids: Any, dtype: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads the ids as pairs of a query and an id.

    Args:
        ids: (B,) or (B, E), integers or strings; or B lists of any lengths.
        dtype: Name of the type of the gallery's ids: "string", "int64" or "uint64".
        rows: B.

    Returns:
        The numbers of the queries (P,), ascending, and the ids (P,): of that type, or objects that
        are strings.

    Raises:
        ValueError: If the ids are of another type, or there is not one row for each query.
    """
    counts, flat = _lists(ids, rows)
    kind = "strings" if dtype == "string" else "integers"
    wanted = f"exclude to be {kind}, as the ids of the gallery are"
    try:
        found = labels(flat, name="exclude")
    except ValueError as error:
        raise ValueError(f"{error}; {wanted}") from error
    if found.size and found.dtype.kind not in ("U" if kind == "strings" else "iu"):
        raise ValueError(expected(wanted, first=found[:3].tolist()))
    if kind == "integers":
        limits = np.iinfo(dtype)
        if any(not limits.min <= one <= limits.max for one in found.tolist()):
            raise ValueError(
                expected(
                    f"exclude to be integers that {dtype} holds, as the ids do",
                    first=found[:3].tolist(),
                )
            )
    return np.repeat(np.arange(rows), counts), found.astype(object if kind == "strings" else dtype)


def excluded(ids: Any, dtype: str, rows: int) -> np.ndarray:
    """Reads the ids as an array (B, E), in the form of a signature.

    Args:
        ids: As for :func:`excluded_pairs`. A shorter list is filled with its first id, which
            excludes nothing more.
        dtype: As there.
        rows: B.

    Returns:
        An array of that type; strings become objects that are bytes.

    Raises:
        ValueError: As there; or if one of several rows is empty and the ids are uint64, which have
            no value to fill it with.
    """
    row, flat = excluded_pairs(ids, dtype, rows)
    counts = np.bincount(row, minlength=rows)
    width = int(counts.max(initial=0))
    first = np.cumsum(counts) - counts
    empty = np.flatnonzero(counts == 0) if width else np.zeros(0, int)
    if len(empty) and dtype == "uint64":
        raise ValueError(
            expected("an id in each row of exclude, as the ids are uint64", empty_row=empty[0])
        )
    if width:
        # No gallery is expected to hold this id.
        nobody = "\0no id" if dtype == "string" else -(2**63)
        flat = np.append(flat, np.array([nobody], flat.dtype)) if len(empty) else flat
        first[empty] = len(flat) - 1
        column = np.arange(width)
        flat = flat[first[:, None] + column * (column < counts[:, None])].ravel()
    shape = (rows, width)
    return (encoded(flat, "exclude") if dtype == "string" else flat).reshape(shape)


def _lists(ids, rows):
    """Returns the number of ids of each row (B,), and all ids one after the other."""
    if not isinstance(ids, (list, tuple)):
        array = np.asarray(ids)
        shape = array.shape
        counts, flat = np.full(rows, shape[1] if len(shape) == 2 else 1), array.ravel()
    else:
        lists = [isinstance(row, (list, tuple, np.ndarray)) and np.ndim(row) > 0 for row in ids]
        if any(lists) and not all(lists):
            raise ValueError(
                expected("exclude to be ids, or a list of ids for each query", size=len(ids))
            )
        shape = (len(ids), 1) if any(lists) else (len(ids),)
        counts = np.array([len(row) for row in ids] if any(lists) else [1] * len(ids), np.int64)
        # Keep Python values, because NumPy rounds integers on both sides of 2**63.
        flat = [one for row in ids for one in row] if any(lists) else list(ids)
    if len(shape) not in (1, 2) or shape[0] != rows:
        raise ValueError(
            expected(f"exclude of shape ({rows},) or ({rows}, E)", exclude_shape=shape)
        )
    return counts, flat
