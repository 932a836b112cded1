"""Computes losses that need whole rows of the matrix for a block of anchors at a time."""

from keras import ops

from tfmetric.losses.streaming.backends import pullback
from tfmetric.losses.streaming.layout import each_block, part

# Pairs held in memory at once: 8 MB of float32 for each matrix.
_ROWS = 2**21


def in_blocks(function, x, y, rows, outputs=3):
    """Computes ``function(x, y, *rows)`` block by block, and again for the gradient.

    Args:
        function: Takes ``(T, D)`` anchors, the whole ``y`` and ``(T, ...)`` parts of ``rows``;
            returns a tuple of ``(T,)`` tensors that depend on no other anchor.
        x: ``(B, D)`` anchors.
        y: ``(N, D)`` references; ``x`` and ``y`` receive the gradient.
        rows: Tuple of ``(B, ...)`` constants.
        outputs: Number of tensors that the function returns.

    Returns:
        Tuple of ``(B,)`` tensors.
    """
    cut = _Cut(ops.shape(x)[0], ops.shape(y)[0])
    if isinstance(cut.number, int) and cut.number == 1:
        return function(x, y, *rows)

    @ops.custom_gradient
    def blocked(x, y):
        anchors, given = cut.whole(x), tuple(map(cut.whole, rows))

        def forward(i, *found):
            values = function(cut.some(anchors, i), y, *(cut.some(each, i) for each in given))
            return tuple(
                ops.slice_update(whole, (i * cut.block,), value)
                for whole, value in zip(found, values, strict=True)
            )

        blank = ops.zeros_like(anchors[:, 0])
        found = each_block(cut.number, forward, (blank,) * outputs, 0)

        def gradient(*upstream):
            upstream = upstream[0] if isinstance(upstream[0], (tuple, list)) else upstream
            # XLA needs sizes from shapes in this function, not from the forward pass.
            here = _Cut(ops.shape(x)[0], ops.shape(y)[0])
            anchors, given = here.whole(x), tuple(map(here.whole, rows))
            pull = tuple(here.zeros_after(ops.convert_to_tensor(each)) for each in upstream)

            def backward(i, to_x, to_y):
                own = tuple(here.some(each, i) for each in given)
                one, other = pullback(
                    lambda x, y: function(x, y, *own),
                    (here.some(anchors, i), y),
                    tuple(here.some(each, i) for each in pull),
                )
                return ops.slice_update(to_x, (i * here.block, 0), one), to_y + other

            state = ops.zeros_like(anchors), ops.zeros_like(y)
            to_x, to_y = each_block(here.number, backward, state, 0)
            return to_x[: ops.shape(x)[0]], to_y

        return tuple(each[: ops.shape(x)[0]] for each in found), gradient

    return blocked(x, y)


class _Cut:
    """Returns the number of blocks of anchors, given ``others`` columns for each row."""

    def __init__(self, size, others):
        if isinstance(size, int) and isinstance(others, int):
            number = max(1, -(-size * others // _ROWS))
            self.block = max(1, -(-size // number))
            self.number = max(1, -(-size // self.block))
        else:
            self.number = size * others // _ROWS + 1
            self.block = ops.maximum(-(-size // self.number), 1)

    def some(self, x, i):
        return part(x, i * self.block, self.block)

    def whole(self, x):
        """Pads ``x`` to whole blocks with copies of its last row, so that no sum is empty."""
        index = ops.arange(self.block * self.number, dtype="int32")
        return ops.take(x, ops.minimum(index, ops.shape(x)[0] - 1), axis=0)

    def zeros_after(self, x):
        """Pads ``x`` to whole blocks with zeros."""
        index = ops.arange(self.block * self.number, dtype="int32")
        last = ops.shape(x)[0] - 1
        return ops.where(index <= last, ops.take(x, ops.minimum(index, last)), 0.0)
