"""Sums over every triplet of a batch (Hermans et al., 2017, eq. 6), holding no triplet in memory.

Small classes: one pass over the matrix for each positive of an anchor, O(K · B²) time for classes
of K. Large classes: each anchor's negatives are sorted once. A binary search counts the negatives
that are active with each positive; sums of the sorted values and of their squares give the hinge
and its square, in O(B² log B) time. The soft margin has no such sums and always takes the passes.
Memory is O(B²).
"""

from keras import ops

from tfmetric.losses._by_class import ByClass
from tfmetric.losses.base import Terms
from tfmetric.mining import added_at, ascending, at, each_positive, number_below

# Classes of up to this size take one pass for each positive; beyond it, sorting is faster.
_SMALL = 16


def all_triplets(labels, x, distance, penalty, references=None) -> Terms:
    """Returns the sum, count and active count of each anchor's triplets.

    Args:
        labels: ``(B,)`` class ids.
        x: ``(B, D)`` embeddings.
        distance: A :class:`tfmetric.distances.Distance`.
        penalty: A :class:`tfmetric.losses._penalty.Penalty`.
        references: The examples to compare the anchors with; by default each other.
    """
    batch = ByClass(labels, x, distance, references)
    count = (batch.anchors.count - 1) * batch.negatives
    if penalty.soft:
        total, _, weight = _pass_by_pass(batch, penalty)
        return batch.terms(total, count, count, weight)
    total, active, weight = ops.cond(
        ops.max(batch.anchors.count) <= _SMALL,
        lambda: _pass_by_pass(batch, penalty),
        lambda: _sorted(batch, penalty),
    )
    return batch.terms(total, count, active, weight)


def _pass_by_pass(batch, penalty):
    """Returns total, active count and weights, by one pass over the matrix for each positive."""
    column = ops.arange(ops.shape(batch.away)[1], dtype="int32")[None, :]

    def one(positive, total, active, weight):
        key = at(batch.constant, positive.place) + penalty.offset
        t = ops.where(positive.exists, key, float("-inf")) - batch.away
        total = total + ops.sum(penalty.value(t), axis=1)
        if not penalty.soft:
            active = active + ops.sum(ops.cast(t > 0, t.dtype), axis=1)
        slope = penalty.slope(t)
        pull = ops.sum(slope, axis=1, keepdims=True)
        place = ops.where(positive.exists, positive.place, -1)
        return total, active, ops.where(column == place, pull, weight - slope)

    none = ops.zeros_like(batch.away)
    return each_positive(batch.anchors, one, (none[:, 0], none[:, 0], none))


def _sorted(batch, penalty):
    """Returns the same as :func:`_by_passes`, by sorting the negatives."""
    values, index = ascending(batch.away)
    size = ops.shape(values)[1]
    exists = ops.arange(size, dtype="int32")[None, :] < batch.negatives[:, None]
    # The large sums below nearly cancel, so the row is shifted to its nearest negative, where most
    # terms lie. The shift does not change the result.
    shift = ops.where(batch.negatives[:, None] > 0, values[:, :1], 0.0)
    values = ops.where(exists, values - shift, 0.0)
    margin = penalty.offset - shift
    zero = ops.zeros_like(values[:, :1])

    def up_to(x):
        """Sums the first 0, 1, 2, ... entries of a row."""
        return ops.concatenate([zero, ops.cumsum(x, axis=1)], axis=1)

    sums, squares = up_to(values), up_to(ops.square(values)) if penalty.power == 2 else None
    ends = ops.where(exists, values, float("inf"))

    def some(positives, total, active, weight, bins, key_bins):
        key = at(batch.constant, positives.place) + margin
        key = ops.where(positives.exists, key, float("-inf"))
        below = number_below(ends, key)
        key = ops.where(positives.exists, key, 0.0)
        number = ops.cast(below, key.dtype)
        pull = number * key - at(sums, below)
        value = pull
        if penalty.power == 2:
            value = key * pull - (key * at(sums, below) - at(squares, below))
            key_bins = added_at(key_bins, below, key)
        total = total + ops.sum(value, axis=1)
        active = active + ops.sum(number, axis=1)
        bins = added_at(bins, below, ops.cast(positives.exists, key.dtype))
        slope = number if penalty.power == 1 else 2.0 * pull
        return total, active, added_at(weight, positives.place, slope), bins, key_bins

    none, row = ops.zeros_like(values), ops.zeros_like(sums)
    at_once = max(16, size // 64) if isinstance(size, int) else 64
    state = (none[:, 0], none[:, 0], none, row, row if penalty.power == 2 else zero)
    total, active, weight, bins, key_bins = each_positive(batch.anchors, some, state, at_once)

    def beyond(x):
        """Sums, for the t-th negative, over the positives with more than t negatives below them."""
        return (ops.sum(x, axis=1, keepdims=True) - ops.cumsum(x, axis=1))[:, :-1]

    slope = beyond(bins)
    if penalty.power == 2:
        slope = 2.0 * (beyond(key_bins) - slope * values)
    return total, active, added_at(weight, index, ops.where(exists, -slope, 0.0))
