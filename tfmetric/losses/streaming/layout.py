"""How the pairs of a batch are cut into strips: some anchors with a run of the others.

Two layouts. :class:`Circle`: the anchors are the others. They stand in the order of their labels,
in an odd number of blocks on a circle; the strip of a block holds its pairs with itself and with
the half of the circle that follows, so each unordered pair of blocks is met once, and what a strip
says of a pair goes to both of its ends. :class:`Table`: the anchors are compared with others; the
strip of a block of anchors holds all of them.
"""

from typing import NamedTuple

from keras import ops

# Pairs in a strip that is passed over at once: 32 MB of float32.
_STRIP = 2**23
# Up to this many strips are written out one by one; more run in a loop, which copies more.
_WRITTEN_OUT = 9
# Members of a class: the positives of an anchor are looked at one by one up to here.
LARGEST_CLASS = 32


class Piece(NamedTuple):
    """A run of columns of a strip.

    Attributes:
        start: First column, counted from the strip's first.
        stop: The column after the last.
        near: Whether members of the anchors' classes may be among them.
    """

    start: object
    stop: object
    near: bool


class Circle:
    """A batch against itself; see the module.

    Attributes:
        size: Number of anchors.
        block: Anchors of a block.
        number: Number of blocks, odd.
        width: Columns of a strip.
        pieces: The runs of columns of a strip.
        both_ways: Whether a strip also says something of its columns.
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
            self.pieces = [Piece(0, near, True), Piece(near, self.width, False)]
        else:
            self.pieces = [Piece(0, self.width, True)]

    @property
    def is_padded(self):
        """Whether some rows and columns may not exist."""
        return not isinstance(self.size, int) or self.padded > self.size

    def rows(self, x, fill=0):
        """``(B, ...)`` with rows up to a whole number of blocks."""
        return padded(x, self.padded - self.size, fill)

    def columns(self, x, fill=0):
        """The same, twice: a strip may go beyond the end of the circle."""
        if isinstance(self.number, int) and self.number == 1:
            return self.rows(x, fill)
        x = self.rows(x, fill)
        return ops.concatenate([x, x], axis=0)

    def first_column(self, i):
        """Where the strip of block ``i`` begins among the columns."""
        return i * self.block

    def folded(self, x, both=ops.add):
        """What was found for :meth:`columns`, as that of :meth:`rows`."""
        if isinstance(self.number, int) and self.number == 1:
            return x
        return both(x[: self.padded], x[self.padded :])

    def of(self, size, others):
        """The same layout of sizes that are equal, but come from elsewhere."""
        return Circle(size)


class Table:
    """Anchors against others; the attributes are those of :class:`Circle`."""

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
        """``(B, ...)`` with rows up to a whole number of blocks."""
        return padded(x, self.padded - self.size, fill)

    def columns(self, x, fill=0):
        """The others, as they are."""
        return x

    def first_column(self, i):
        """Every strip begins with the first of the others."""
        return 0

    def folded(self, x, both=ops.add):
        """What was found for the others, as it is."""
        return x

    def of(self, size, others):
        """The same layout of sizes that are equal, but come from elsewhere."""
        return Table(size, others)


def padded(x, missing, fill=0):
    """``x`` with ``missing`` more rows of ``fill``."""
    if isinstance(missing, int) and missing == 0:
        return x
    shape = (missing, *x.shape[1:])
    more = ops.cast(ops.broadcast_to(ops.cast(fill, x.dtype), shape), x.dtype)
    return ops.concatenate([x, more], axis=0)


def each_block(number, step, state, written_out=_WRITTEN_OUT):
    """``state = step(i, *state)`` for each block, written out while they are few."""
    if isinstance(number, int) and number <= written_out:
        for i in range(number):
            state = step(i, *state)
        return state
    zero = ops.convert_to_tensor(0, dtype="int32")
    return ops.while_loop(
        lambda i, *_: i < number, lambda i, *state: (i + 1, *step(i, *state)), (zero, *state)
    )[1:]


def part(x, start, size):
    """``size`` rows from ``start`` on."""
    if isinstance(start, int) and isinstance(size, int):
        return x[start : start + size]
    rest = tuple(x.shape[1:])
    return ops.slice(x, (start, *(0 for _ in rest)), (size, *rest))
