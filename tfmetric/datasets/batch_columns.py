"""Cuts a batch that was read as a whole into the columns that a model takes."""

from __future__ import annotations

from typing import Any


def columns_of(x: Any, size: Any, count: int) -> tuple[Any, ...]:
    """Cuts a batch of `count` columns, which lie one after another, into these columns.

    Args:
        x: `(count · size, ...)`, or a dictionary of such arrays.
        size: Examples of a column, an integer or a scalar tensor.
        count: The number of columns.

    >>> columns_of([1, 2, 3, 4], 2, 2)
    ([1, 2], [3, 4])
    """
    if isinstance(x, dict):
        cut = {name: columns_of(array, size, count) for name, array in x.items()}
        return tuple({name: sides[side] for name, sides in cut.items()} for side in range(count))
    return tuple(x[side * size : (side + 1) * size] for side in range(count))
