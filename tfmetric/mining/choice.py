"""At most one positive and one negative an anchor, tile by tile.

The batch is put in the order of its labels, so that the positives of an anchor stand together: all
tiles but those along the diagonal hold negatives alone, and need no masks. A tile stays in the
processor's cache, and memory is that of a tile and not of the whole matrix.

What is compared is rounded: which of two candidates is chosen is free where their squared distances
differ by less than about 1e-6 · (‖a − c‖² + ‖b − c‖²), c being some embedding of the batch. The
losses compute the distance of the choice anew, by direct difference. A "semi-hard" choice has the
same freedom in what it takes for strictly further or nearer.
"""

from typing import NamedTuple

import keras
from keras import ops

# Pairs a side of a tile: 4 MB of float32 a tile. One tile does for a batch of up to this size.
_TILE = 1024
# Where the size of the batch is not known it is padded to whole tiles: smaller ones waste less.
_TILE_IF_UNKNOWN = 512
# Values in memory at once for a distance without a matrix product.
_VALUES = 2**24


class Chosen(NamedTuple):
    """One index a row, and whether the row had anything to choose from.

    Attributes:
        index: int32, meaningless where nothing was there to choose.
        found: boolean.
    """

    index: object
    found: object


def one_triplet(labels, embeddings, distance, positive: str, negative: str):
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

    Returns:
        Positives and negatives, a :class:`Chosen` each, of ``(B,)``. None where none was asked.
    """
    scan = _Scan(labels, embeddings, distance)
    if negative == "semi-hard":
        first, _ = scan(positive=positive)
        # Without a positive, no negative is further than it.
        bound = ops.where(first.found, first.key, scan.high)
        return scan.unsorted(first), scan.unsorted(scan(negative="hard", bound=bound)[1])
    if positive == "semi-hard":
        _, first = scan(negative=negative)
        bound = ops.where(first.found, first.key, scan.low)
        return scan.unsorted(scan(positive="hard", bound=bound)[0]), scan.unsorted(first)
    return tuple(map(scan.unsorted, scan(positive=positive, negative=negative)))


class _Best(NamedTuple):
    """The best candidate of each row: its key, its place in the order of the labels."""

    key: object
    place: object
    found: object


class _Scan:
    """Goes over the tiles of a batch's ranking, in the order of its labels.

    A key is the bit pattern of a ranking as an integer. It sorts as the ranking does, and the
    arg-max of integers takes one pass where Keras's arg-max of floats takes five.
    """

    def __init__(self, labels, embeddings, distance):
        self.size = ops.shape(embeddings)[0]
        self.tile = _tile(self.size, None if distance.factors else embeddings.shape[1])
        self.tiles = -(-self.size // self.tile)
        self.order = ops.argsort(labels)
        labels = ops.take(labels, self.order)
        embeddings = ops.take(embeddings, self.order, axis=0)
        anchors, others, self.keys = _sides(embeddings, distance)
        self.anchors, self.others = self._padded(anchors), self._padded(others)
        # Padding takes the last label, so that the labels stay in order.
        self.labels = self._padded(labels, labels[-1:])
        bits = 64 if keras.backend.standardize_dtype(embeddings.dtype) == "float64" else 32
        self.low = ops.convert_to_tensor(-(2 ** (bits - 1)), dtype=f"int{bits}")
        self.high = ops.convert_to_tensor(2 ** (bits - 1) - 1, dtype=f"int{bits}")

    def __call__(self, positive=None, negative=None, bound=None):
        """The best positive and the best negative of each anchor, None where not asked for.

        Args:
            positive: "hard" for the furthest, "easy" for the nearest.
            negative: "hard" for the nearest, "easy" for the furthest.
            bound: Keys ``(B,)``: a positive must be below its anchor's, a negative above.
        """
        bound = None if bound is None else self._padded(bound)
        # For each side whether the largest key is sought, and so which one is the worst.
        largest = (positive == "hard", negative == "easy")
        worst = [self.low if side else self.high for side in largest]
        wanted = (positive is not None, negative is not None)

        def tile_row(i):
            return self._tile_row(i, bound, wanted, largest, worst)

        if isinstance(self.tiles, int) and self.tiles == 1:
            found = tile_row(0)
        else:
            found = ops.map(tile_row, ops.arange(self.tiles, dtype="int32"))
            found = [ops.reshape(part, (-1,))[: self.size] for part in found]
        return tuple(
            _Best(key, place, ops.not_equal(key, bad)) if asked else None
            for key, place, bad, asked in zip(found[::2], found[1::2], worst, wanted, strict=True)
        )

    def unsorted(self, best: _Best | None) -> Chosen | None:
        """What was found for each anchor, in the order of the batch."""
        if best is None:
            return None
        back = ops.argsort(self.order)
        index = ops.take(ops.take(self.order, best.place), back)
        return Chosen(ops.cast(index, "int32"), ops.take(best.found, back))

    def _padded(self, x, value=None):
        missing = self.tiles * self.tile - self.size
        if isinstance(missing, int) and missing == 0:
            return x
        value = ops.zeros_like(x[:1]) if value is None else value
        return ops.concatenate([x, ops.broadcast_to(value, (missing, *ops.shape(x)[1:]))])

    def _part(self, x, i):
        rest = tuple(ops.shape(x)[1:])
        return ops.slice(x, (i * self.tile, *(0 for _ in rest)), (self.tile, *rest))

    def _tile_row(self, i, bound, wanted, largest, worst):
        """Key and place of the best positives, then of the best negatives, of one row of tiles."""
        anchors, labels = self._part(self.anchors, i), self._part(self.labels, i)
        bound = None if bound is None else self._part(bound, i)[:, None]
        steps = ops.arange(self.tile, dtype="int32")

        def improved(best, j, masks):
            """``best`` after tile ``j``; a mask of None lets all candidates in."""
            keys = self.keys(anchors, self._part(self.others, j))
            within = (None, None) if bound is None else (keys < bound, keys > bound)
            best = list(best)
            for side, mask in masks.items():
                if within[side] is not None:
                    both = mask is not None
                    mask = ops.logical_and(mask, within[side]) if both else within[side]
                masked = keys if mask is None else ops.where(mask, keys, worst[side])
                index = (ops.argmax if largest[side] else ops.argmin)(masked, axis=1)
                key = ops.take_along_axis(masked, index[:, None], axis=1)[:, 0]
                old, place = best[2 * side : 2 * side + 2]
                better = key > old if largest[side] else key < old
                best[2 * side] = ops.where(better, key, old)
                best[2 * side + 1] = ops.where(
                    better, j * self.tile + ops.cast(index, "int32"), place
                )
            return tuple(best)

        def along_the_diagonal(best, j):
            column = j * self.tile + steps
            same = ops.equal(labels[:, None], self._part(self.labels, j)[None, :])
            exists = (column < self.size)[None, :]
            itself = ops.equal((i * self.tile + steps)[:, None], column[None, :])
            masks = {
                0: ops.logical_and(ops.logical_and(same, exists), ops.logical_not(itself)),
                1: ops.logical_and(ops.logical_not(same), exists),
            }
            return improved(best, j, {side: masks[side] for side in (0, 1) if wanted[side]})

        def step(j, *best):
            others = self._part(self.labels, j)
            apart = ops.logical_or(others[0] > labels[-1], others[-1] < labels[0])
            apart = ops.logical_and(apart, (j + 1) * self.tile <= self.size)
            best = ops.cond(
                apart,
                lambda: improved(best, j, {1: None}) if wanted[1] else best,
                lambda: along_the_diagonal(best, j),
            )
            return j + 1, *best

        nowhere = ops.zeros_like(steps)
        best = []
        for bad in worst:
            best += [ops.broadcast_to(bad, (self.tile,)), nowhere]
        if isinstance(self.tiles, int) and self.tiles == 1:
            return along_the_diagonal(best, 0)
        zero = ops.convert_to_tensor(0, dtype="int32")
        return ops.while_loop(lambda j, *_: j < self.tiles, step, (zero, *best))[1:]


def _tile(size, width):
    """The side of a tile; ``width`` is that of the embeddings where there is no matrix product."""
    side = _TILE if width is None else min(_TILE, max(16, int((_VALUES / width) ** 0.5)))
    return min(size, side) if isinstance(size, int) else min(side, _TILE_IF_UNKNOWN)


def _sides(embeddings, distance):
    """Anchors, others, and the function from a tile of each to the keys of their pairs."""
    bits = keras.backend.standardize_dtype(embeddings.dtype).replace("float", "int")
    if distance.factors is None:

        def keys(anchors, others):
            # Adding 0 makes one of the two zeros, whose bits differ.
            plain = ops.view(distance.pairwise(anchors, others) + 0.0, bits)
            # The bits of negative floats sort backwards.
            most = 2 ** (int(bits[3:]) - 1) - 1
            return ops.where(plain < 0, ops.bitwise_xor(plain, most), plain)

        return embeddings, embeddings, keys
    anchors, others = distance.factors(embeddings, embeddings)
    return (
        anchors,
        others,
        # Never below zero but for rounding, where any order is right.
        lambda anchors, others: ops.view(ops.matmul(anchors, ops.transpose(others)), bits),
    )
