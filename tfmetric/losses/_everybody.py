"""The sums over everybody but the anchor, which softmax losses have in common."""

from keras import ops

from tfmetric.losses.streaming import LogSumExp


def against_everybody(positives, negatives, scale):
    """log Σ exp(−scale · d) over positives and negatives, in two parts.

    In parts, since with one positive p the sum less p's own logit is the second part alone, free
    of the rounding of a difference.

    Args:
        positives: A side of :meth:`PairLoss.anchor_terms`.
        negatives: The other.
        scale: Greater than 0.

    Returns:
        ``(B,)`` log Σ exp over the positives; what the negatives add to it; booleans: whether it is
        over more than one.
    """
    (own,) = positives.reduce(LogSumExp(-scale))
    (others,) = negatives.reduce(LogSumExp(-scale))
    return own, ops.softplus(others - own), positives.number + negatives.number > 1
