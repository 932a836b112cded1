"""Negatives sampled by their distance (Wu et al., 2017), at random but a function of the batch.

Keras gives a loss no random state that survives a compiled step on every backend, so the random
numbers are a hash of the embeddings: another in each step, since they move, and the same again for
the same batch.
"""

from keras import ops

from tfmetric import distances
from tfmetric.mining.classes import Classes


def log_density(distance, dim: int):
    """Logarithm, up to a constant, of the density of distances between points of a unit sphere.

    q(d) ∝ d^(n−2) · (1 − d²/4)^((n−3)/2) for n dimensions (Wu et al., 2017, sec. 3).

    Args:
        distance: Distances from 0 to 2.
        dim: n, at least 2.
    """
    # Away from both ends of the sphere's diameter, where the logarithms are infinite.
    distance = ops.clip(distance, 1e-4, 2.0 - 1e-4)
    rest = 1.0 - ops.square(distance) / 4.0
    return (dim - 2.0) * ops.log(distance) + (dim - 3.0) / 2.0 * ops.log(rest)


def sampling_sums(embeddings, classes: Classes, cutoff: float = 0.5):
    """Running sums along each anchor's row of the weights of its negatives.

    A negative weighs min(1/q(cutoff), 1/q(d)) with d the distance between the embeddings scaled to
    length 1: as likely to be drawn at any distance beyond the cutoff (Wu et al., 2017, sec. 4).

    Args:
        embeddings: ``(B, D)`` in the order of the labels, constant.
        classes: :func:`tfmetric.mining.by_class` of their labels.
        cutoff: Distance below which negatives weigh no more: they are noise.

    Returns:
        ``(B, B)``; a row of zeros for an anchor without a negative.
    """
    unit = distances.l2_normalize(embeddings)
    distance = distances.get("euclidean").pairwise(unit, unit)
    dim = max(embeddings.shape[1], 2)
    most_allowed = -log_density(ops.convert_to_tensor(cutoff, dtype=unit.dtype), dim)
    log_weight = ops.minimum(-log_density(distance, dim), most_allowed)
    same = ops.equal(classes.start[:, None], classes.start[None, :])
    log_weight = ops.where(same, float("-inf"), log_weight)
    most = ops.max(log_weight, axis=1, keepdims=True)
    most = ops.where(ops.isfinite(most), most, 0.0)
    return ops.cumsum(ops.exp(log_weight - most), axis=1)


def uniform(embeddings, place):
    """Numbers in [0, 1), ``(B, n)``: a hash of each anchor, of the place and of the whole batch.

    Args:
        embeddings: ``(B, D)``.
        place: ``(B, n)`` int32.
    """
    bits = ops.view(ops.cast(embeddings, "float32"), "int32")
    # Odd factors that differ by column keep exchanged values apart; int32 wraps around.
    factor = 2 * ops.arange(ops.shape(bits)[1], dtype="int32") + 1
    row = _mixed(ops.sum(_mixed(bits) * factor, axis=1))[:, None]
    state = _mixed(row + ops.sum(row) + _mixed(place))
    # The upper 24 bits, as many as a float32 tells apart.
    high = ops.bitwise_and(ops.right_shift(state, 8), 0xFFFFFF)
    return ops.cast(high, embeddings.dtype) / 2.0**24


def _mixed(x):
    """Spreads every bit of an int32 over all of it: two rounds of xor-shift and multiply."""
    for shift, factor in ((16, 0x45D9F3B), (15, 0x2C1B3C6D)):
        x = ops.bitwise_xor(x, ops.bitwise_and(ops.right_shift(x, shift), 2 ** (32 - shift) - 1))
        x = x * factor
    return ops.bitwise_xor(x, ops.bitwise_and(ops.right_shift(x, 16), 0xFFFF))
