"""Ranks of linked candidates among the whole catalogue, ties counted against the model."""

from dataclasses import dataclass

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.distances.parallel_blocks import run_blocks

_BLOCK_BYTES = 2**25
_MOST_ROWS = 256
# Counting along a row for each relevant candidate is faster than to sort the row up to so many.
_FEW = 12


@dataclass(frozen=True, eq=False)
class LinkRanks:
    """The rank of each link.

    Attributes:
        links: ``(M, 2)``, query and candidate, in the order of the queries and then of the ranks.
        gains: ``(M,)``.
        ranks: ``(M,)``, from 1, all different within a query.
        recommended: ``(K, N)``: for each k, the number of judged queries that have the candidate
            among their first k.
    """

    links: np.ndarray
    gains: np.ndarray
    ranks: np.ndarray
    recommended: np.ndarray


def rank_links(
    block, links, gains, exclude, num_candidates, ks, *, threaded, progress
) -> LinkRanks:
    """Ranks the linked candidates of each query that has one.

    The rank of the j-th nearest relevant candidate is j plus the number of irrelevant candidates
    that are at most as far. Among relevant candidates at one distance the lower gain comes first.

    Args:
        block: A function from places of queries (B,) to an array (B, N) that it may overwrite;
            smaller is nearer.
        links: ``(M, 2)``, sorted by query.
        gains: ``(M,)``.
        exclude: ``(E, 2)``, sorted by query: candidates that are not ranked for the query.
        num_candidates: N.
        ks: The k of `recommended`.
        threaded: Whether several threads may call `block` at once.
        progress: Whether a bar is shown.
    """
    queries, starts = np.unique(links[:, 0], return_index=True)
    ends = np.append(starts[1:], len(links))
    left_out = (
        np.searchsorted(exclude[:, 0], queries),
        np.searchsorted(exclude[:, 0], queries, side="right"),
    )
    ranks, order = np.zeros((2, len(links)), np.int64)
    recommended = np.zeros((len(ks), num_candidates), np.int64)
    deepest = min(max(ks), num_candidates)

    def work(some):
        scores = block(queries[some])
        if scores.shape != (len(some), num_candidates):
            raise ValueError(
                expected(
                    f"scores of shape ({len(some)}, {num_candidates}), every candidate for each"
                    " query",
                    shape=scores.shape,
                )
            )
        for row, i in zip(scores, some, strict=True):
            row[exclude[left_out[0][i] : left_out[1][i], 1]] = np.inf
            first = _first(row, deepest)
            for counts, k in zip(recommended, ks, strict=True):
                # Blocks add to the counts in threads; NumPy holds the interpreter meanwhile.
                np.add.at(counts, first[:k], 1)
            part = slice(starts[i], ends[i])
            found, sorted_as = _ranks(row, links[part, 1], gains[part])
            ranks[part], order[part] = found, starts[i] + sorted_as

    step = min(_MOST_ROWS, max(1, _BLOCK_BYTES // (8 * max(num_candidates, 1))))
    blocks = [
        np.arange(len(queries))[start : start + step] for start in range(0, len(queries), step)
    ]
    run_blocks(work, blocks, "Ranking", show=progress, threads=None if threaded else 1)
    return LinkRanks(links[order], gains[order], ranks, recommended)


def _first(row, deepest):
    """Places of the nearest candidates, the earlier place first at one distance."""
    bound = np.partition(row, deepest - 1)[deepest - 1]
    near = np.flatnonzero(row <= bound)
    near = near[np.argsort(row[near], kind="stable")][:deepest]
    return near[row[near] < np.inf]


def _ranks(row, relevant, gains):
    """Returns the ranks of relevant candidates, and the order of these; overwrites the row."""
    near = row[relevant]
    row[relevant] = np.inf
    order = np.lexsort((gains, near))
    near = near[order]
    if len(near) <= _FEW:
        before = np.array([np.count_nonzero(row <= value) for value in near])
    else:
        before = np.sort(row).searchsorted(near, side="right")
    return before + np.arange(1, len(near) + 1), order
