"""Ranks of the relevant gallery examples of each query, ties counted against the model."""

import itertools
from dataclasses import dataclass

import numpy as np

from tfmetric.evaluation.distances.parallel_blocks import run_blocks
from tfmetric.evaluation.distances.smallest_in_rows import bound_by_sample, smallest
from tfmetric.evaluation.retrieval.figures import BEYOND, figure_names, figures_of_ranks
from tfmetric.evaluation.retrieval.ranks_by_shortlist import in_order, pays, ranks_by_shortlist

_BLOCK_BYTES = 2**26
_MOST_ROWS = 256  # Larger blocks do not speed up the matrix product.
_DEEP = 1000  # Rows are then long enough for a loop over them.


@dataclass(frozen=True, eq=False)
class Ranks:
    """Values of each query that has a relevant example; read-only arrays (Q,).

    Attributes:
        query: Index of the query.
        num_relevant: R, the number of counted gallery examples of its class.
        first_rank: Rank of the first relevant example, from 1.
        figures: The value of each retrieval figure, by the names of ``figure_names``.
    """

    query: np.ndarray
    num_relevant: np.ndarray
    first_rank: np.ndarray
    figures: dict[str, np.ndarray]


def rank(block_of_scores, codes, gallery_codes, itself, ks, ignored=(), progress=False) -> Ranks:
    """Finds the ranks without sorting whole rows.

    The rank of the j-th nearest relevant example is j plus the number of irrelevant examples that
    are at most as far, since at a tie the irrelevant example comes first. Counts are exact up to
    the depth of the figures, the largest k or R; only the first hit is counted beyond.

    Args:
        block_of_scores: A function from query indexes (B,) to a finite float32 array (B, N) that
            it may overwrite; smaller is nearer.
        codes: Class of each query, int64; −1 if no gallery example has it.
        gallery_codes: Class of each gallery example, int64, in ascending order.
        itself: (Q,), the index of each query in the gallery, where both are one set; or None.
        ks: The k of the figures.
        ignored: Pairs (query_groups, gallery_groups), int64: gallery examples of the query's group
            are neither hits nor misses. −1 if the query's group is not in the gallery.
        progress: Whether a bar is shown on a terminal.
    """
    by_class = _Members(codes, gallery_codes)
    by_group = [_Members(*pair) for pair in ignored]
    candidates = np.flatnonzero(by_class.sizes > (itself is not None))
    total, count = len(gallery_codes), len(candidates)
    num_relevant, first_rank = np.zeros((2, count), np.int64)
    values = {name: np.zeros(count) for name in figure_names(ks)}

    def fill(out, ranks, relevant):
        """Stores the figures of queries, from their ranks (B, S) in order."""
        rows = np.flatnonzero(relevant)  # Leave out queries whose class is ignored completely.
        out, ranks, relevant = out[rows], ranks[rows], relevant[rows]
        if not rows.size:
            return
        num_relevant[out], first_rank[out] = relevant, ranks[:, 0]
        looked_at = (ranks <= np.maximum(relevant, max(ks))[:, None]).sum(axis=1).max()
        found = figures_of_ranks(ranks[:, : max(1, looked_at)], relevant, ks)
        for name, of_rows in found.items():
            values[name][out] = of_rows

    approximation = getattr(block_of_scores, "approximation", None)
    failed = 0

    def work(out):
        nonlocal failed
        rows = candidates[out]
        most = by_class.sizes[rows].max()
        depth = max(most, *ks)
        if approximation is None or failed > 2 or not pays(total, depth, most):
            return score(out)
        columns, left_out = by_class.padded(rows)
        if itself is not None:
            left_out |= columns == itself[rows][:, None]
        for query_groups, gallery_groups in ignored:
            left_out |= query_groups[rows][:, None] == gallery_groups[columns]

        def kinds(row, column):
            query = rows[row]
            counts = True if itself is None else itself[query] != column
            for query_groups, gallery_groups in ignored:
                counts = counts & (query_groups[query] != gallery_groups[column])
            hit = codes[query] == gallery_codes[column]
            return hit, np.broadcast_to(counts, hit.shape)

        runs = by_class.runs(rows)
        ranks, right = ranks_by_shortlist(approximation, rows, runs, kinds, left_out, depth)
        fill(out[right], ranks[right], (~left_out).sum(axis=1)[right])
        failed += not right.any()
        if not right.all():
            score(out[~right])

    def score(out):
        rows = candidates[out]
        scores = block_of_scores(rows)
        if itself is not None:
            scores[np.arange(len(rows)), itself[rows]] = np.inf
        for group in by_group:
            for i, row in enumerate(rows):
                scores[i, group.of(row)] = np.inf
        near = _take_relevant(scores, by_class, rows)
        r = np.isfinite(near).sum(axis=1)
        near = near[:, : r.max()]
        if near.shape[1]:
            ranks = _ranks(scores, near, max(near.shape[1], *ks))
            ranks[np.isinf(near)] = BEYOND
            fill(out, ranks, r)

    # Queries of one class in a block share relevant examples, and queries of similar R need similar
    # depth.
    order = np.lexsort((codes[candidates], by_class.sizes[candidates]))
    step = min(_MOST_ROWS, max(1, _BLOCK_BYTES // (8 * max(total, 1))))
    blocks = [order[start : start + step] for start in range(0, count, step)]
    threads = None if getattr(block_of_scores, "threaded", False) else 1
    run_blocks(work, blocks, "Ranking", show=progress, threads=threads)

    kept = np.flatnonzero(num_relevant)
    return Ranks(
        _read_only(candidates[kept]),
        _read_only(num_relevant[kept]),
        _read_only(first_rank[kept]),
        {name: _read_only(of_queries[kept]) for name, of_queries in values.items()},
    )


class _Members:
    """Returns the gallery examples in the group of each query."""

    def __init__(self, codes, gallery_codes):
        self._sorted = np.argsort(gallery_codes, kind="stable")
        sizes = np.bincount(gallery_codes, minlength=1)
        self._starts = (np.cumsum(sizes) - sizes)[codes]
        self.sizes = np.where(codes >= 0, sizes[codes], 0)

    def of(self, row):
        """Returns indexes of the gallery examples in the group of one query."""
        return self._sorted[self._span(row)]

    def runs(self, rows):
        """Yields pairs of slices: queries of one group, and the group's place in the gallery."""
        edges = np.flatnonzero(np.diff(self._starts[rows], prepend=-1, append=-1))
        return [(slice(i, j), self._span(rows[i])) for i, j in itertools.pairwise(edges)]

    def _span(self, row):
        return slice(self._starts[row], self._starts[row] + self.sizes[row])

    def padded(self, rows):
        """Returns indexes (B, S), padded with the last one, and a mask of the padding."""
        sizes = self.sizes[rows][:, None]
        slots = np.arange(sizes.max())
        index = self._starts[rows][:, None] + np.minimum(slots, sizes - 1)
        return self._sorted[index], slots >= sizes


def _take_relevant(scores, by_class, rows):
    """Returns sorted scores of the relevant gallery examples, padded with infinity.

    In ``scores`` they become infinite, so only irrelevant examples stay finite.
    """
    near = np.full((len(rows), by_class.sizes[rows].max()), np.inf, np.float32)
    for some, own in by_class.runs(rows):
        near[some, : own.stop - own.start] = scores[some, own]
        scores[some, own] = np.inf
    near.sort(axis=1)
    return near


def _ranks(irrelevant, near, depth):
    """Returns ranks of the relevant examples, exact up to ``depth`` and for the first."""
    before = np.empty(near.shape, np.int64)
    found = smallest(irrelevant, depth) if depth < _DEEP else None
    if found is None:
        for i, row in enumerate(irrelevant):
            row = np.sort(_nearest(row, depth))
            before[i] = row.searchsorted(near[i], side="right")
        found_in_row = np.full(len(near), min(depth, irrelevant.shape[1]))
    else:
        flat, ends = found
        starts = np.concatenate([[0], ends[:-1]])
        # Order all rows in one call, because a loop over rows would take most of the time.
        head = in_order(irrelevant.ravel()[flat], flat // irrelevant.shape[1])
        head.sort()
        wanted = in_order(near, np.arange(len(near))[:, None])
        before[:] = head.searchsorted(wanted.ravel(), side="right").reshape(near.shape)
        before -= starts[:, None]
        found_in_row = ends - starts
    for i in np.flatnonzero(before[:, 0] >= found_in_row):  # Ranks beyond the searched depth.
        before[i, 0] = np.count_nonzero(irrelevant[i] <= near[i, 0])
    before += np.arange(1, near.shape[1] + 1)
    return before


def _nearest(row, depth):
    """Returns at least the ``depth`` smallest of a row and all up to their largest, or the row."""
    bound = bound_by_sample(row[None], depth)
    if bound is None:
        return row
    some = row[row <= bound[0]]
    return some if len(some) >= depth else row


def _read_only(array):
    array.setflags(write=False)
    return array
