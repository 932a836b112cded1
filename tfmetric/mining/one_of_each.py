"""Chooses at most one positive and one negative for each anchor, from a full matrix."""

from typing import Any

from keras import ops

from tfmetric.mining.choice import Chosen
from tfmetric.mining.ordering import at
from tfmetric.typing import Tensor


def one_of_each(
    matrix: Tensor,
    positives: Tensor,
    negatives: Tensor,
    positive: Any,
    negative: Any,
    fallback: str | None = None,
) -> Any:
    """Chooses as :func:`tfmetric.mining.one_triplet` does, from a matrix of any distances.

    Args:
        matrix: ``(B, N)`` distances, constant.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        positive: "easy", "hard" or "semi-hard"; None for no positive.
        negative: "easy", "hard" or "semi-hard", not semi-hard both; None for no negative.
        fallback: "easy" or "hard", the choice of a semi-hard side without a candidate; or None.

    Returns:
        Positives and negatives, each a :class:`Chosen` of ``(B,)``, or None if not requested.
    """
    if negative == "semi-hard":
        first = _furthest(matrix, positives) if positive == "hard" else _nearest(matrix, positives)
        beyond = ops.logical_and(negatives, matrix > _distance(matrix, first))
        # An anchor without a positive has no semi-hard negative.
        second = _nearest(matrix, ops.logical_and(beyond, first.found[:, None]))
        other = {None: None, "hard": _nearest, "easy": _furthest}[fallback]
        return first, _or_else(second, other and other(matrix, negatives))
    if positive == "semi-hard":
        second = (_nearest if negative == "hard" else _furthest)(matrix, negatives)
        within = ops.logical_and(positives, matrix < _distance(matrix, second))
        first = _furthest(matrix, ops.logical_and(within, second.found[:, None]))
        other = {None: None, "hard": _furthest, "easy": _nearest}[fallback]
        return _or_else(first, other and other(matrix, positives)), second
    return (
        positive and (_furthest if positive == "hard" else _nearest)(matrix, positives),
        negative and (_nearest if negative == "hard" else _furthest)(matrix, negatives),
    )


def _nearest(matrix, mask):
    keys = ops.where(mask, -matrix, float("-inf"))
    # Both in one pass over the matrix.
    _, index = ops.top_k(keys, 1)
    return Chosen(ops.cast(index[:, 0], "int32"), ops.any(mask, axis=1))


def _furthest(matrix, mask):
    return _nearest(-matrix, mask)


def _distance(matrix, chosen):
    return at(matrix, chosen.index[:, None])


def _or_else(chosen, other):
    if other is None:
        return chosen
    return Chosen(
        ops.where(chosen.found, chosen.index, other.index),
        ops.logical_or(chosen.found, other.found),
    )
