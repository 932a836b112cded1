"""Computes ranks from a float32 product, at half the work of float64, with provably equal ranks.

The error of a float32 product has a known bound.

The product shows which gallery examples can be among the nearest of a query, and orders all that
differ by more than the bound. Where a relevant and an irrelevant example are closer, their float64
scores decide.
"""

import numpy as np

from tfmetric.evaluation.distances.converted_rows import product, tiles
from tfmetric.evaluation.distances.smallest_in_rows import place_in_sample
from tfmetric.evaluation.retrieval.figures import BEYOND

_TILE_BYTES = 2**20  # A tile is compared while still in the processor's cache.
# The length of a list is estimated from every 17th gallery example: an odd stride, since examples
# often come in runs of 2, 10 or 32.
_STRIDE = 17


def pays(total: int, depth: int, relevant: int) -> bool:
    """Returns whether a shortlist of the gallery examples saves time."""
    return _STRIDE * place_in_sample(depth, _STRIDE) + relevant <= total // 16


def ranks_by_shortlist(approximation, rows, runs, kinds, left_out, depth):
    """Ranks the relevant examples of a block of queries without a table of float64 scores.

    Args:
        approximation: An :class:`Approximation`.
        rows: (B,), the queries.
        runs: Pairs of slices of the block and of the gallery relevant for it, in order.
        kinds: Function of rows of the block and gallery examples, broadcast, that returns two
            booleans: whether the example is relevant, and whether it counts.
        left_out: (B, S), whether a relevant example does not count or is padding.
        depth: Ranks are exact at least up to this rank; the first rank is always exact.

    Returns:
        The ranks (B, S) in order, a large number beyond the depth, and which rows are proven. The
        others need float64 scores.
    """
    left, gallery, error = (
        approximation.queries[rows],
        approximation.gallery,
        approximation.error[rows],
    )
    near = np.zeros(left_out.shape)
    for some, own in runs:
        columns = np.arange(own.start, own.stop)
        near[some, : len(columns)] = product(left[some], gallery, columns)
    first = np.where(left_out, np.inf, near).min(axis=1)
    last = np.where(left_out, -np.inf, near).max(axis=1)
    ranks = np.full(near.shape, BEYOND)
    # An example at most as far as x has a product of at most x + 2 errors; with two more errors,
    # examples off the list certainly come after x.
    enough = last + 4 * error
    cut = np.maximum(np.minimum(_bound(left, gallery, kinds, depth), enough), first + 4 * error)
    cut[np.isinf(first)] = -np.inf  # There is nothing to find.
    found = _up_to(left, gallery, cut, most=len(rows) * len(gallery) // 8)
    if found is None:
        return ranks, np.zeros(len(rows), bool)
    row, column, value = found
    hit, counts = kinds(row, column)
    row, column, value, hit = row[counts], column[counts], value[counts], hit[counts]

    order = _order(value, row)
    row, column, value, hit = row[order], column[order], value[order], hit[order]
    hit = _settled(approximation, rows, row, column, value, hit, error)
    ends = np.bincount(row, minlength=len(rows)).cumsum()
    where = np.flatnonzero(hit)
    row_of_hit = row[where]
    hits = np.bincount(row_of_hit, minlength=len(rows))
    nth = np.arange(len(where)) - (hits.cumsum() - hits)[row_of_hit]
    starts = np.concatenate([[0], ends[:-1]])
    ranks[row_of_hit, nth] = where - starts[row_of_hit] + 1
    certain = np.bincount(row[value <= (cut - 4 * error)[row]], minlength=len(rows))
    return ranks, (cut >= enough) | (certain >= depth)


def in_order(values, rows):
    """Returns integers ordered by row, and within a row by the float32 values."""
    bits = (values + np.float32(0)).view(np.int32)  # Turns −0.0 into 0.0.
    bits ^= (bits >> 31) & np.int32(2**31 - 1)  # The bits of negative floats sort backwards.
    return (rows << 32) + bits


def _order(values, rows):
    """Computes ``np.lexsort((values, rows))`` in a tenth of the time, for fewer than 2¹⁶ rows.

    Rows are sorted by counting; each row is then short and sorted with the index below the value.
    """
    by_row = np.argsort(rows.astype(np.uint16), kind="stable")
    keys = in_order(values[by_row], np.int64(0)) << 32
    keys += by_row
    start = 0
    for end in np.bincount(rows).cumsum().tolist():
        keys[start:end].sort()
        start = end
    return keys & (2**32 - 1)


def _bound(left, gallery, kinds, depth):
    """Returns for each row a product that about ``depth`` or more irrelevant examples are below."""
    sample = np.arange(0, len(gallery), _STRIDE)
    found = product(left, gallery, sample)
    hit, counts = kinds(np.arange(len(left))[:, None], sample)
    found[hit | ~counts] = np.inf
    place = place_in_sample(depth, _STRIDE)
    if len(sample) > 64 * place:
        # The smallest of each eight suffices: the bound is hardly higher, and found faster.
        found = found[:, : len(sample) // 8 * 8].reshape(len(left), 8, -1).min(axis=1)
    return np.partition(found, place, axis=1)[:, place].astype(np.float64)


def _up_to(left, gallery, cut, most):
    """Returns rows, columns and values of products up to ``cut``; None if more than ``most``."""
    cut = np.nextafter(cut.astype(np.float32), np.float32(np.inf))[:, None]
    step = max(256, _TILE_BYTES // (4 * len(left)))
    whole = np.empty((len(left), step), np.float32)
    parts, count = [], 0
    for start, some in tiles(gallery, step):
        tile = np.matmul(left, some.T, out=whole if len(some) == step else None)
        flat = np.flatnonzero(tile <= cut)
        row, column = np.divmod(flat, tile.shape[1])
        parts.append((row, column + start, tile.ravel()[flat]))
        count += len(flat)
        if count > most:
            return None
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _settled(approximation, rows, row, column, value, hit, error):
    """Marks the hits of the list, after ordering products that are too close."""
    gap = np.diff(value.astype(np.float64))
    new = np.concatenate([[True], (np.diff(row) > 0) | (gap > 2 * error[row[1:]])])[: len(row)]
    group = np.cumsum(new) - 1
    sizes = np.bincount(group)
    hits = np.bincount(group, weights=hit)
    mixed = np.flatnonzero(((hits > 0) & (hits < sizes))[group])
    if mixed.size:
        scores = approximation.exact(rows[row[mixed]], column[mixed])
        hit = hit.copy()
        hit[mixed] = hit[mixed][np.lexsort((hit[mixed], scores, group[mixed]))]
    return hit
