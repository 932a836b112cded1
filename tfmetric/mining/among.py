"""Positions of the anchors and their classes among the references."""

from typing import Any, NamedTuple

from keras import ops

from tfmetric.mining.classes import Classes, by_class
from tfmetric.mining.positives import Anchors
from tfmetric.typing import Array, Tensor


class Among(NamedTuple):
    """Anchors and their classes among N references in the order of the labels.

    Attributes:
        classes: :class:`Classes` of the references; references that do not exist come last.
        existing: Number of references that exist.
        anchors: :class:`Anchors`. An anchor that is not a reference is placed after the last member
            of its class, so that every member is one of its positives.
        number: ``(B,)`` int32: the class of each anchor, as ``classes.start`` numbers it; N where
            no reference is of that class.
        members: ``(B,)`` int32: number of references of the anchor's class, the anchor included.
    """

    classes: Classes
    existing: Any
    anchors: Anchors
    number: Any
    members: Any


def among(labels: Array, others: Array, own: Any = None, valid: Tensor | None = None) -> Among:
    """Finds the class of each anchor among the references.

    Args:
        labels: ``(B,)`` class ids of the anchors.
        others: ``(N,)`` class ids of the references.
        own: ``(B,)`` index of each anchor among the references; None where the anchors are not
            among them.
        valid: ``(N,)`` booleans: which of the references exist; by default all.
    """
    size = ops.shape(others)[0]
    if own is not None and valid is None:
        classes = by_class(others)
        place = ops.take(classes.back, own)
        start, count = ops.take(classes.start, place), ops.take(classes.count, place)
        return Among(classes, size, Anchors(place, start, count, size), start, count)
    numbers, mine = _numbers(others, valid, labels)
    existing = size if valid is None else ops.sum(ops.cast(valid, "int32"))
    classes = by_class(numbers)
    ascending = ops.take(numbers, classes.order)
    start = ops.cast(ops.searchsorted(ascending, mine, side="left"), "int32")
    count = ops.cast(ops.searchsorted(ascending, mine, side="right"), "int32") - start
    number = ops.where(count > 0, start, size)
    start = ops.minimum(start, size - 1)
    place, besides = start + count, ops.ones_like(count)
    if own is not None:
        exists = ops.take(valid, own)
        place = ops.where(exists, ops.take(classes.back, own), place)
        besides = ops.cast(ops.logical_not(exists), "int32")
    anchors = Anchors(place, start, count + besides, size)
    return Among(classes, existing, anchors, number, count)


def _numbers(others, valid, labels):
    """Returns int32 numbers, equal where labels are equal; missing references get the last."""
    size = ops.shape(others)[0]
    classes = by_class(ops.concatenate([others, ops.cast(labels, others.dtype)]))
    numbers = ops.take(classes.start, classes.back)
    theirs, mine = numbers[:size], numbers[size:]
    if valid is not None:
        theirs = ops.where(valid, theirs, ops.shape(numbers)[0])
    return theirs, mine
