"""Converts values to a form that JSON can hold."""

import dataclasses
import datetime
import enum
import math
import os
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from tfmetric._errors import expected


def plain(value: Any) -> Any:
    """Converts a value to a form that JSON can hold.

    Args:
        value: A structure of dicts, lists, tuples, sets, dataclasses, arrays, numbers, texts,
            bytes, paths, dates, enumerations, and objects with ``to_dict()``.

    Returns:
        The same structure of dicts with text keys, lists, ``str``, ``int``, ``float``, ``bool`` and
        None. JSON has no NaN and no infinity: both become None. Sets are sorted.

    Raises:
        TypeError: If a part has another type.
        ValueError: If two keys of a dict become one.

    Example:

    >>> import numpy as np
    >>> plain({1: np.float32(0.5), "rows": np.arange(2), "nan": float("nan")})
    {'1': 0.5, 'rows': [0, 1], 'nan': None}
    """
    if value is None or value is True or value is False:
        return value
    for kinds, convert in _PLAIN:
        if isinstance(value, kinds):
            return convert(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if callable(getattr(value, "to_dict", None)):
        return plain(value.to_dict())
    if hasattr(value, "__array__"):
        return plain(np.asarray(value).tolist())
    raise TypeError(
        expected("values that JSON can hold", type=type(value).__name__, value=repr(value)[:80])
    )


def _plain_dict(values):
    found = {
        key if isinstance(key, str) else str(plain(key)): plain(value)
        for key, value in values.items()
    }
    if len(found) < len(values):
        raise ValueError(expected("keys that differ once they are texts", keys=list(values)[:5]))
    return found


def _plain_set(values):
    try:
        return plain(sorted(values))
    except TypeError:
        return plain(sorted(values, key=repr))


# The first match counts, because an enumeration may also be a text or a number.
_PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (enum.Enum, lambda value: plain(value.value)),
    (str, str),
    (np.bool_, bool),
    (Integral, int),
    (Real, lambda value: float(value) if math.isfinite(value) else None),
    (Mapping, _plain_dict),
    ((list, tuple), lambda values: [plain(value) for value in values]),
    ((set, frozenset), _plain_set),
    ((np.ndarray, np.generic), lambda value: plain(value.tolist())),
    ((bytes, bytearray), lambda value: bytes(value).decode(errors="backslashreplace")),
    (os.PathLike, os.fspath),
    ((datetime.date, datetime.time), lambda value: value.isoformat()),
)
