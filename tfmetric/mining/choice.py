"""Chooses at most one positive and one negative for each anchor, tile by tile.

The batch is sorted by label, so the positives of an anchor are adjacent. A row of a tile is cut
into blocks, and one pass without masks finds the best of each block. Only the blocks at the ends of
the anchor's class, and its own, hold both positives and negatives; they are searched candidate by
candidate. A tile fits the processor's cache, and only one tile is held in memory.

Comparisons are rounded: either of two candidates may be chosen where their squared distances differ
by less than about 1e-6 · (‖a − c‖² + ‖b − c‖²) for some embedding c of the batch. A "semi-hard"
choice rounds "strictly further" and "strictly nearer" in the same way. The losses recompute the
distance of the chosen example by direct difference.
"""

from typing import Any, NamedTuple

from keras import ops

from tfmetric.mining.classes import by_class
from tfmetric.typing import Array, Distance, Tensor

# Side of a tile: 16 MB of float32. A batch of up to this size takes one tile.
_TILE = 2048
# Batches of unknown size are padded to whole tiles; smaller tiles waste less.
_TILE_IF_UNKNOWN = 512
# Columns of a block.
_BLOCK = 32
# Values in memory at once for a distance without a matrix product.
_VALUES = 2**24


class Chosen(NamedTuple):
    """One index for each row, and whether the row had anything to choose from.

    Attributes:
        index: int32, meaningless where ``found`` is false.
        found: boolean.
    """

    index: Tensor
    found: Tensor


def one_triplet(
    labels: Array,
    embeddings: Array,
    distance: Distance,
    positive: Any,
    negative: Any,
    fallback: str | None = None,
) -> Any:
    """Chooses at most one positive and one negative for each anchor.

    "hard" is the furthest positive and the nearest negative (Hermans et al., 2017, eq. 5), "easy"
    the nearest positive and the furthest negative. A "semi-hard" negative is the nearest that is
    strictly further than the chosen positive (Schroff et al., 2015, sec. 3.2); a "semi-hard"
    positive the furthest that is strictly nearer than the chosen negative.

    Args:
        labels: ``(B,)`` class ids.
        embeddings: ``(B, D)``, constant.
        distance: A :class:`tfmetric.distances.Distance`.
        positive: "easy", "hard" or "semi-hard"; None for no positive.
        negative: "easy", "hard" or "semi-hard", not semi-hard both; None for no negative.
        fallback: "easy" or "hard", the choice of a semi-hard side without a candidate; or None.

    Returns:
        Positives and negatives, each a :class:`Chosen` of ``(B,)``, or None if not requested.
    """
    scan = _Scan(labels, embeddings, distance)
    if negative == "semi-hard":
        first, other = scan(positive=positive, negative=fallback)
        # An anchor without a positive has no semi-hard negative.
        bound = ops.where(first.found, first.key, float("inf"))
        chosen = first, _or_else(scan(negative="hard", bound=bound)[1], other)
    elif positive == "semi-hard":
        other, first = scan(positive=fallback, negative=negative)
        bound = ops.where(first.found, first.key, float("-inf"))
        chosen = _or_else(scan(positive="hard", bound=bound)[0], other), first
    else:
        chosen = scan(positive=positive, negative=negative)
    return tuple(map(scan.unsorted, chosen))


class _Best(NamedTuple):
    """The best candidate of each row: its key and its place in the order of the labels."""

    key: object
    place: object
    found: object


def _or_else(best, other):
    if other is None:
        return best
    both = (ops.where(best.found, one, two) for one, two in zip(best[:2], other[:2], strict=True))
    return _Best(*both, ops.logical_or(best.found, other.found))


class _Rows(NamedTuple):
    """One row of tiles: its anchors, their places and the places of their classes."""

    anchors: object
    place: object
    start: object
    # End of the class; the last class includes the padding, a copy of its last member.
    stop: object
    true_stop: object
    bound: object


class _Scan:
    """Visits the tiles of a batch's ranking, in the order of its labels."""

    def __init__(self, labels, embeddings, distance):
        self.size = ops.shape(embeddings)[0]
        self.tile = _tile(self.size, None if distance.factors else embeddings.shape[1])
        self.tiles = -(-self.size // self.tile)
        missing = self.tiles * self.tile - self.size
        # A size unknown before the graph runs may need padding.
        self.padded = not isinstance(missing, int) or missing > 0
        self.classes = by_class(labels)
        embeddings = self._padded(ops.take(embeddings, self.classes.order, axis=0))
        if distance.factors:
            self.anchors, self.others = distance.factors(embeddings)
            self.keys = lambda x, y: ops.matmul(x, ops.transpose(y))
        else:
            self.anchors = self.others = embeddings
            self.keys = distance.pairwise
        start = self._padded(self.classes.start)
        stop = self._padded(self.classes.start + self.classes.count)
        padding = ops.where(stop == self.size, self.tiles * self.tile, stop)
        self.rows = (start, ops.cast(padding, "int32"), stop)

    def __call__(self, positive=None, negative=None, bound=None):
        """Returns the best positive and the best negative of each anchor, None if not requested.

        Args:
            positive: "hard" for the furthest, "easy" for the nearest.
            negative: "hard" for the nearest, "easy" for the furthest.
            bound: Keys ``(B,)``: a positive must lie below its anchor's key, a negative above.
        """
        sides = (
            positive and _Side(True, largest=positive == "hard"),
            negative and _Side(False, largest=negative == "easy"),
        )
        asked = [side for side in sides if side]
        bound = None if bound is None else self._padded(bound)
        if isinstance(self.tiles, int) and self.tiles == 1:
            found = self._tile_row(0, asked, bound)
        else:
            numbers = ops.arange(self.tiles, dtype="int32")
            found = ops.map(lambda i: self._tile_row(i, asked, bound), numbers)
        keys = [ops.reshape(part, (-1,))[: self.size] for part in found]
        best = iter(zip(asked, keys[::2], keys[1::2], strict=True))
        return tuple(self._best(*next(best), bound) if side else None for side in sides)

    def _best(self, side, key, place, bound):
        # Padding is a copy of the last example.
        place = ops.minimum(place, self.size - 1)
        members = self.classes.count
        found = members > 1 if side.positive else members < self.size
        if bound is not None:
            found = ops.logical_and(found, key != side.worst)
        return _Best(key, place, found)

    def unsorted(self, best: _Best | None) -> Chosen | None:
        """Returns the result of each anchor, in the order of the batch."""
        if best is None:
            return None
        index = ops.take(ops.take(self.classes.order, best.place), self.classes.back)
        return Chosen(index, ops.take(best.found, self.classes.back))

    def _padded(self, x):
        if not self.padded:
            return x
        missing = self.tiles * self.tile - self.size
        return ops.concatenate([x, ops.broadcast_to(x[-1:], (missing, *ops.shape(x)[1:]))])

    def _part(self, x, i):
        rest = tuple(ops.shape(x)[1:])
        return ops.slice(x, (i * self.tile, *(0 for _ in rest)), (self.tile, *rest))

    def _tile_row(self, i, asked, bound):
        """Returns key and place of the best candidate of each requested side in a row of tiles."""
        rows = _Rows(
            self._part(self.anchors, i),
            i * self.tile + ops.arange(self.tile, dtype="int32"),
            *(self._part(x, i) for x in self.rows),
            None if bound is None else self._part(bound, i)[:, None],
        )
        nowhere = ops.zeros_like(rows.place)
        best = []
        for side in asked:
            best += [
                ops.broadcast_to(ops.cast(side.worst, rows.anchors.dtype), (self.tile,)),
                nowhere,
            ]
        if isinstance(self.tiles, int) and self.tiles == 1:
            return self._improved(best, 0, rows, asked, False)
        first, last = rows.start[0], rows.stop[-1]

        def step(j, *best):
            # A tile without a member of these rows' classes holds only negatives.
            apart = ops.logical_or((j + 1) * self.tile <= first, j * self.tile >= last)
            best = ops.cond(
                apart,
                lambda: self._improved(best, j, rows, asked, True),
                lambda: self._improved(best, j, rows, asked, False),
            )
            return j + 1, *best

        zero = ops.convert_to_tensor(0, dtype="int32")
        return ops.while_loop(lambda j, *_: j < self.tiles, step, (zero, *best))[1:]

    def _improved(self, best, j, rows, asked, apart):
        """Updates ``best`` by tile ``j``; with ``apart`` no column is of the anchors' classes."""
        if apart:
            asked = [None if side.positive else side for side in asked]
        if not any(asked):
            return tuple(best)
        keys = self.keys(rows.anchors, self._part(self.others, j))
        offset = j * self.tile
        spans = None if apart else _spans(rows, offset, self.tile, self.padded)
        new = list(best)
        for number, side in enumerate(asked):
            if side:
                two = slice(2 * number, 2 * number + 2)
                new[two] = side.better(best[two], side.best(keys, offset, rows.bound, spans))
        return tuple(new)


class _Spans(NamedTuple):
    """The blocks and columns of one tile that the classes of a row of tiles occupy.

    Attributes:
        inside: ``(T, n)`` blocks of only other members of the anchor's class.
        outside: ``(T, n)`` blocks of only members of other classes.
        mixed: ``(T, m)`` the remaining blocks.
        positives: ``(T, m * 32)`` which of their columns are of the anchor's class, but not the
            anchor.
        negatives: ``(T, m * 32)`` which columns are of another class.
    """

    inside: object
    outside: object
    mixed: object
    positives: object
    negatives: object


def _spans(rows, offset, width, padded):
    first, last = rows.start // _BLOCK, (rows.stop - 1) // _BLOCK
    own = rows.place // _BLOCK
    full = -(-rows.start // _BLOCK)
    block = (offset // _BLOCK + ops.arange(width // _BLOCK, dtype="int32"))[None, :]
    inside = _below(block - full[:, None], ops.maximum(rows.true_stop // _BLOCK - full, 0))
    inside = ops.logical_and(inside, block != own[:, None])
    outside = ops.logical_not(_below(block - first[:, None], last - first + 1))
    ends = [first, last, own] + ([(rows.true_stop - 1) // _BLOCK] if padded else [])
    # A block outside the tile is replaced by the nearest inside; the column masks stay correct.
    mixed = ops.clip(ops.stack(ends, axis=1) - offset // _BLOCK, 0, width // _BLOCK - 1)
    begin = offset + _BLOCK * mixed - rows.start[:, None]
    columns = begin[:, :, None] + ops.arange(_BLOCK, dtype="int32")
    columns = ops.reshape(columns, (width, len(ends) * _BLOCK))
    same = _below(columns, rows.stop - rows.start)
    positives = ops.logical_and(same, columns != (rows.place - rows.start)[:, None])
    if padded:
        positives = ops.logical_and(positives, columns < (rows.true_stop - rows.start)[:, None])
    return _Spans(inside, outside, mixed, positives, ops.logical_not(same))


def _below(x, number):
    """Returns ``0 <= x < number`` for each row; as unsigned, negative values are very large."""
    return ops.view(x, "uint32") < ops.view(number, "uint32")[:, None]


class _Side:
    """A query to a tile: positives or negatives, the largest or the smallest key."""

    def __init__(self, positive, largest):
        self.positive, self.largest = positive, largest
        self.worst = float("-inf") if largest else float("inf")

    def better(self, one, other):
        """Returns the better of two (key, place), row by row."""
        better = other[0] > one[0] if self.largest else other[0] < one[0]
        return tuple(ops.where(better, new, old) for old, new in zip(one, other, strict=True))

    def best(self, keys, offset, bound, spans):
        """Returns key and place of each row's best in a tile whose first column is ``offset``."""
        if bound is not None:
            keys = ops.where(keys < bound if self.positive else keys > bound, keys, self.worst)
        height, width = ops.shape(keys)
        blocks = ops.reshape(keys, (height, width // _BLOCK, _BLOCK))
        edges = (ops.max if self.largest else ops.min)(blocks, axis=2)
        if spans is not None:
            edges = ops.where(spans.inside if self.positive else spans.outside, edges, self.worst)
        key, block = self._first(edges)
        _, index = self._first(_rows_at(blocks, block)[:, 0])
        pure = key, offset + (_BLOCK * block + index)[:, 0]
        if spans is None:
            return pure
        wanted = spans.positives if self.positive else spans.negatives
        keys = ops.reshape(_rows_at(blocks, spans.mixed), ops.shape(wanted))
        key, index = self._first(ops.where(wanted, keys, self.worst))
        block = _rows_at(spans.mixed, index // _BLOCK)
        return self.better(pure, (key, offset + (_BLOCK * block + index % _BLOCK)[:, 0]))

    def _first(self, keys):
        """Returns the best of each row ``(T,)`` and its index ``(T, 1)``, in one pass."""
        best, index = ops.top_k(keys if self.largest else -keys, 1)
        return (best if self.largest else -best)[:, 0], ops.cast(index, "int32")


def _rows_at(x, index):
    """Returns ``x[i, index[i, j]]`` by a take from the flat rows, faster than take_along_axis."""
    height, width, *rest = ops.shape(x)
    index = index + width * ops.arange(height, dtype="int32")[:, None]
    return ops.take(ops.reshape(x, (height * width, *rest)), index, axis=0)


def _tile(size, width):
    """Returns the side of a tile; ``width`` is the embedding's length without a matrix product."""
    side = _TILE if width is None else min(_TILE, max(_BLOCK, int((_VALUES / width) ** 0.5)))
    if not isinstance(size, int):
        return -(-min(side, _TILE_IF_UNKNOWN) // _BLOCK) * _BLOCK
    tiles = -(-size // side)
    return -(-size // (tiles * _BLOCK)) * _BLOCK
