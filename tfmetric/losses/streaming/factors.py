"""Writes distances as a product of two matrices, and those of positives as direct differences."""

from typing import NamedTuple

from keras import ops

from tfmetric import distances
from tfmetric.distances import NORM_FLOOR, l2_normalize
from tfmetric.typing import Tensor


class Factors(NamedTuple):
    """A distance of all pairs as ``shift + left · rightᵀ``, or the square root of the product.

    Attributes:
        left: ``(B, E)`` of the anchors.
        right: ``(N, E)`` of the others.
        vectors: ``(B, D)`` and ``(N, D)`` vectors whose squared difference, or product, is the
            distance.
        shift: A number.
        root: Whether the distance is the root of the product.
        squares: Whether the product is a square, which rounding may make negative.
        reach: The largest deviation of a distance from ``shift`` (from 0 for squares): a number if
            it does not depend on the batch, else a scalar tensor.
    """

    left: object
    right: object
    vectors: tuple[Tensor, Tensor]
    shift: float
    root: bool
    squares: bool
    reach: object


def cosine(x, y=None):
    """1 − cos(x, y), y being x by default."""
    left = l2_normalize(x)
    right = left if y is None else l2_normalize(y)
    return Factors(-left, right, (left, right), 1.0, False, False, 1.0)


def inner_product(x, y=None):
    """−x · y."""
    y = x if y is None else y
    reach = ops.stop_gradient(_longest(x) * _longest(y))
    return Factors(-x, y, (x, y), 0.0, False, False, reach)


def squared_euclidean(x, y=None):
    """‖x − y‖²."""
    return _square(x, y, False)


def euclidean(x, y=None):
    """‖x − y‖."""
    return _square(x, y, True)


def _square(x, y, root):
    others = x if y is None else y
    centre = ops.take(ops.stop_gradient(others), distances.median_row(others), axis=0)
    x = x - centre
    y = x if y is None else y - centre
    one = ops.ones_like(x[:, :1])
    ones = one if y is x else ops.ones_like(y[:, :1])
    x_norm = ops.sum(ops.square(x), axis=1, keepdims=True)
    y_norm = x_norm if y is x else ops.sum(ops.square(y), axis=1, keepdims=True)
    left = ops.concatenate([-2.0 * x, x_norm, one], axis=1)
    right = ops.concatenate([y, ones, y_norm], axis=1)
    longest = ops.stop_gradient(_longest(x) + _longest(y))
    return Factors(left, right, (x, y), 0.0, root, True, longest if root else ops.square(longest))


def _longest(x):
    return ops.sqrt(ops.max(ops.sum(ops.square(x), axis=1), initial=0.0))


FACTORS = {
    "cosine": cosine,
    "inner_product": inner_product,
    "squared_euclidean": squared_euclidean,
    "euclidean": euclidean,
}


def missing_length(x):
    """Returns 1 − ‖u‖² of the normalised vectors: exactly 0 except for vectors below the floor."""
    short = ops.sum(ops.square(x), axis=1) < NORM_FLOOR**2
    return ops.where(short, 1.0 - ops.sum(ops.square(l2_normalize(x)), axis=1), 0.0)
