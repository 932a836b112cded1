"""Sorts rows of distances once and searches them by bisection."""

from typing import Any, NamedTuple

import keras
from keras import ops

from tfmetric.mining.choice import Chosen
from tfmetric.typing import Tensor


class Sorted(NamedTuple):
    """The rows of a matrix in ascending order.

    Attributes:
        values: ``(B, N)``.
        index: ``(B, N)`` the original column of each value.
    """

    values: Tensor
    index: Tensor


def ascending(matrix: Tensor) -> Sorted:
    """Sorts each row of a matrix.

    Args:
        matrix: ``(B, N)`` floating tensor.

    Returns:
        The values in ascending order, and the index of each in its row, both ``(B, N)``.
    """
    values, index = ops.top_k(-matrix, ops.shape(matrix)[1])
    return Sorted(-values, ops.cast(index, "int32"))


def at(matrix: Tensor, index: Any) -> Any:
    """Returns ``matrix[i, index[i, j]]`` for a ``(B, N)`` matrix and a ``(B, n)`` index.

    A take from the flat matrix is several times faster than ``take_along_axis``.
    """
    height, width = ops.shape(matrix)
    index = index + width * ops.arange(height, dtype="int32")[:, None]
    return ops.take(ops.reshape(matrix, (-1,)), index)


def added_at(matrix: Tensor, index: Any, values: Any) -> Any:
    """Adds ``values[i, j]`` to ``matrix[i, index[i, j]]``; indices may repeat.

    Args:
        matrix: ``(B, N)``.
        index: ``(B, n)`` integers below N.
        values: ``(B, n)``.

    Returns:
        The sum, ``(B, N)``.
    """
    height, width = ops.shape(matrix)
    index = index + width * ops.arange(height, dtype="int32")[:, None]
    flat = ops.segment_sum(
        ops.reshape(values, (-1,)), ops.reshape(index, (-1,)), num_segments=height * width
    )
    return matrix + ops.reshape(flat, (height, width))


def number_below(rows: Any, keys: Any, or_equal: Any = False) -> Any:
    """Counts the values of each sorted row below each key.

    Binary search takes O(n log N) for each row.

    Args:
        rows: ``(B, N)`` ascending.
        keys: ``(B, n)``.
        or_equal: Whether to count equal values too.

    Returns:
        int32 ``(B, n)``, from 0 to N.
    """
    low = ops.zeros_like(keys, dtype="int32")
    high = low + ops.shape(rows)[1]

    def halve(low, high):
        middle = (low + high) // 2
        # Where low meets high the middle may lie beyond the row; neither bound moves then.
        value = at(rows, ops.minimum(middle, ops.shape(rows)[1] - 1))
        below = value <= keys if or_equal else value < keys
        below = ops.logical_and(below, low < high)
        return ops.where(below, middle + 1, low), ops.where(below, high, ops.minimum(middle, high))

    return ops.while_loop(lambda low, high: ops.any(low < high), halve, (low, high))[0]


def nearest_further(ranking: Any, ones: Any, others: Any, fallback: str | None = None) -> Chosen:
    """Finds, for each entry of ``ones``, the nearest of ``others`` that is strictly further away.

    With a negated ranking, negatives as ``ones`` and positives as ``others``, it finds the
    semi-hard positives of all negatives. In the sorted row, the number of others up to a place is
    the rank of the next other, so sorting suffices: O(B² log B) time, O(B²) memory.

    Args:
        ranking: ``(B, N)`` ranking.
        ones: ``(B, N)`` mask of the entries to find a partner for.
        others: ``(B, N)`` mask of the partners.
        fallback: Without a partner, "hard" takes the first of the others and "easy" the last.

    Returns:
        Index and found flag ``(B, N)``; meaningless where ``ones`` is false.
    """
    # Others come first at equal ranking, because a partner must be strictly further.
    key = ops.where(others, _just_below(ranking), ranking)
    key = ops.where(ops.logical_or(ones, others), key, float("inf"))
    order = ascending(key).index
    seen = ops.cumsum(ops.cast(at(others, order), "int32"), axis=1)
    rank = at(seen, ops.argsort(order, axis=1))
    total = ops.sum(ops.cast(others, "int32"), axis=1, keepdims=True)
    others_in_order = ascending(ops.where(others, ranking, float("inf"))).index
    found = ops.logical_and(ones, rank < total)
    if fallback is not None:
        last = ops.maximum(total - 1, 0) if fallback == "easy" else ops.zeros_like(total)
        rank = ops.where(found, rank, last)
        found = ops.logical_and(ones, total > 0)
    return Chosen(at(others_in_order, ops.where(found, rank, 0)), found)


def _just_below(x):
    # Two units in the last place break exact ties and move values no more than rounding does. A
    # fused multiply-add could round one unit away.
    unit = 2.0**-52 if keras.backend.standardize_dtype(x.dtype) == "float64" else 2.0**-23
    return x - ops.abs(x) * (2.0 * unit) - ops.cast(1e-30, x.dtype)
