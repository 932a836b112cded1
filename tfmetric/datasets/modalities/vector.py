"""Vectors: rows of numbers, of one width."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.modalities.modality import (
    Modality,
    Usable,
    kept,
    kept_ids,
    require_one_shape,
    rows_without_missing,
)
from tfmetric.datasets.sources import ArraySource
from tfmetric.elements import Element


def vector_values(values: Any, name: str, ids: np.ndarray | None = None) -> Usable:
    """Reads `(N, D)` numbers, also a table with named columns; the dtype is kept.

    Rows with NaN or infinity are left out. The element's option `columns` keeps the names of
    columns.
    """
    columns = tuple(map(str, getattr(values, "columns", ())))
    require_one_shape(values, "vector")
    x = np.asarray(values)
    if x.ndim != 2 or x.dtype.kind not in "fiub":
        raise ValueError(
            expected(
                "vectors as numbers of shape (N, D)"
                + ("; name the numeric columns" if columns else ""),
                shape=x.shape,
                dtype=str(x.dtype),
            )
        )
    keep, skipped = rows_without_missing(x)
    options = {"columns": columns} if columns else {}
    element = Element("vector", x.shape[1:], x.dtype.name, options=options)
    source = ArraySource(kept(x, keep, len(x)), name, kept_ids(ids, name, keep, len(x)), element)
    return Usable(source, keep, skipped)


MODALITY = Modality("vector", (), vector_values)
