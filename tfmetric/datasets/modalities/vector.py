"""Vectors: rows of numbers, of one width."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_positive
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


def vector_values(
    values: Any, name: str, ids: np.ndarray | None = None, categories: int | None = None
) -> Usable:
    """Reads `(N, D)` numbers, also a table with named columns; the dtype is kept.

    Rows with NaN or infinity are left out. The element's option `columns` keeps the names of
    columns.

    Args:
        values: The vectors.
        name: Prefix of the ids, where there are no `ids`.
        ids: The ids, `(N,)` text.
        categories: The number of categories, if the values are whole numbers from 0 that stand for
            categories or ids.
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
    options: dict[str, Any] = {"columns": columns} if columns else {}
    if categories is not None:
        options["categories"] = _checked_categories(x, categories)
    element = Element("vector", x.shape[1:], x.dtype.name, options=options)
    source = ArraySource(kept(x, keep, len(x)), name, kept_ids(ids, name, keep, len(x)), element)
    return Usable(source, keep, skipped)


def _checked_categories(x, categories):
    require_positive(categories=categories)
    outside = np.argwhere((x < 0) | (x >= categories))
    if x.dtype.kind not in "iu" or len(outside):
        given = {"value": x[tuple(outside[0])].item()} if len(outside) else {}
        raise ValueError(
            expected(
                f"whole numbers from 0 to {categories - 1} as categories",
                dtype=str(x.dtype),
                **given,
            )
        )
    return int(categories)


MODALITY = Modality("vector", ("categories",), vector_values)
