"""Attaches a gradient that was computed by hand to its matrix."""

from keras import ops


def carried(total, slope, matrix):
    """Returns ``total`` with ``slope`` as its derivative with respect to ``matrix``.

    Use it for sums that take many passes over a matrix: automatic differentiation would keep every
    pass, while one matrix of slopes is enough.

    Args:
        total: ``(B,)`` values.
        slope: ``(B, N)`` derivative of each value with respect to its row.
        matrix: ``(B, N)`` finite; receives the gradient.

    Returns:
        ``(B,)``, equal to ``total``.
    """
    total, slope = ops.stop_gradient(total), ops.stop_gradient(slope)
    return total + ops.sum(slope * (matrix - ops.stop_gradient(matrix)), axis=1)
