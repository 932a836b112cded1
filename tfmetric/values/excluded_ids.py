"""Reads the ids that a search excludes, in the form of its signature."""

from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.values.columns import encoded, labels


def excluded(ids, dtype: str, rows: int) -> np.ndarray:
    """Reads the ids as an array (B, E).

    Args:
        ids: (B,) or (B, E), integers or strings; or B lists of any lengths. A shorter list is
            filled with its first id, which excludes nothing more.
        dtype: Name of the type of the gallery's ids: "string", "int64" or "uint64".
        rows: B.

    Returns:
        An array of that type; strings become objects that are bytes.

    Raises:
        ValueError: If the ids are of another type, or there is not one row for each query.
    """
    array = _padded(ids, dtype) if isinstance(ids, (list, tuple)) else np.asarray(ids)
    kind = "strings" if dtype == "string" else "integers"
    wanted = f"exclude to be {kind}, as the ids of the gallery are"
    try:
        flat = labels(array.ravel(), name="exclude")
    except ValueError as error:
        raise ValueError(f"{error}; {wanted}") from error
    if flat.size and flat.dtype.kind not in ("U" if kind == "strings" else "iu"):
        raise ValueError(expected(wanted, first=flat[:3].tolist()))
    shape = (len(array), 1) if array.ndim == 1 else array.shape
    if array.ndim not in (1, 2) or shape[0] != rows:
        raise ValueError(
            expected(f"exclude of shape ({rows},) or ({rows}, E)", exclude_shape=array.shape)
        )
    if kind == "strings":
        return encoded(flat.astype(object), "exclude").reshape(shape)
    limits = np.iinfo(dtype)
    if any(not limits.min <= one <= limits.max for one in flat.tolist()):
        raise ValueError(
            expected(
                f"exclude to be integers that {dtype} holds, as the ids do",
                first=flat[:3].tolist(),
            )
        )
    return flat.astype(dtype).reshape(shape)


def _padded(ids, dtype):
    """Returns lists as an array of Python values, because NumPy rounds integers from 2**63 on."""
    lists = [isinstance(row, (list, tuple, np.ndarray)) and np.ndim(row) > 0 for row in ids]
    if not any(lists):
        return np.asarray(ids, object)
    if not all(lists):
        raise ValueError(
            expected("exclude to be ids, or a list of ids for each query", mixed=len(ids))
        )
    rows = [list(row) for row in ids]
    width = max(map(len, rows))
    array = np.empty((len(rows), width), object)
    for place, row in enumerate(rows):
        first = row[:1] or [_nobody(dtype)] * (len(row) < width)
        filled = row + first * (width - len(row))
        for column, value in enumerate(filled):
            array[place, column] = value
    return array


def _nobody(dtype) -> Any:
    """Returns an id for a row without ids that no gallery is expected to hold."""
    if dtype == "uint64":
        raise ValueError(
            expected("at least one id in each row of exclude where the ids are uint64", ids=0)
        )
    return "\0no id" if dtype == "string" else -(2**63)
