"""All positives of an anchor, some at a time, among examples in the order of their labels."""

from typing import Any, NamedTuple

from keras import ops


class Anchors(NamedTuple):
    """Where each anchor and its class stand among what the anchors are compared with.

    Attributes:
        place: ``(B,)`` of the anchor, in the order of the labels.
        start: ``(B,)`` where its class begins.
        count: ``(B,)`` how many its class has, itself included.
    """

    place: object
    start: object
    count: object


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
    place, start, count = (each[:, None] for each in anchors)

    def some(first, *state):
        number = first + ops.arange(at_once, dtype="int32")[None, :]
        positives = Positives(start + (place - start + number) % count, number < count)
        return first + at_once, *step(positives, *state)

    first = ops.convert_to_tensor(1, dtype="int32")
    return ops.while_loop(lambda first, *_: first < most, some, (first, *state))[1:]
