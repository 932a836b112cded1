"""Choices and counts for all pairs of an anchor, by sorting its row once."""

import keras
from keras import ops

from tfmetric.mining.choice import Chosen


def nearest_further(ranking, ones, others) -> Chosen:
    """For each one of a row, the nearest of the others that is strictly further from the anchor.

    With positives and negatives these are the semi-hard negatives of all positive pairs; with a
    negated ranking and the masks swapped, the semi-hard positives of all negatives. The number of
    others up to a place in the sorted row is the rank of the next other among the others, so
    sorting does it: O(B² log B) time, O(B²) memory.

    Args:
        ranking: ``(B, B)`` ranking.
        ones: ``(B, B)`` mask of the entries to find a partner for.
        others: ``(B, B)`` mask of the partners.

    Returns:
        Index and found flag ``(B, B)``; meaningless where ``ones`` is false.
    """
    # At equal ranking the others come first: a partner must be strictly further.
    key = ops.where(others, _just_below(ranking), ranking)
    key = ops.where(ops.logical_or(ones, others), key, float("inf"))
    order = ops.argsort(key, axis=1)
    seen = ops.cumsum(ops.cast(ops.take_along_axis(others, order, axis=1), "int32"), axis=1)
    rank = ops.take_along_axis(seen, ops.argsort(order, axis=1), axis=1)
    total = ops.sum(ops.cast(others, "int32"), axis=1, keepdims=True)
    others_in_order = ops.argsort(ops.where(others, ranking, float("inf")), axis=1)
    found = ops.logical_and(ones, rank < total)
    index = ops.take_along_axis(others_in_order, ops.where(found, rank, 0), axis=1)
    return Chosen(ops.cast(index, "int32"), found)


def active_counts(distances, positives, negatives, margin: float):
    """In how many active triplets each pair (anchor, j) takes part.

    A triplet (a, p, n) is active where d(a,p) − d(a,n) + margin > 0. Sorting an anchor's row once
    by the key d + margin of its positives and d of its negatives counts them without a triplet in
    memory: the negatives seen before a positive are its active triplets, and the positives still
    to come after a negative are that negative's. O(B² log B) time, O(B²) memory.

    Args:
        distances: ``(B, B)``.
        positives: ``(B, B)`` mask.
        negatives: ``(B, B)`` mask.
        margin: The margin.

    Returns:
        ``(B, B)`` counts in the dtype of ``distances``, 0 where a pair is neither.
    """
    # Equal keys are a term of exactly zero, which is not active: positives come first.
    key = ops.where(positives, _just_below(distances + margin), distances)
    key = ops.where(ops.logical_or(positives, negatives), key, float("inf"))
    order = ops.argsort(key, axis=1)
    back = ops.argsort(order, axis=1)

    def seen(mask):
        sorted_mask = ops.cast(ops.take_along_axis(mask, order, axis=1), "int32")
        return ops.take_along_axis(ops.cumsum(sorted_mask, axis=1), back, axis=1)

    number = ops.sum(ops.cast(positives, "int32"), axis=1, keepdims=True)
    count = ops.where(positives, seen(negatives), number - seen(positives))
    count = ops.where(ops.logical_or(positives, negatives), count, 0)
    return ops.cast(count, distances.dtype)


def _just_below(x):
    # Two units in the last place: breaks exact ties, and moves nothing else than rounding does.
    # Not one unit, which a fused multiply-add could round away.
    unit = 2.0**-52 if keras.backend.standardize_dtype(x.dtype) == "float64" else 2.0**-23
    return x - ops.abs(x) * (2.0 * unit) - ops.cast(1e-30, x.dtype)
