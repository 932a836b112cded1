"""Samples negatives by distance (Wu et al., 2017), reproducibly for a given batch.

Keras gives a loss no random state that survives a compiled step on every backend, so the random
numbers are a hash of the embeddings. They change in each step, as the embeddings do, and repeat for
the same batch.
"""

from typing import Any

from keras import ops

from tfmetric import distances
from tfmetric.typing import Tensor


def log_density(distance, dim: int):
    """Returns the log density of distances on a unit sphere, up to a constant.

    q(d) ∝ d^(n−2) · (1 − d²/4)^((n−3)/2) for n dimensions (Wu et al., 2017, sec. 3).

    Args:
        distance: Distances from 0 to 2.
        dim: n, at least 2.
    """
    # Clip away from distances 0 and 2, where the logarithms are infinite.
    distance = ops.clip(distance, 1e-4, 2.0 - 1e-4)
    rest = 1.0 - ops.square(distance) / 4.0
    return (dim - 2.0) * ops.log(distance) + (dim - 3.0) / 2.0 * ops.log(rest)


def sampling_sums(x: Any, y: Tensor, negatives: Tensor, cutoff: float = 0.5) -> Any:
    """Returns running sums of the weights of each anchor's negatives.

    A negative weighs min(1/q(cutoff), 1/q(d)), with d the distance between the normalised
    embeddings, so that all distances beyond the cutoff are equally likely (Wu et al., 2017, sec.
    4).

    Args:
        x: ``(B, D)`` anchors, constant.
        y: ``(N, D)`` compared examples, constant.
        negatives: ``(B, N)`` booleans.
        cutoff: Distance below which weights stop growing, because such negatives are noise.

    Returns:
        ``(B, N)``; a row of zeros for an anchor without a negative.
    """
    x, y = distances.l2_normalize(x), distances.l2_normalize(y)
    distance = distances.get("euclidean").pairwise(x, y)
    dim = max(x.shape[1], 2)
    most_allowed = -log_density(ops.convert_to_tensor(cutoff, dtype=x.dtype), dim)
    log_weight = ops.minimum(-log_density(distance, dim), most_allowed)
    log_weight = ops.where(negatives, log_weight, float("-inf"))
    most = ops.max(log_weight, axis=1, keepdims=True)
    most = ops.where(ops.isfinite(most), most, 0.0)
    return ops.cumsum(ops.exp(log_weight - most), axis=1)


def drawn_negatives(x: Any, y: Tensor, negatives: Tensor, number: Any, cutoff: float = 0.5) -> Any:
    """Counts the draws of each negative, by the weights of :func:`sampling_sums`.

    Args:
        x: ``(B, D)`` anchors, constant.
        y: ``(N, D)`` compared examples, constant.
        negatives: ``(B, N)`` booleans.
        number: ``(B,)`` int32: number of draws of each anchor, with replacement.
        cutoff: As in :func:`sampling_sums`.

    Returns:
        ``(B, N)`` counts in the dtype of x; a row of zeros for an anchor without a negative.
    """
    sums = sampling_sums(x, y, negatives, cutoff)
    whole = sums[:, -1:]
    before = ops.concatenate([ops.zeros_like(whole), sums[:, :-1]], axis=1)

    def once_more(draw, counts):
        place = ops.broadcast_to(draw, ops.shape(whole))
        # Rounding must not select an entry beyond the last negative with a weight.
        part = ops.minimum(whole * uniform(x, y, place), whole * (1 - 1e-6))
        hit = ops.logical_and(before <= part, part < sums)
        # A compiled running sum may rise by rounding even where nothing is added.
        hit = ops.logical_and(hit, ops.logical_and(negatives, (draw < number)[:, None]))
        return draw + 1, counts + ops.cast(hit, counts.dtype)

    state = (ops.convert_to_tensor(0, dtype="int32"), ops.zeros_like(sums))
    return ops.while_loop(lambda draw, _: draw < ops.max(number), once_more, state)[1]


def uniform(x: Any, y: Tensor, place: Any) -> Any:
    """Returns numbers in [0, 1), ``(B, n)``: hashes of the anchor, the place and all others.

    Args:
        x: ``(B, D)`` anchors.
        y: ``(N, D)`` compared examples, in any order.
        place: ``(B, n)`` int32.
    """
    state = _mixed(row_hash(x)[:, None] + ops.sum(row_hash(y)) + _mixed(place))
    # Keep the upper 24 bits, the precision of float32.
    high = ops.bitwise_and(ops.right_shift(state, 8), 0xFFFFFF)
    return ops.cast(high, x.dtype) / 2.0**24


def row_hash(x: Any) -> Any:
    """Hashes each row: equal rows have equal hashes.

    Args:
        x: ``(B, D)`` floating tensor.

    Returns:
        ``(B,)`` int32.
    """
    bits = ops.view(ops.cast(x, "float32"), "int32")
    # Odd factors that differ by column distinguish exchanged values; int32 wraps around.
    factor = 2 * ops.arange(ops.shape(bits)[1], dtype="int32") + 1
    return _mixed(ops.sum(_mixed(bits) * factor, axis=1))


def _mixed(x):
    """Spreads every bit of an int32 over all of it: two rounds of xor-shift and multiply."""
    for shift, factor in ((16, 0x45D9F3B), (15, 0x2C1B3C6D)):
        x = ops.bitwise_xor(x, ops.bitwise_and(ops.right_shift(x, shift), 2 ** (32 - shift) - 1))
        x = x * factor
    return ops.bitwise_xor(x, ops.bitwise_and(ops.right_shift(x, 16), 0xFFFF))
