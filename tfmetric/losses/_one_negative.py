"""Pairs every positive of an anchor with one negative, found by sorting or by sampling.

Semi-hard: each anchor's negatives are sorted once, and a binary search finds the first negative
beyond each positive. For small classes a pass over the row for each positive is faster.
Distance-weighted: each anchor's weights are accumulated once, and a binary search finds the
negative at a random part of the sum. Both take O(B² log B) time and O(B²) memory.
"""

from keras import ops

from tfmetric.losses._by_class import ByClass
from tfmetric.losses.base import Terms
from tfmetric.mining import (
    added_at,
    ascending,
    at,
    each_positive,
    number_below,
    sampling_sums,
    uniform,
)

# Classes of up to this size take one pass for each positive; beyond it, sorting is faster.
_SMALL = 8


def with_one_negative(
    labels, x, distance, penalty, negative, fallback=None, references=None
) -> Terms:
    """Returns the sum, count and active count of each anchor's triplets.

    Args:
        labels: ``(B,)`` class ids.
        x: ``(B, D)`` embeddings.
        distance: A :class:`tfmetric.distances.Distance`.
        penalty: A :class:`tfmetric.losses._penalty.Penalty`.
        negative: "semi-hard" or "distance-weighted".
        fallback: The choice for a positive without a semi-hard negative: "hard", "easy" or None.
        references: The examples to compare the anchors with; by default each other.
    """
    batch = ByClass(labels, x, distance, references)
    size = ops.shape(batch.constant)[1]
    many = max(16, size // 64) if isinstance(size, int) else 64
    if negative == "distance-weighted":
        return batch.terms(*_sums(batch, penalty, _sampled(batch), many))
    sums = ops.cond(
        ops.max(batch.anchors.count) <= _SMALL,
        lambda: _sums(batch, penalty, _semi_hard_by_passes(batch, fallback), 1),
        lambda: _sums(batch, penalty, _semi_hard(batch, fallback), many),
    )
    return batch.terms(*sums)


def _sums(batch, penalty, choose, at_once):
    """Returns total, count, active count and weights of every positive with its chosen negative."""

    def some(positives, total, count, active, weight):
        index, found = choose(positives)
        found = ops.logical_and(found, positives.exists)
        t = at(batch.constant, positives.place) - at(batch.constant, index)
        sums = penalty.terms(t, found)
        slope = ops.where(found, penalty.slope(t + penalty.offset), 0.0)
        both = ops.concatenate([positives.place, index], axis=1)
        weight = added_at(weight, both, ops.concatenate([slope, -slope], axis=1))
        return total + sums.total, count + sums.count, active + sums.active, weight

    none = ops.zeros_like(batch.constant)
    state = (none[:, 0], none[:, 0], none[:, 0], none)
    return each_positive(batch.anchors, some, state, at_once)


def _first(matrix):
    """Returns the smallest entry of each row and its index, ``(B, 1)`` each, in one pass."""
    values, index = ops.top_k(-matrix, 1)
    return -values, ops.cast(index, "int32")


def _semi_hard_by_passes(batch, fallback):
    if fallback is not None:
        furthest = ops.where(batch.away < float("inf"), -batch.away, float("inf"))
        _, other = _first(furthest if fallback == "easy" else batch.away)

    def choose(positives):
        bound = at(batch.constant, positives.place)
        distance, index = _first(ops.where(batch.away > bound, batch.away, float("inf")))
        found = distance < float("inf")
        if fallback is None:
            return index, found
        return ops.where(found, index, other), (batch.negatives > 0)[:, None]

    return choose


def _semi_hard(batch, fallback):
    values, order = ascending(batch.away)
    last = batch.negatives[:, None] - 1

    def choose(positives):
        rank = number_below(values, at(batch.constant, positives.place), or_equal=True)
        found = rank <= last
        if fallback is not None:
            other = last if fallback == "easy" else ops.zeros_like(last)
            rank, found = ops.where(found, rank, other), ops.logical_or(found, last >= 0)
        return at(order, ops.clip(rank, 0, ops.maximum(last, 0))), found

    return choose


def _sampled(batch):
    x, y = batch.embeddings
    negatives = batch.negative
    sums = sampling_sums(x, y, negatives)
    whole = sums[:, -1:]

    def choose(positives):
        part = whole * uniform(x, y, positives.place)
        # Rounding must not select an entry beyond the last negative with a weight.
        index = number_below(sums, ops.minimum(part, whole * (1 - 1e-6)), or_equal=True)
        index = ops.minimum(index, ops.shape(sums)[1] - 1)
        # A compiled running sum may rise by rounding even where nothing is added.
        return index, ops.logical_and(whole > 0, at(negatives, index))

    return choose
