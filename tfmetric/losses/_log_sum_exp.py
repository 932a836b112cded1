"""The sum over all examples but the anchor, which several softmax losses share."""

from keras import ops

from tfmetric.losses.streaming import LogSumExp


def log_sum_exp_over_all(positives, negatives, scale):
    """Returns log Σ exp(−scale · d) over positives and negatives, in two parts.

    Two parts avoid the rounding of a difference: with one positive p, the sum minus p's own logit
    is the second part alone.

    Args:
        positives: The positives of :meth:`PairLoss.anchor_terms`.
        negatives: The negatives of :meth:`PairLoss.anchor_terms`.
        scale: Greater than 0.

    Returns:
        Three ``(B,)`` tensors: log Σ exp over the positives; the addition by the negatives;
        booleans, whether the sum has more than one entry.
    """
    (own,) = positives.reduce(LogSumExp(-scale))
    (others,) = negatives.reduce(LogSumExp(-scale))
    return own, ops.softplus(others - own), positives.number + negatives.number > 1
