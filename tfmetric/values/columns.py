"""Reads columns of labels, ids and texts in any form."""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from tfmetric._errors import expected

_ONE_KIND = "all integers or all strings"
_LOWEST, _HIGHEST_SIGNED, _HIGHEST = -(2**63), 2**63 - 1, 2**64 - 1


def labels(values: Any, count: int | None = None, name: str = "labels") -> np.ndarray:
    """Reads class labels, groups or any other column of integers or texts.

    Values are never rounded or merged: integers stay exact within int64 and uint64, and the text
    "1" never equals the integer 1.

    Args:
        values: (N,) or (N, 1): integers of any type, whole floats, booleans, texts or bytes in
            UTF-8, as a list, a tuple, a NumPy array (``U``, ``S``, ``StringDType`` or objects), a
            column of pandas, or a tensor.
        count: Required number; None for any.
        name: Name in error messages.

    Returns:
        (N,): int64, uint64 (for unsigned values, or values beyond int64), bool, or a NumPy array of
        strings.

    Raises:
        ValueError: If a value is missing (None, NaN), is neither integer nor text, or is not
            exact; if integers and texts are mixed; or if the shape is wrong. The message names the
            row.

    Example:

    >>> labels([2**53, 2**53 + 1]).tolist()
    [9007199254740992, 9007199254740993]
    >>> labels([b"cat", "dog"]).tolist()
    ['cat', 'dog']
    """
    array = _column(values, count, name)
    kind = array.dtype.kind
    if kind == "f":
        return _whole(array, name)
    if kind in "bU" or array.dtype == np.uint64:
        return array
    if kind in "iu":
        return array.astype(np.int64, copy=False)
    if kind not in "OST":
        raise ValueError(expected(f"{name} to be integers or strings", dtype=str(array.dtype)))
    return _read(array.tolist(), name)


def ids(values: Any, count: int | None = None, name: str = "ids") -> np.ndarray:
    """Reads the ids of examples.

    Args:
        values: As for :func:`labels`.
        count: Required number; None for any.
        name: Name in error messages.

    Returns:
        (N,): int64, uint64, or an array of objects that are ``str``.

    Raises:
        ValueError: As :func:`labels` does.

    Example:

    >>> ids(range(3)).dtype.name, ids(["a", "bc"]).dtype.name
    ('int64', 'object')
    """
    found = labels(values, count, name)
    if found.dtype.kind == "U":
        return found.astype(object)
    return found.astype(np.int64) if found.dtype.kind == "b" else found


def texts(values: Any, count: int | None = None, name: str = "texts") -> np.ndarray:
    """Reads texts.

    Args:
        values: (N,) or (N, 1), texts or bytes in UTF-8, as :func:`labels` takes them.
        count: Required number; None for any.
        name: Name in error messages.

    Returns:
        (N,), an array of objects that are ``str``.

    Raises:
        ValueError: If a value is not a text; the message names the row.

    Example:

    >>> import numpy as np
    >>> texts(np.array(["a b", "c"])).tolist(), texts([b"\\xc3\\xa4"]).tolist()
    (['a b', 'c'], ['ä'])
    """
    array = _column(values, count, name)
    found = np.empty(len(array), object)
    found[:] = [_text(value, row, name) for row, value in enumerate(array.tolist())]
    return found


def encoded(values: Any, name: str = "texts") -> np.ndarray:
    """Encodes texts of any shape as UTF-8 bytes, TensorFlow's form of strings.

    Args:
        values: Texts or bytes, one or an array or list of any shape. Bytes are kept, so the
            contents of files are allowed too.
        name: Name in error messages.

    Returns:
        An array of objects that are ``bytes``, of the shape of ``values``.

    Raises:
        ValueError: If a value is not a text, or UTF-8 cannot hold it; the message names its place.

    Example:

    >>> encoded([["ä"], ["b"]]).tolist()
    [[b'\\xc3\\xa4'], [b'b']]
    """
    # NumPy strings would lose trailing zero characters.
    array = _array(values, name, object if isinstance(values, (list, tuple)) else None)
    if isinstance(values, (str, bytes)):
        array = _array([values], name, object).reshape(())
    if array.size and array.dtype.kind not in "OSTU":
        raise ValueError(expected(f"{name} to be texts", dtype=str(array.dtype)))
    found = np.empty(array.size, object)
    found[:] = [_utf8(value, place, name) for place, value in enumerate(array.ravel().tolist())]
    return found.reshape(array.shape)


def missing(values: Any) -> np.ndarray:
    """Finds the rows of a column without a value.

    A loader leaves these rows out and reports it; :func:`labels` raises an error.

    Args:
        values: (N,) or (N, 1), a column of any type.

    Returns:
        (N,), bool: True for None, NaN, the missing values of pandas, and blank texts.

    Example:

    >>> missing(["a", None, "  ", "nan"]).tolist(), missing([1.0, float("nan")]).tolist()
    ([False, True, True, False], [False, True])
    """
    array = _column(values, None, "values")
    if array.dtype.kind in "iub":
        return np.zeros(len(array), bool)
    if array.dtype.kind == "f":
        return np.isnan(array)
    return np.array([_is_missing(value) or _is_blank(value) for value in array.tolist()], bool)


def _array(values, name, dtype=None):
    """Returns the values as an array; NumPy's error for ragged rows would not name the argument."""
    try:
        return np.asarray(values, dtype)
    except UnicodeDecodeError:  # Bytes are mixed with texts.
        return _array(values, name, object)
    except ValueError as error:
        lengths = sorted({np.size(row) for row in values}) if np.iterable(values) else None
        raise ValueError(
            expected(f"{name} with rows of one length, none ragged", lengths=lengths)
        ) from error


def _column(values, count, name):
    """Returns a column as an array, of Python values if a NumPy type would change some."""
    array = _array(values, name)
    if array.dtype.kind in "fSU" and isinstance(values, (list, tuple, range)):
        # From a list NumPy turns integers on both sides of 2**63 into floats and an integer beside
        # a text into a text, and drops trailing zeros of a text.
        array = _array(values, name, object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or count not in (None, len(array)):
        size = "N" if count is None else count
        raise ValueError(expected(f"{name} of shape ({size},)", **{f"{name}_shape": array.shape}))
    return array


def _whole(array, name):
    """Converts floats to int64 if each is a whole number that its type holds exactly."""
    exact = 2.0 ** min(np.finfo(array.dtype).nmant + 1, 53)
    with np.errstate(invalid="ignore"):
        faults = (
            ("without missing values; leave such rows out", np.isnan(array)),
            ("to be whole numbers", np.isinf(array) | (array != np.floor(array))),
            (
                f"to be integers: {array.dtype} does not hold every whole number from {exact:.0f} "
                "on, and two labels may have become one",
                ~(np.abs(array) < exact),
            ),
        )
    for wanted, wrong in faults:
        rows = np.flatnonzero(wrong)
        if rows.size:
            raise ValueError(
                expected(f"{name} {wanted}", row=int(rows[0]), value=float(array[rows[0]]))
            )
    return array.astype(np.int64)


def _read(found, name):
    """Converts Python values to an array of integers or of strings."""
    if not found:
        return np.empty(0, np.int64)
    text = isinstance(found[0], (str, bytes))
    if text:
        read = [_text(value, row, name, _ONE_KIND) for row, value in enumerate(found)]
        for row, value in enumerate(read):
            if value.endswith("\0"):
                raise ValueError(
                    expected(
                        f"{name} that do not end in a zero character, which NumPy drops",
                        row=row,
                        value=value,
                    )
                )
        return np.array(read, np.str_)
    read = [_integer(value, row, name) for row, value in enumerate(found)]
    if all(isinstance(value, (bool, np.bool_)) for value in found):
        return np.array(read, bool)
    low, high = min(read), max(read)
    if high > _HIGHEST_SIGNED and low < 0:
        row = next(row for row, value in enumerate(read) if value < 0)
        raise ValueError(
            expected(
                f"{name} that fit one type: integers from 2**63 on cannot be mixed with negative "
                f"integers",
                row=row,
                value=low,
                highest=high,
            )
        )
    return np.array(read, np.uint64 if high > _HIGHEST_SIGNED else np.int64)


def _text(value, row, name, wanted="all strings"):
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if not isinstance(value, str):
        raise ValueError(_not_of_kind(value, row, name, wanted))
    return str(value)


def _integer(value, row, name):
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, Real) and not isinstance(value, Integral):
        if not (math.isfinite(value) and value == math.floor(value) and abs(value) < 2**53):
            raise ValueError(_not_of_kind(value, row, name, "whole numbers"))
    elif not isinstance(value, Integral):
        raise ValueError(_not_of_kind(value, row, name, _ONE_KIND))
    if not _LOWEST <= value <= _HIGHEST:
        raise ValueError(expected(f"{name} that int64 or uint64 holds", row=row, value=value))
    return int(value)


def _not_of_kind(value, row, name, wanted):
    if _is_missing(value):
        return expected(f"{name} without missing values; leave such rows out", row=row, value=value)
    return expected(f"{name} to be {wanted}", row=row, value=value)


def _utf8(value, place, name):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if not isinstance(value, str):
        raise ValueError(_not_of_kind(value, place, name, "all strings"))
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            expected(f"{name} that UTF-8 can hold", place=place, value=value)
        ) from error


def _is_missing(value):
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _is_blank(value):
    return isinstance(value, (str, bytes)) and not value.strip()
