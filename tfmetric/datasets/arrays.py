"""Arrays and .npz files as examples."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.decoding import LUMA, resize_images
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.sources import ArraySource
from tfmetric.elements import Element

_SPLIT_KEYS = ("x_train", "y_train", "x_test", "y_test")
_ALLOWED = {"x", "y", "group", *_SPLIT_KEYS, "group_train", "group_test"}


def npz_examples(path: str | os.PathLike, **options) -> Examples:
    """Reads an `.npz` with `x, y[, group]` or `x_train, y_train, x_test, y_test`."""
    try:
        # Told apart here: NumPy opens a lone array (.npy) under this name too.
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is no zip archive")
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files if key in _ALLOWED}
            keys = file.files
    except Exception as error:  # The zip, deflate and header readers raise a dozen kinds.
        raise ValueError(
            expected(
                "an .npz file of plain numeric or text arrays, written by np.savez (Python"
                " objects are not read)",
                path=os.fspath(path),
                error=(str(error).splitlines() or [type(error).__name__])[0],
            )
        ) from error
    _require_keys(arrays, os.fspath(path), keys)
    return array_examples(arrays, os.path.basename(path), **options)


def tuple_examples(source: tuple | Mapping[str, Any], **options) -> Examples:
    """Takes `(x, y)`, `((x_train, y_train), (x_test, y_test))` or a mapping like an `.npz`."""
    if isinstance(source, Mapping):
        _require_keys(source, "mapping", list(source))
        return array_examples(dict(source), "arrays", **options)
    if len(source) != 2:
        raise ValueError(
            expected(
                "arrays as (x, y) or ((x_train, y_train), (x_test, y_test))", length=len(source)
            )
        )
    first, second = source
    if all(isinstance(part, (tuple, list)) and len(part) == 2 for part in source) and (
        np.ndim(first[1]) >= 1 and np.ndim(second[1]) >= 1
    ):
        keys = ("x_train", "y_train", "x_test", "y_test")
        return array_examples(dict(zip(keys, (*first, *second), strict=True)), "arrays", **options)
    return array_examples({"x": first, "y": second}, "arrays", **options)


def array_examples(
    arrays: Mapping[str, Any],
    name: str,
    image_size: tuple[int, int] | None = None,
    color: str = "auto",
) -> Examples:
    """Checks arrays under the names of an `.npz` and makes examples of them."""
    parts = None
    if "x_train" in arrays:
        pairs = [_checked(arrays, f"_{part}") for part in ("train", "test")]
        if pairs[0][0].shape[1:] != pairs[1][0].shape[1:]:
            raise ValueError(
                expected(
                    "examples of one shape in train and test",
                    x_train_shape=pairs[0][0].shape,
                    x_test_shape=pairs[1][0].shape,
                )
            )
        parts = np.repeat(["train", "test"], [len(pair[0]) for pair in pairs])
        x = np.concatenate([pair[0] for pair in pairs])
        labels = np.concatenate([pair[1] for pair in pairs])
        groups = [pair[2] for pair in pairs]
        groups = None if any(g is None for g in groups) else np.concatenate(groups)
    else:
        x, labels, groups = _checked(arrays, "")
    ids = np.array([f"{name}/{i}" for i in range(len(x))], dtype=np.str_)
    missing = _missing_rows(x)
    unlabeled = _missing_labels(labels)
    bad = missing | unlabeled
    skipped = tuple(
        (str(ids[i]), "missing values (NaN or infinite)" if missing[i] else "missing label")
        for i in np.flatnonzero(bad)
    )
    if bad.any():
        x, labels, ids = x[~bad], labels[~bad], ids[~bad]
        groups = None if groups is None else groups[~bad]
        parts = None if parts is None else parts[~bad]
    if labels.dtype.kind == "f":
        labels = labels.astype(np.int64)  # Whole, once the missing ones are gone.
    if not len(x):
        raise ValueError(
            expected(
                "at least one example without missing values", num_examples=0, skipped=len(skipped)
            )
        )
    x, notes = as_elements(x, image_size, color)
    return Examples(
        name=name,
        source=ArraySource(x, name, ids, _element(x)),
        labels=labels,
        groups=groups,
        parts=parts,
        skipped=skipped,
        notes=tuple(notes),
    )


def _element(x):
    kind = "image" if x.ndim == 4 else "vector"
    options = {"range": (0, 255)} if x.dtype == np.uint8 else {}
    return Element(kind, x.shape[1:], x.dtype.name, options=options)


def encode_labels(labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of any integer type or text as indexes into sorted class names.

    >>> import numpy as np
    >>> codes, names = encode_labels(np.array([2**24 + 1, -3, 2**24], "int64"))
    >>> codes.tolist(), names
    ([2, 0, 1], ('-3', '16777216', '16777217'))
    """
    values, codes = np.unique(labels, return_inverse=True)
    return codes.reshape(-1).astype(np.int64), tuple(str(value) for value in values.tolist())


def _checked(arrays, suffix):
    x = arrays[f"x{suffix}"]
    x = x if isinstance(x, np.ndarray) else np.asarray(x)
    labels = _label_array(arrays[f"y{suffix}"])
    if x.dtype.kind not in "fiub":
        raise ValueError(expected("numeric examples", dtype=str(x.dtype)))
    if x.ndim < 2:
        raise ValueError(
            expected("examples of rank 2 (vectors) to 4 (images), batch first", shape=x.shape)
        )
    groups = arrays.get(f"group{suffix}")
    groups = None if groups is None else np.asarray(groups).reshape(-1)
    for what, other in (("label", labels), ("group", groups)):
        if other is not None and len(other) != len(x):
            raise ValueError(
                expected(
                    f"one {what} for each example",
                    num_examples=len(x),
                    **{f"num_{what}s": len(other)},
                )
            )
    return x, labels, groups


def _label_array(labels):
    # Through int64/uint64 or text as they are: a float would merge labels above 2^24 or 2^53.
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            expected("class labels of shape (N,) or (N, 1), not one-hot vectors", shape=array.shape)
        )
    if array.dtype.kind == "f":
        finite = array[np.isfinite(array)]
        if (finite != np.floor(finite)).any():
            bad = finite[finite != np.floor(finite)][0]
            raise ValueError(expected("whole class labels", label=float(bad)))
        return array if len(finite) < len(array) else array.astype(np.int64)
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    if array.dtype.kind == "O":
        if all(isinstance(value, (str, type(None))) for value in array):
            return np.array([value or "" for value in array], dtype=np.str_)
        raise ValueError(expected("labels of one type, integers or text", dtype="object"))
    if array.dtype.kind not in "iubU":
        raise ValueError(expected("labels that are integers or text", dtype=str(array.dtype)))
    return array


def _missing_labels(labels):
    if labels.dtype.kind == "f":
        return ~np.isfinite(labels)
    if labels.dtype.kind == "U":
        return np.char.strip(labels) == ""
    return np.zeros(len(labels), bool)


def _missing_rows(x):
    bad = np.zeros(len(x), bool)
    if x.dtype.kind == "f":
        for start in range(0, len(x), 4096):
            rows = x[start : start + 4096]
            bad[start : start + len(rows)] = ~np.isfinite(rows.reshape(len(rows), -1)).all(1)
    return bad


def as_elements(x, image_size, color):
    """Vectors as float32; images as uint8 with 1 or 3 channels, resized if asked."""
    if x.ndim not in (3, 4):
        return (x if x.dtype == np.float32 else x.astype(np.float32)), []
    if x.ndim == 3:
        x = x[..., None]
    if x.shape[-1] not in (1, 3):
        hint = "; these look channels first: move the axis" if x.shape[1] in (1, 3) else ""
        raise ValueError(
            expected(f"images (N, height, width, 1 or 3), channels last{hint}", shape=x.shape)
        )
    x, notes = _as_pixels(x)
    if x.dtype != np.uint8:
        resized = image_size is not None and x.shape[1:3] != tuple(image_size)
        if resized or x.shape[-1] != {"grey": 1, "rgb": 3}.get(color, x.shape[-1]):
            raise ValueError(
                expected(
                    "images with values 0 to 255 (or 0 to 1), to change their size or colour; scale"
                    " them so, or leave image_size and color out",
                    lowest=float(x.min()),
                    highest=float(x.max()),
                    image_size=image_size,
                    color=color,
                )
            )
        return x, notes
    if color == "grey" and x.shape[-1] == 3:
        x = np.rint(x @ np.array(LUMA, np.float32)).astype(np.uint8)[..., None]
    elif color == "rgb" and x.shape[-1] == 1:
        x = np.repeat(x, 3, axis=-1)
    if image_size is not None and x.shape[1:3] != tuple(image_size):
        chunks = [x[i : i + 1024] for i in range(0, len(x), 1024)]
        x = np.concatenate([resize_images(chunk, image_size).numpy() for chunk in chunks])
    return x, notes


def _as_pixels(x):
    if x.dtype == np.uint8:
        return x, []
    if x.dtype == np.bool_:
        return x.astype(np.uint8) * 255, ["boolean images were scaled to 0 and 255"]
    low, high = x.min(), x.max()
    if low < 0 or high > 255:
        note = f"values from {low:g} to {high:g} are no 8-bit pixels: kept as float32, unscaled"
        return x.astype(np.float32), [note]
    if x.dtype.kind == "f" and high <= 1:
        return np.rint(x * 255).astype(np.uint8), ["images with values 0 to 1 were scaled to 255"]
    note = [] if x.dtype.kind != "f" else ["images were rounded to 8-bit pixels"]
    return np.rint(x).astype(np.uint8), note


def _require_keys(arrays, where, keys):
    if {"x", "y"} <= set(arrays) or set(_SPLIT_KEYS) <= set(arrays):
        return
    raise ValueError(
        expected(
            "arrays named x and y (and optionally group), or x_train, y_train, x_test and y_test",
            source=where,
            names=list(keys),
        )
    )
