"""All positives of an anchor, some at a time, among examples in the order of their labels."""

from typing import Any, NamedTuple

from keras import ops


class Anchors(NamedTuple):
    """Where each anchor and its class stand among what the anchors are compared with.

    Attributes:
        place: ``(B,)`` of the anchor, in the order of the labels.
        start: ``(B,)`` where its class begins.
        count: ``(B,)`` how many its class has, itself included.
        size: How many examples the anchors are compared with.
    """

    place: object
    start: object
    count: object
    size: object


class Positives(NamedTuple):
    """Some positives of each anchor.

    Attributes:
        place: ``(B, n)`` their places in the order of the labels.
        exists: ``(B, n)`` whether the anchor has that many.
    """

    place: object
    exists: object


def each_positive(anchors: Anchors, step: Any, state: Any, at_once: Any = 1) -> Any:
    """Calls ``step(positives, *state)`` until it has been given all positives of all anchors.

    The positives of an anchor stand next to it, so the n-th one of each is found by counting: the
    loop is as long as the largest class, whatever the size of the batch.

    Args:
        anchors: Where they stand.
        step: Takes :class:`Positives` and the state, returns the new state.
        state: Tuple of tensors.
        at_once: How many positives an anchor each time.

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
    """The place of the n-th positive of each anchor, in the order of the labels.

    Args:
        anchors: Where they stand.
        number: int32 ``(1, n)``, or a scalar: 1 for the first. From the count of a class on, the
            place is meaningless, but in range.

    Returns:
        int32 ``(B, n)``, or ``(B,)`` for a scalar.
    """
    place, start, count = anchors[:3]
    if len(ops.shape(number)) == 2:
        place, start, count = (each[:, None] for each in (place, start, count))
    position = start + (place - start + number) % ops.maximum(count, 1)
    # The place of an anchor that is no reference lies after its class, maybe after all of them.
    return ops.minimum(position, anchors.size - 1)
