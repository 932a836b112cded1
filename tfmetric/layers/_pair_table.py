"""Looks pairs of whole numbers up in a sorted table, on every backend and under XLA."""

import numpy as np
from keras import ops


def sorted_pairs(left, right, rows: int):
    """Sorts pairs by left, then right.

    Args:
        left: Whole numbers ``(M,)`` from 0 to ``rows`` − 1.
        right: Whole numbers ``(M,)`` of at least 0.
        rows: Number of left values.

    Returns:
        The order ``(M,)`` of the pairs, and ``(rows + 1,)``: where the pairs of each left value
        begin in that order.
    """
    order = np.lexsort((right, left))
    begin = np.zeros(rows + 1, "int32")
    np.cumsum(np.bincount(left, minlength=rows), out=begin[1:])
    return order, begin


def find(begin, right, a, b, longest: int):
    """Returns the place of each pair (a, b) in the sorted table, −1 where there is none.

    Args:
        begin: ``(rows + 1,)`` as from :func:`sorted_pairs`.
        right: The right values ``(M,)`` in sorted order, M of at least 1.
        a: Left values of any shape; a negative one is in no pair.
        b: Right values of the same shape.
        longest: The largest number of pairs with one left value.
    """
    row = ops.maximum(a, 0)
    low, end = ops.take(begin, row), ops.take(begin, row + 1)
    high, last = end, ops.shape(right)[0] - 1
    for _ in range(int(longest).bit_length()):
        middle = (low + high) // 2
        before = ops.logical_and(low < high, ops.take(right, ops.minimum(middle, last)) < b)
        low, high = ops.where(before, middle + 1, low), ops.where(before, high, middle)
    place = ops.minimum(low, last)
    found = ops.logical_and(low < end, ops.take(right, place) == b)
    return ops.where(ops.logical_and(found, a >= 0), place, -1)
