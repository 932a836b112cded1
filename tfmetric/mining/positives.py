"""Visits all positives of each anchor, some at a time, in the order of the labels."""

from typing import Any, NamedTuple

from keras import ops

from tfmetric.typing import Tensor


class Anchors(NamedTuple):
    """The positions of each anchor and its class among the compared examples.

    Attributes:
        place: ``(B,)`` position of the anchor, in the order of the labels.
        start: ``(B,)`` first position of its class.
        count: ``(B,)`` size of its class, the anchor included.
        size: Number of compared examples.
    """

    place: Tensor
    start: Tensor
    count: Tensor
    size: Tensor


class Positives(NamedTuple):
    """Some positives of each anchor.

    Attributes:
        place: ``(B, n)`` positions in the order of the labels.
        exists: ``(B, n)`` whether the anchor has that many.
    """

    place: object
    exists: object


def each_positive(anchors: Anchors, step: Any, state: Any, at_once: Any = 1) -> Any:
    """Calls ``step(positives, *state)`` until it has received all positives of all anchors.

    The positives of an anchor are adjacent to it, so the n-th positive is found by counting. The
    loop is as long as the largest class, for any batch size.

    Args:
        anchors: Positions of the anchors.
        step: Takes :class:`Positives` and the state, returns the new state.
        state: Tuple of tensors.
        at_once: Number of positives of each anchor in one call.

    Returns:
        The last state.
    """
    most = ops.max(anchors.count)
    count = anchors.count[:, None]

    def some(first, *state):
        number = first + ops.arange(at_once, dtype="int32")[None, :]
        positives = Positives(nth_positive(anchors, number), number < count)
        return first + at_once, *step(positives, *state)

    first = ops.convert_to_tensor(1, dtype="int32")
    return ops.while_loop(lambda first, *_: first < most, some, (first, *state))[1:]


def nth_positive(anchors: Anchors, number: Any) -> Any:
    """Returns the position of each anchor's n-th positive, in the order of the labels.

    Args:
        anchors: Positions of the anchors.
        number: int32 ``(1, n)``, or a scalar: 1 for the first. Beyond the size of a class, the
            position is meaningless but in range.

    Returns:
        int32 ``(B, n)``, or ``(B,)`` for a scalar.
    """
    place, start, count = anchors[:3]
    if len(ops.shape(number)) == 2:
        place, start, count = (each[:, None] for each in (place, start, count))
    position = start + (place - start + number) % ops.maximum(count, 1)
    # An anchor that is not a reference is placed after its class, possibly after all classes.
    return ops.minimum(position, anchors.size - 1)
