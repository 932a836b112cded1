"""Computes a batch's terms by streaming for small classes, else from rows of the matrix."""

from keras import ops

from tfmetric.distances import safe_scale
from tfmetric.losses.streaming.backends import pullback
from tfmetric.losses.streaming.layout import LARGEST_CLASS
from tfmetric.losses.streaming.sides import Found, Order, sides


def streamed_or_held(anchor_terms, held, labels, x, references, distance):
    """Computes the terms of each anchor, without a matrix of all pairs wherever possible.

    The batch decides between the two ways, so both are compiled and one runs. The backward pass
    reuses the ``(B,)`` sums over negatives of the forward pass and computes the strips again.

    Args:
        anchor_terms: Takes positives and negatives, returns a tuple of ``(B,)`` tensors.
        held: Takes ``(x, references)``, returns the same terms from a matrix.
        labels: ``(B,)`` class ids.
        x: ``(B, D)`` embeddings.
        references: :class:`tfmetric.losses.References`; None for the batch itself.
        distance: A :class:`tfmetric.distances.Distance` of ``FACTORS``.
    """
    inputs = (x,) if references is None else (x, references.embeddings)
    order = Order(labels, references)
    small = ops.max(order.anchors.count, initial=0) <= LARGEST_CLASS
    # Squares of very large or very small embeddings overflow or underflow.
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
            # Traced second, so the number and shapes of the tensors are known.
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
    """Returns zeros in the shapes of the found tensors: ``(B,)``, or ``(M, B)`` for positives."""
    blank = ops.zeros_like(values)
    if len(found.shape) == 1:
        return blank
    return ops.broadcast_to(blank[None, :], (found.shape[0], ops.shape(blank)[0]))
