"""Sorts a batch by label, so that the members of a class are adjacent."""

from typing import NamedTuple

from keras import ops

from tfmetric.typing import Array, Tensor


class Classes(NamedTuple):
    """The position of each example once the batch is sorted by label.

    Attributes:
        order: ``(B,)`` the example at each place.
        back: ``(B,)`` the place of each example.
        start: ``(B,)`` first place of the class at each place.
        count: ``(B,)`` size of the class at each place.
    """

    order: Tensor
    back: Tensor
    start: Tensor
    count: Tensor


def by_class(labels: Array) -> Classes:
    """Sorts a batch by its labels.

    Args:
        labels: ``(B,)`` class ids.

    Returns:
        Places and classes, int32 of ``(B,)`` each.
    """
    size = ops.shape(labels)[0]
    order = ops.cast(ops.argsort(labels), "int32")
    place = ops.arange(size, dtype="int32")
    labels = ops.take(labels, order)
    first = ops.concatenate(
        [ops.ones_like(labels[:1]), ops.cast(labels[1:] != labels[:-1], labels.dtype)]
    )
    number = ops.cumsum(ops.cast(first, "int32")) - 1
    members = ops.segment_sum(ops.ones_like(place), number, num_segments=size)
    start = ops.take(ops.cumsum(members) - members, number)
    back = ops.scatter(order[:, None], place, (size,))
    return Classes(order, back, start, ops.take(members, number))
