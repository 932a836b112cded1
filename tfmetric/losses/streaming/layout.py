"""Cuts the pairs of a batch into strips: a block of anchors with a run of the others.

There are two layouts. :class:`Circle` compares a batch with itself. The anchors are sorted by label
and form an odd number of blocks on a circle. The strip of a block holds its pairs with itself and
with the half of the circle that follows, so each unordered pair of blocks is visited once, and its
result goes to both ends of a pair. :class:`Table` compares anchors with references; the strip of a
block of anchors holds all references.
"""

from typing import NamedTuple

from keras import ops

# Pairs of a strip processed at once: 32 MB of float32.
_STRIP = 2**23
# Up to this many strips are unrolled; more run in a loop, which copies more.
_WRITTEN_OUT = 9
# Largest class whose positives are visited one by one.
LARGEST_CLASS = 32


class Piece(NamedTuple):
    """A run of columns of a strip.

    Attributes:
        start: First column, relative to the strip's first.
        stop: The column after the run.
        near: Whether the run may contain members of the anchors' classes.
    """

    start: object
    stop: object
    near: bool


class Circle:
    """Layout of a batch compared with itself; see the module.

    Attributes:
        size: Number of anchors.
        block: Anchors of a block.
        number: Number of blocks, odd.
        width: Columns of a strip.
        pieces: The runs of columns of a strip.
        both_ways: Whether a strip also contributes to its columns.
    """

    both_ways = True

    def __init__(self, size):
        self.size = size
        if isinstance(size, int):
            # Half of the batch in each strip: block · size / 2 pairs.
            number = max(1, -(-size * size // (2 * _STRIP)))
            if size > 1536:
                number = max(number, _WRITTEN_OUT)
            elif size > 512:
                number = max(number, 3)
            number += 1 - number % 2
            self.block = max(-(-size // (8 * number)) * 8, LARGEST_CLASS)
            self.block = size if number == 1 else self.block
            self.number = -(-size // self.block) if number > 1 else 1
            self.number += 1 - self.number % 2
        else:
            number = ops.maximum(size // 512, size * size // (2 * _STRIP)) + 1
            number = number + 1 - number % 2
            self.block = ops.maximum(-(-size // (8 * number)) * 8, LARGEST_CLASS)
            self.number = number
        self.width = self.block * (self.number + 1) // 2
        self.padded = self.block * self.number
        if isinstance(self.number, int) and self.number == 1:
            self.pieces = [Piece(0, self.width, True)]
        elif isinstance(self.number, int):
            near = self.block + LARGEST_CLASS
            pieces = [Piece(0, near, True), Piece(near, self.width, False)]
            self.pieces = [piece for piece in pieces if piece.start < piece.stop]
        else:
            self.pieces = [Piece(0, self.width, True)]

    @property
    def is_padded(self):
        """Returns whether some rows and columns may be padding."""
        return not isinstance(self.size, int) or self.padded > self.size

    def rows(self, x, fill=0):
        """Pads ``(B, ...)`` to a whole number of blocks."""
        return padded(x, self.padded - self.size, fill)

    def columns(self, x, fill=0):
        """Returns the padded rows twice, since a strip may wrap around the circle."""
        if isinstance(self.number, int) and self.number == 1:
            return self.rows(x, fill)
        x = self.rows(x, fill)
        return ops.concatenate([x, x], axis=0)

    def first_column(self, i):
        """Returns the first column of the strip of block ``i``."""
        return i * self.block

    def folded(self, x, both=ops.add):
        """Converts results for :meth:`columns` to the order of :meth:`rows`."""
        if isinstance(self.number, int) and self.number == 1:
            return x
        return both(x[: self.padded], x[self.padded :])

    def of(self, size, others):
        """Returns the same layout with equal sizes from other tensors."""
        return Circle(size)


class Table:
    """Layout of anchors compared with references; attributes as in :class:`Circle`."""

    both_ways = False

    def __init__(self, size, others):
        self.size, self.others = size, others
        if isinstance(size, int) and isinstance(others, int):
            number = max(1, -(-size * others // _STRIP))
            self.block = max(1, -(-size // number))
            self.number = max(1, -(-size // self.block))
        else:
            number = size * others // _STRIP + 1
            self.block = ops.maximum(-(-size // number), 1)
            self.number = number
        self.width = others
        self.padded = self.block * self.number
        self.pieces = [Piece(0, others, True)]

    is_padded = True

    def rows(self, x, fill=0):
        """Pads ``(B, ...)`` to a whole number of blocks."""
        return padded(x, self.padded - self.size, fill)

    def columns(self, x, fill=0):
        """Returns the references unchanged."""
        return x

    def first_column(self, i):
        """Returns 0: every strip starts with the first reference."""
        return 0

    def folded(self, x, both=ops.add):
        """Returns results for the references unchanged."""
        return x

    def of(self, size, others):
        """Returns the same layout with equal sizes from other tensors."""
        return Table(size, others)


def padded(x, missing, fill=0):
    """Appends ``missing`` rows of ``fill`` to ``x``."""
    if isinstance(missing, int) and missing == 0:
        return x
    shape = (missing, *x.shape[1:])
    more = ops.cast(ops.broadcast_to(ops.cast(fill, x.dtype), shape), x.dtype)
    return ops.concatenate([x, more], axis=0)


def each_block(number, step, state, written_out=_WRITTEN_OUT):
    """Runs ``state = step(i, *state)`` for each block, unrolled for few blocks."""
    if isinstance(number, int) and number <= written_out:
        for i in range(number):
            state = step(i, *state)
        return state
    zero = ops.convert_to_tensor(0, dtype="int32")
    return ops.while_loop(
        lambda i, *_: i < number, lambda i, *state: (i + 1, *step(i, *state)), (zero, *state)
    )[1:]


def part(x, start, size):
    """Returns ``size`` rows from ``start`` on."""
    if isinstance(start, int) and isinstance(size, int):
        return x[start : start + size]
    rest = tuple(x.shape[1:])
    return ops.slice(x, (start, *(0 for _ in rest)), (size, *rest))
