"""Differentiable ranks of positives: a sigmoid replaces the step "is more similar than"."""

from keras import ops

from tfmetric.losses._carried import carried
from tfmetric.mining import at


def sum_of_gains(similarity, positives, others, temperature, gain):
    """Sums, for each anchor, the gains of its positives, which depend on their ranks.

    The rank of a positive i among a set S is 1 + Σ_{j∈S, j≠i} sigmoid((s_j − s_i) / temperature).
    Each round ranks one positive of every anchor, so time is O(B·N·K) for classes of up to K
    members and memory is O(B·N).

    Args:
        similarity: ``(B, N)``.
        positives: ``(B, N)`` booleans.
        others: ``(B, N)`` booleans: the positives and the negatives.
        temperature: Greater than 0, in units of the similarity.
        gain: A function of a positive's rank among the positives and its rank among all others,
            ``(B, 1)`` each. Returns the gain and its derivatives with respect to both ranks.

    Returns:
        ``(B,)``, with a gradient.
    """
    constant = ops.stop_gradient(similarity)
    columns = ops.arange(ops.shape(constant)[1], dtype="int32")[None, :]
    most = ops.max(ops.sum(ops.cast(positives, "int32"), axis=1))
    nothing = ops.zeros_like(constant)

    def one_more(number, last, total, slope):
        ahead = ops.logical_and(positives, columns > last)
        index = ops.cast(ops.argmax(ops.cast(ahead, "int32"), axis=1, keepdims=True), "int32")
        exists = ops.any(ahead, axis=1, keepdims=True)
        above = ops.sigmoid((constant - at(constant, index)) / temperature)
        above = ops.where(ops.logical_and(others, columns != index), above, nothing)
        among = 1.0 + ops.sum(ops.where(positives, above, nothing), axis=1, keepdims=True)
        value, by_among, by_all = gain(among, 1.0 + ops.sum(above, axis=1, keepdims=True))
        change = above * (1.0 - above) * (by_all + ops.where(positives, by_among, 0.0))
        change = ops.where(exists, change / temperature, nothing)
        moved = ops.where(columns == index, ops.sum(change, axis=1, keepdims=True), nothing)
        total = total + ops.where(exists, value, 0.0)
        return number + 1, ops.where(exists, index, last), total, slope + change - moved

    first = ops.convert_to_tensor(0, dtype="int32")
    last = ops.zeros_like(constant[:, :1], dtype="int32") - 1
    state = (first, last, nothing[:, :1], nothing)
    _, _, total, slope = ops.while_loop(lambda number, *_: number < most, one_more, state)
    return carried(total[:, 0], slope, similarity)
