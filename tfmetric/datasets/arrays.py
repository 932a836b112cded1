"""Reads examples from arrays and .npz files."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.options import ReadOptions
from tfmetric.datasets.part_names import PARTS, part_of, with_a_test
from tfmetric.datasets.reading import examples_of_values, number_of

# Names of examples, labels and groups in one part: tfmetric's and MedMNIST's.
_LAYOUTS = (
    ("x_{}", "y_{}", "group_{}", "offset_{}"),
    ("{}_images", "{}_labels", "{}_groups", "{}_offset"),
)


def npz_examples(path: str | os.PathLike, options: ReadOptions) -> Examples:
    """Reads an `.npz` with array names as for `mapping_examples`."""
    try:
        # NumPy opens a single array (.npy) under this name too.
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is no zip archive")
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            columns = _columns(file.files, os.fspath(path), options)
            wanted = {key for keys in columns.values() for key in keys if key}
            fields = {field for key in wanted if isinstance(key, tuple) for field in key}
            arrays = {key: file[key] for key in fields | {*wanted} if isinstance(key, str)}
            if "sampling_rate" in file.files:
                options = _with_rate(options, file["sampling_rate"])
    except Exception as error:  # The zip, deflate and header readers raise many kinds of errors.
        if isinstance(error, ValueError) and str(error).startswith("Expected "):
            raise
        raise ValueError(
            expected(
                "an .npz file of plain numeric or text arrays, written by np.savez (Python"
                " objects are not read)",
                path=os.fspath(path),
                error=(str(error).splitlines() or [type(error).__name__])[0],
            )
        ) from error
    return _examples(arrays, columns, os.path.basename(path), options)


def mapping_examples(source: Mapping[str, Any], options: ReadOptions) -> Examples:
    """Reads a mapping of arrays.

    The names are `x, y[, group][, split][, offset]`, or `x_train, y_train, x_test, y_test` (and
    `x_val, y_val`, `group_train` ...), or MedMNIST's `train_images, train_labels` ..., or names
    given in the options. With an `offset` `(N + 1,)` examples of free length are concatenated:
    example i is `x[offset[i]:offset[i + 1]]`. A `sampling_rate` marks recordings.
    """
    columns = _columns(list(source), "mapping", options)
    if "sampling_rate" in source:
        options = _with_rate(options, source["sampling_rate"])
    return _examples(source, columns, "arrays", options)


def pair_examples(source: tuple | list, options: ReadOptions) -> Examples:
    """Reads `(x, y)` or `((x_train, y_train), (x_test, y_test))`."""
    if len(source) != 2 or any(isinstance(part, (str, bytes)) for part in source):
        raise ValueError(
            expected(
                "arrays as (x, y) or ((x_train, y_train), (x_test, y_test))",
                length=len(source),
                types=[type(part).__name__ for part in source],
            )
        )
    first, second = source
    if all(isinstance(part, (tuple, list)) and len(part) == 2 for part in source) and (
        np.ndim(first[1]) >= 1 and np.ndim(second[1]) >= 1
    ):
        keys = ("x_train", "y_train", "x_test", "y_test")
        return mapping_examples(dict(zip(keys, (*first, *second), strict=True)), options)
    return examples_of_values(first, second, name="arrays", options=options)


def encode_labels(labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Converts labels of any integer type or text to indexes into sorted class names.

    >>> import numpy as np
    >>> codes, names = encode_labels(np.array([2**24 + 1, -3, 2**24], "int64"))
    >>> codes.tolist(), names
    ([2, 0, 1], ('-3', '16777216', '16777217'))
    """
    found, codes = np.unique(labels, return_inverse=True)
    return codes.reshape(-1).astype(np.int64), tuple(str(value) for value in found.tolist())


def _columns(names, where, options):
    """{part: names of its (examples, labels, groups, offset)}; "" for data without parts."""
    if options.label or options.columns or {"x", "y"} <= set(names):
        x = options.columns or ("x",)
        if len(x) > 1 and options.kind != "record":
            raise ValueError(
                expected(
                    'one array as columns=, or kind="record", whose fields are several arrays',
                    columns=options.columns,
                )
            )
        keys = (*x, options.label or "y")
        absent = [key for key in (*keys, options.group) if key and key not in names]
        if absent:
            raise ValueError(
                expected(f"arrays named {', '.join(keys)}", absent=absent, names=list(names))
            )
        others = [key if key in names else None for key in (options.group or "group", "offset")]
        return {
            "": (x if options.kind == "record" and options.columns else x[0], keys[-1], *others)
        }
    found = {}
    for part in PARTS:
        for layout in _LAYOUTS:
            for name in (n for n in _spellings(names) if n[0] == part):
                keys = [key.format(name[1]) for key in layout]
                if set(keys[:2]) <= set(names):
                    found[part] = tuple(key if key in names else None for key in keys)
    if "train" not in found or len(found) < 2:
        raise ValueError(
            expected(
                "arrays named x and y (and optionally group and offset), or x_train, y_train,"
                " x_test and y_test; or name them by columns= and label=",
                source=where,
                names=list(names),
            )
        )
    return found


def _spellings(names):
    """Returns (part, its spelling) in these names of arrays."""
    words = {word for name in names for word in (name.partition("_")[0], name.rpartition("_")[2])}
    return sorted((part_of(word), word) for word in words if part_of(word))


def _examples(arrays, columns, name, options):
    values, labels, groups, parts = [], [], [], []
    for part, keys in columns.items():
        x, y, group, offset = (_array(arrays, key) for key in keys)
        x = x if offset is None else _pieces(x, offset)
        labels.append(np.asarray(y, object if isinstance(y, (list, tuple)) else None))
        labels[-1] = labels[-1][:, 0] if labels[-1].shape[1:] == (1,) else labels[-1]
        count = number_of(x)
        if count != len(labels[-1]):
            raise ValueError(
                expected(
                    "one label for each example", num_examples=count, num_labels=len(labels[-1])
                )
            )
        values.append(x)
        groups.append(group)
        parts.append(np.full(count, part))
    notes = ()
    if len(columns) > 1:
        parts, notes = with_a_test(np.concatenate(parts))
    whole = len(columns) == 1
    return examples_of_values(
        _joined(values),
        np.concatenate(labels),
        name=name,
        options=options,
        groups=None if any(g is None for g in groups) else np.concatenate(groups),
        parts=None if whole else parts,
        notes=notes,
    )


def _array(arrays, key):
    """Returns an array, a mapping of the fields of a record, or None where there is no key."""
    if isinstance(key, tuple):
        return {field: arrays[field] for field in key}
    return None if key is None else arrays[key]


def _with_rate(options, rate):
    """Returns the options with the sampling rate stored beside the samples."""
    rate, kind = np.asarray(rate), options.kind or "audio"
    if rate.size != 1 or rate.dtype.kind not in "iuf":
        raise ValueError(expected("a sampling_rate of one number in hertz", sampling_rate=rate))
    if kind != "audio":
        return options
    found = rate.item()
    if options.sampling_rate not in (None, found):
        raise ValueError(
            expected(
                f"no sampling_rate=, or {found}, which lies beside the samples",
                sampling_rate=options.sampling_rate,
            )
        )
    return replace(options, kind=kind, sampling_rate=found)


def _pieces(x, offset):
    offset = np.asarray(offset)
    rising = offset.ndim == 1 and offset.dtype.kind in "iu" and (np.diff(offset) >= 0).all()
    if not rising or not len(offset) or offset[0] < 0 or offset[-1] > len(x):
        raise ValueError(
            expected(
                f"an offset of whole numbers that rise from 0 to {len(x)}, the length of the "
                f"concatenated values",
                offset=offset,
            )
        )
    return [x[start:stop] for start, stop in pairwise(offset)]


def _joined(values):
    if len(values) == 1:
        return values[0]
    if any(isinstance(part, Mapping) for part in values):
        names = [sorted(part) if isinstance(part, Mapping) else None for part in values]
        if names[0] is None or any(each != names[0] for each in names):
            raise ValueError(expected("the same fields in all parts, train and test", fields=names))
        return {name: _joined([part[name] for part in values]) for name in values[0]}
    if any(isinstance(part, (list, tuple)) for part in values):
        return [example for part in values for example in part]
    shapes = [np.shape(part) for part in values]
    if len({shape[1:] for shape in shapes}) > 1:
        raise ValueError(
            expected("examples of one shape in all parts, train and test", shapes=shapes)
        )
    return np.concatenate(values)
