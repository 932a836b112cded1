"""The terms of a batch: streamed where its classes are small, else from rows of the matrix."""

from keras import ops

from tfmetric.distances import safe_scale
from tfmetric.losses.streaming.backends import pullback
from tfmetric.losses.streaming.layout import LARGEST_CLASS
from tfmetric.losses.streaming.sides import Found, Order, sides


def streamed_or_held(anchor_terms, held, labels, x, references, distance):
    """The terms of each anchor, without a matrix of all pairs wherever that can be.

    Which of the two it is hangs on the batch, so both are compiled and one of them runs. The
    backward pass takes what the forward pass found of the negatives, sums of ``(B,)``, and
    computes the strips again.

    Args:
        anchor_terms: Takes positives and negatives, returns a tuple of ``(B,)`` tensors.
        held: The same of ``(x, references)``.
        labels: ``(B,)`` class ids.
        x: ``(B, D)`` embeddings.
        references: :class:`tfmetric.losses.References`; None for the batch itself.
        distance: A :class:`tfmetric.distances.Distance` of ``FACTORS``.
    """
    inputs = (x,) if references is None else (x, references.embeddings)
    order = Order(labels, references)
    small = ops.max(order.anchors.count, initial=0) <= LARGEST_CLASS
    # Squares of very large or very small embeddings leave their float type.
    ordinary = ops.all(safe_scale(ops.stop_gradient(inputs[-1])) == 1.0)
    can_stream = ops.logical_and(small, ordinary)

    def streamed(once, *inputs):
        x, y = order.sorted(*inputs)
        terms = anchor_terms(*sides(order, x, y, distance, once))
        return tuple(order.unsorted(each) for each in terms)

    def from_rows(*inputs):
        if references is None:
            return tuple(held(inputs[0], None))
        return tuple(held(inputs[0], references._replace(embeddings=inputs[1])))

    @ops.custom_gradient
    def terms(*inputs):
        once = Found()

        def by_strips():
            values = streamed(once, *inputs)
            return (*values, *once.all)

        def by_rows():
            # Traced second: as many tensors, of the same shapes.
            values = from_rows(*inputs)
            return (*values, *(_like(each, values[0]) for each in once.all))

        found = tuple(ops.cond(can_stream, by_strips, by_rows))

        def gradient(*upstream):
            upstream = upstream[0] if isinstance(upstream[0], (tuple, list)) else upstream
            upstream = tuple(ops.convert_to_tensor(each) for each in upstream)
            return ops.cond(
                can_stream,
                lambda: pullback(
                    lambda *given: streamed(Found(found[3:]), *given), inputs, upstream
                ),
                lambda: pullback(from_rows, inputs, upstream),
            )

        return found[:3], gradient

    return terms(*inputs)


def _like(found, values):
    """Zeros of the shape of what was found: ``(B,)``, or ``(M, B)`` of the positives."""
    blank = ops.zeros_like(values)
    if len(found.shape) == 1:
        return blank
    return ops.broadcast_to(blank[None, :], (found.shape[0], ops.shape(blank)[0]))
