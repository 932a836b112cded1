"""Sums over the masked entries of each row, without overflow and without NaN in the gradient."""

from keras import ops

# The logarithm of an empty sum; finite, because inf − inf is NaN.
LOG_ZERO = -1e30


def masked_logsumexp(values, mask):
    """Returns log Σ exp of the masked entries of each row; LOG_ZERO for an empty row.

    Args:
        values: ``(B, N)``.
        mask: ``(B, N)`` booleans.

    Returns:
        ``(B,)``. ``softplus`` of an empty sum is 0 with gradient 0.
    """
    values = ops.where(mask, values, LOG_ZERO)
    top = ops.stop_gradient(ops.max(values, axis=1, keepdims=True))
    # A row without masked entries would have exp(0) everywhere.
    top = ops.where(top > LOG_ZERO / 2, top, ops.zeros_like(top))
    total = ops.sum(ops.exp(values - top), axis=1)
    found = total > 0
    return ops.where(found, ops.log(ops.where(found, total, 1.0)) + top[:, 0], LOG_ZERO)


def any_of(mask):
    """Returns ``(B,)`` booleans: whether a row has a masked entry."""
    return ops.any(mask, axis=1)


def in_both(positives, negatives):
    """Returns ``(B,)`` booleans: whether an anchor has a positive and a negative."""
    return ops.logical_and(any_of(positives), any_of(negatives))
