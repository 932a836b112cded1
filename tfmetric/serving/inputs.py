"""Converts a client's inputs to the arrays of a signature."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.values import encoded


def is_files(values, takes_texts: bool) -> bool:
    """Whether these are the bytes or the paths of files, not arrays or texts.

    Args:
        values: One, or a sequence.
        takes_texts: Whether the model does: then a ``str`` is a text, else it is a path.
    """
    kinds = (bytes, bytearray, os.PathLike) if takes_texts else (bytes, bytearray, os.PathLike, str)
    if isinstance(values, kinds):
        return True
    if isinstance(values, np.ndarray) and values.dtype.kind not in "OSTU":
        return False
    return _is_sequence(values) and len(values) > 0 and all(isinstance(v, kinds) for v in values)


def read_files(values) -> np.ndarray:
    """Reads the bytes of files: (B,) from one or several, each bytes or a path."""
    if not _is_sequence(values):
        values = [values]
    found = np.empty(len(values), object)
    found[:] = [bytes(v) if isinstance(v, (bytes, bytearray)) else _read(v) for v in values]
    return found


def by_name(values, names) -> dict:
    """Arranges a client's inputs by the names of a signature's inputs.

    Args:
        values: One value for each name; or, for a model with several inputs, a dictionary for each
            side of a request: a single side, or the two of a pair, with names that begin with
            ``a_`` and ``b_``.
        names: The names, sorted.

    Raises:
        ValueError: If they do not fit.
    """
    if not any(isinstance(value, Mapping) for value in values) and len(values) == len(names):
        return dict(zip(names, values, strict=True))
    sides = ("a_", "b_") if len(values) == 2 else ("",)
    given: dict[str, Any] = {}
    for side, value in zip(sides, values, strict=True):
        if isinstance(value, Mapping):
            given |= {f"{side}{name}": array for name, array in value.items()}
        else:
            given[side.rstrip("_")] = value
    if set(given) != set(names):
        raise ValueError(
            expected(f"a dictionary of arrays for the inputs {', '.join(names)}", given=list(given))
        )
    return given


def as_array(name: str, values, dtype: str, shape: tuple) -> np.ndarray:
    """An array for an input.

    Args:
        name: What it is called in an error.
        values: An array, or texts for an input of strings; one text for a batch of one.
        dtype: Name of the type of the input.
        shape: Shape of the input, None for a free axis; or None for any shape.

    Raises:
        ValueError: If the values do not fit.
    """
    if dtype == "string":
        array = _strings(name, values)
    else:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise ValueError(
                expected(f"{name} to be an array of numbers", type=type(values).__name__)
            )
        array = array.astype(dtype)
    if shape is not None and not _fits(array.shape, shape):
        one = " (for one example pass a batch of one: x[None])" * _fits((1, *array.shape), shape)
        raise ValueError(
            expected(f"{name} of shape {_shown(shape)}{one}", **{f"{name}_shape": array.shape})
        )
    return array


def _strings(name, values):
    if isinstance(values, (str, bytes)):
        values = [values]
    return encoded(values, name)


def _is_sequence(values):
    return isinstance(values, (list, tuple)) or (isinstance(values, np.ndarray) and values.ndim)


def _read(path):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileNotFoundError(
            expected(f"a file that can be read ({error.strerror})", path=str(path))
        ) from error


def _fits(given, wanted):
    return len(given) == len(wanted) and all(
        side is None or side == size for size, side in zip(given, wanted, strict=True)
    )


def _shown(shape):
    inside = ", ".join("B" if not i and side is None else str(side) for i, side in enumerate(shape))
    return f"({inside}{',' if len(shape) == 1 else ''})"
