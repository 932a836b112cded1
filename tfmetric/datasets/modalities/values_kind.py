"""The kind of examples in memory, where the caller does not say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.elements import kind_of


def kind_of_values(values: Any) -> str:
    """Returns the kind of examples in memory by the rules of `elements.kind_of`.

    Raises:
        ValueError: If no rule fits; it asks for `kind=`.
    """
    if isinstance(values, Mapping):
        return "record"
    if isinstance(values, (list, tuple)) or _holds_objects(values):
        if all(isinstance(value, (str, bytes)) or value is None for value in values):
            return "text"
        if all(isinstance(value, Mapping) for value in values):
            return "record"
        if len({np.shape(value) for value in values}) > 1:
            raise ValueError(
                expected(
                    "kind= with examples of several lengths, such as 'sequence' (steps, numbers)",
                    shapes=sorted({np.shape(value) for value in values})[:3],
                )
            )
        values = np.asarray(list(values))
    values = values if isinstance(values, np.ndarray) else np.asarray(values)
    return kind_of(values.shape, values.dtype)


def _holds_objects(values):
    return isinstance(values, np.ndarray) and values.dtype.kind == "O"
