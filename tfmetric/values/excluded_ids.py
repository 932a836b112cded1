"""Reads the ids that a search excludes, in the form of its signature."""

import numpy as np

from tfmetric._errors import expected
from tfmetric.values.columns import encoded, labels


def excluded(ids, dtype: str, rows: int) -> np.ndarray:
    """Reads the ids as an array (B, E).

    Args:
        ids: (B,) or (B, E), integers or strings.
        dtype: Name of the type of the gallery's ids: "string", "int64" or "uint64".
        rows: B.

    Returns:
        An array of that type; strings become objects that are bytes.

    Raises:
        ValueError: If the ids are of another type, or there is not one row for each query.
    """
    try:
        array = np.asarray(ids)
        # Use Python values, because NumPy turns integers on both sides of 2**63 into floats.
        array = np.asarray(ids, object) if isinstance(ids, (list, tuple)) else array
    except ValueError as error:
        raise ValueError(
            expected("exclude with as many ids in each row", exclude=type(ids).__name__)
        ) from error
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
