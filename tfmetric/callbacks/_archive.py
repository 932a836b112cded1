"""Stores plain values and arrays in one file: JSON and .npy members of a zip, without pickle."""

import json
import zipfile

import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing

_VALUES = "state.json"
_ARRAY = "array"


def write_archive(path, values, arrays) -> None:
    """Writes the file atomically, replacing an older file.

    Args:
        path: File to write.
        values: Values for JSON; arrays are allowed at any depth.
        arrays: Lists of arrays by name.
    """
    members = {
        f"{name}/{i}": array for name, many in arrays.items() for i, array in enumerate(many)
    }
    text = json.dumps(_plain(values, members))
    with replacing(path) as draft, zipfile.ZipFile(draft, "w") as archive:
        archive.writestr(_VALUES, text)
        for name, array in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, _standard(array), allow_pickle=False)


def read_archive(path):
    """Reads the values and the arrays written by :func:`write_archive`.

    Raises:
        ValueError: If it is no such file, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {}
            for name in archive.namelist():
                if name != _VALUES:
                    with archive.open(name) as file:
                        members[name[:-4]] = np.lib.format.read_array(file, allow_pickle=False)
            values = json.loads(archive.read(_VALUES))
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise ValueError(
            expected("a whole checkpoint; this one is damaged", path=str(path), error=str(error))
        ) from error
    arrays = {}
    for name, array in members.items():
        arrays.setdefault(name.rpartition("/")[0], []).append(array)
    return _filled(values, members), arrays


def _plain(value, members):
    """Moves the arrays of a value to the members."""
    if isinstance(value, dict):
        return {key: _plain(item, members) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, members) for item in value]
    # A weight may be a scalar, which keeps its dtype; a Python float is a float64.
    scalar = isinstance(value, np.generic) and not isinstance(value, float)
    if isinstance(value, np.ndarray) or scalar:
        name = f"values/{len(members)}"
        members[name] = value
        return {_ARRAY: name}
    return value.item() if hasattr(value, "item") else value


def _filled(value, members):
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return members[value[_ARRAY]][()]
        return {key: _filled(item, members) for key, item in value.items()}
    return [_filled(item, members) for item in value] if isinstance(value, list) else value


def _standard(array):
    """Returns the array, or its bytes if the type is not NumPy's, such as bfloat16."""
    array = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
    return array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "V" else array
