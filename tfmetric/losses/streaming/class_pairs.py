"""Distances within a class by direct difference: exact, and exactly 0 for equal vectors."""

from keras import ops

from tfmetric.losses.streaming.layout import LARGEST_CLASS
from tfmetric.mining import nth_positive


def class_pairs(x, y, anchors, product, symmetric, once):
    """Returns ‖x − y‖², or x · y, for each anchor and each other member of its class.

    Rows are sorted by label, so the n-th member of a class is found by counting.

    Args:
        x: ``(B, D)`` anchors.
        y: ``(N, D)`` references, in the order of the labels.
        anchors: :class:`tfmetric.mining.Anchors`: the position of each anchor's class in y.
        product: Whether to multiply the vectors instead of squaring their difference.
        symmetric: Whether x is y.
        once: :class:`~tfmetric.losses.streaming.sides.Found`.

    Returns:
        ``(B, M)`` values; booleans: which of the values exist; int32: the members' positions in y.
        M is the smallest number of columns for classes of up to ``LARGEST_CLASS``.
    """
    size = y.shape[0]
    most = LARGEST_CLASS if size is None else max(min(LARGEST_CLASS, size + 1), 2)
    count = anchors.count

    last = ops.minimum(ops.max(count, initial=0), most)
    pairs = _pairs(
        x, y, lambda k: nth_positive(anchors, k), count, last, most - 1, product, symmetric, once
    )
    number = ops.arange(1, most, dtype="int32")[None, :]
    return ops.transpose(pairs), number < count[:, None], nth_positive(anchors, number)


def _pairs(x, y, place, count, last, number, product, symmetric, once):
    """Returns ``(number, B)`` squared differences, or products."""

    def one(k, found):
        mine, theirs = ops.stop_gradient(x), ops.take(ops.stop_gradient(y), place(k), axis=0)
        value = mine * theirs if product else ops.square(mine - theirs)
        value = ops.where(k < count, ops.sum(value, axis=1), 0.0)
        return k + 1, ops.slice_update(found, (k - 1, 0), value[None, :])

    def find():
        blank = ops.zeros((number, ops.shape(x)[0]), dtype=x.dtype)
        return ops.while_loop(lambda k, *_: k < last, one, (start, blank))[1:]

    start = ops.convert_to_tensor(1, dtype="int32")
    # Kept outside the differentiated function, which must have no side effects on JAX.
    (found,) = once(find, 1)

    @ops.custom_gradient
    def paired(x, y):
        def gradient(*upstream):
            pull = ops.convert_to_tensor(upstream[0])

            def row(k):
                weight = ops.slice(pull, (k - 1, 0), (1, ops.shape(x)[0]))[0]
                return ops.where(k < count, weight, 0.0)

            def to_both(k, to_x):
                at = place(k)
                other = ops.take(y, at, axis=0)
                # The same pair, seen from its other end.
                index = (count - k - 1) % number * ops.shape(x)[0] + at
                back = ops.take(ops.reshape(pull, (-1,)), index)
                weight = (row(k) + ops.where(k < count, back, 0.0))[:, None]
                change = weight * (other if product else 2.0 * (x - other))
                return k + 1, to_x + change

            def to_each(k, to_x, to_y):
                at = place(k)
                other, weight = ops.take(y, at, axis=0), row(k)[:, None]
                if product:
                    here, there = weight * other, weight * x
                else:
                    here = 2.0 * weight * (x - other)
                    there = -here
                there = ops.segment_sum(there, at, num_segments=ops.shape(y)[0])
                return k + 1, to_x + here, to_y + there

            if symmetric:
                state = start, ops.zeros_like(x)
                to_x = ops.while_loop(lambda k, *_: k < last, to_both, state)[1]
                return to_x, ops.zeros_like(y)
            state = start, ops.zeros_like(x), ops.zeros_like(y)
            return ops.while_loop(lambda k, *_: k < last, to_each, state)[1:]

        return found, gradient

    return paired(x, y)
