"""Sequences: steps of numbers, of one length or of free length."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.modalities.modality import (
    Modality,
    Usable,
    kept,
    kept_ids,
    rows_without_missing,
)
from tfmetric.datasets.ragged import RaggedSource
from tfmetric.datasets.sources import ArraySource
from tfmetric.elements import Element


def sequence_values(values: Any, name: str, ids: np.ndarray | None = None) -> Usable:
    """Reads `(N, steps, numbers)`, or a list of `(steps, numbers)` of several lengths.

    The dtype is kept. Empty sequences and sequences with NaN or infinity are left out.
    """
    x = one_array(values)
    if x is None:
        return _free(values, name, ids)
    if x.ndim != 3 or x.dtype.kind not in "fiub":
        raise ValueError(
            expected(
                "sequences as numbers of shape (N, steps, numbers), or a list of arrays (steps,"
                " numbers)",
                shape=x.shape,
                dtype=str(x.dtype),
            )
        )
    keep, skipped = rows_without_missing(x)
    element = Element("sequence", x.shape[1:], x.dtype.name)
    source = ArraySource(kept(x, keep, len(x)), name, kept_ids(ids, name, keep, len(x)), element)
    return Usable(source, keep, skipped)


def one_array(values: Any) -> np.ndarray | None:
    """Returns the values as one numeric array, or `None` if the examples differ in length."""
    if isinstance(values, np.ndarray):
        return None if values.dtype == object else values
    if len({np.shape(value) for value in values}) > 1:
        return None
    return np.asarray(values)


def _free(values, name, ids):
    arrays = [np.asarray(value) for value in values]
    for row, array in enumerate(arrays):
        if array.ndim != 2 or array.dtype.kind not in "fiub":
            raise ValueError(
                expected(
                    "each sequence as numbers of shape (steps, numbers)",
                    row=row,
                    shape=array.shape,
                    dtype=str(array.dtype),
                )
            )
    filled = [row for row, array in enumerate(arrays) if len(array)]
    width = arrays[filled[0]].shape[1] if filled else 0
    for row in filled:
        if arrays[row].shape[1] != width:
            raise ValueError(
                expected(
                    f"sequences of one width; the first has {width} numbers for each step",
                    row=row,
                    shape=arrays[row].shape,
                )
            )
    skipped = {row: "no steps" for row, array in enumerate(arrays) if not len(array)}
    for row in filled:
        if arrays[row].dtype.kind == "f" and not np.isfinite(arrays[row]).all():
            skipped[row] = "missing values (NaN or infinite)"
    keep = np.array([row for row in range(len(arrays)) if row not in skipped], np.int64)
    rest = [arrays[row] for row in keep]
    dtype = np.result_type(*rest) if rest else np.dtype("float32")
    element = Element("sequence", (None, width), dtype.name)
    if not rest:
        rest = [np.empty((0, width), dtype)]
    source = RaggedSource.of_examples(rest, element, name, kept_ids(ids, name, keep, len(arrays)))
    return Usable(source, keep, skipped)


MODALITY = Modality("sequence", (), sequence_values)
