"""Reductions over the pairs of each anchor, and their result from a matrix in memory.

A ``value`` function works element by element. It takes distances and, for each entry of ``anchor``,
a tensor with one number for each anchor that broadcasts with the distances. ``slope`` is the
derivative of ``value`` with respect to the distance; without it automatic differentiation finds it.
The entries of ``anchor`` are constants.
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from tfmetric.losses._masked import masked_logsumexp
from tfmetric.losses.streaming.strips import FAR


class Sum(NamedTuple):
    """Σ value(d) over the pairs of an anchor.

    Attributes:
        value: ``f(distance, *anchor)``.
        slope: Its derivative with respect to the distance; None finds it.
        anchor: ``(B,)`` tensors.
    """

    value: Callable
    slope: Callable | None = None
    anchor: tuple = ()


class Count(NamedTuple):
    """Counts the pairs of an anchor for which a condition holds.

    Attributes:
        where: ``f(distance, *anchor)`` that returns booleans.
        anchor: ``(B,)`` tensors.
    """

    where: Callable
    anchor: tuple = ()


class LogSumExp(NamedTuple):
    """log Σ exp(value(d)) over the pairs of an anchor; LOG_ZERO where it has none.

    Attributes:
        value: ``f(distance)``, or a number that multiplies the distance.
        slope: The derivative of a function with respect to the distance; None finds it.
        reach: The largest absolute value of the function, if it is bounded.
        ceiling: ``f(smallest distance)``: a close upper bound of the values of an anchor's pairs;
            needed for a ``reach`` above 70.
        nearer: ``(B,)``: only pairs at a smaller distance count; None takes all.
        farther: ``(B,)``: only pairs at a larger distance count, with a negative number as
            ``value``; None takes all. Not beside ``nearer``.
    """

    value: Callable | float
    slope: Callable | None = None
    reach: float | None = None
    ceiling: Callable | None = None
    nearer: object = None
    farther: object = None


class Smallest(NamedTuple):
    """The smallest distance of an anchor's pairs, a constant; +1e30 where it has none."""


class Largest(NamedTuple):
    """The largest distance of an anchor's pairs, a constant; −1e30 where it has none."""


class Held:
    """The pairs of each anchor in a matrix of distances.

    Attributes:
        distance: ``(B, N)``.
        mask: ``(B, N)`` booleans: which entries are such pairs.
        number: ``(B,)`` number of pairs of each anchor, in the dtype of the distances.
    """

    def __init__(self, distance, mask):
        self.distance, self.mask = distance, mask
        self.number = ops.sum(ops.cast(mask, distance.dtype), axis=1)

    def reduce(self, *asked):
        """Returns one ``(B,)`` tensor for each reduction."""
        return tuple(_HELD[type(each)](self, each) for each in asked)

    def masked(self, values):
        """Returns the values of the pairs, 0 elsewhere."""
        return ops.where(self.mask, values, ops.zeros_like(values))


def _columns(anchor):
    return tuple(ops.stop_gradient(each)[:, None] for each in anchor)


def _sum(pairs, asked):
    value = asked.value(pairs.distance, *_columns(asked.anchor))
    return ops.sum(pairs.masked(value), axis=1)


def _count(pairs, asked):
    holds = asked.where(ops.stop_gradient(pairs.distance), *_columns(asked.anchor))
    return ops.sum(ops.cast(ops.logical_and(pairs.mask, holds), pairs.distance.dtype), axis=1)


def _logsumexp(pairs, asked):
    mask = pairs.mask
    if asked.nearer is not None:
        mask = ops.logical_and(mask, pairs.distance < asked.nearer[:, None])
    if asked.farther is not None:
        mask = ops.logical_and(mask, pairs.distance > asked.farther[:, None])
    if callable(asked.value):
        return masked_logsumexp(asked.value(pairs.distance), mask)
    return masked_logsumexp(asked.value * pairs.distance, mask)


def _smallest(pairs, asked):
    return ops.min(ops.where(pairs.mask, ops.stop_gradient(pairs.distance), FAR), axis=1)


def _largest(pairs, asked):
    return ops.max(ops.where(pairs.mask, ops.stop_gradient(pairs.distance), -FAR), axis=1)


_HELD = {
    Sum: _sum,
    Count: _count,
    LogSumExp: _logsumexp,
    Smallest: _smallest,
    Largest: _largest,
}
