"""At which ranks the relevant references of each query stand, ties counted against the model."""

from dataclasses import dataclass

import numpy as np

from tfmetric._errors import expected

_BLOCK_BYTES = 2**25


@dataclass(frozen=True, eq=False)
class Ranks:
    """What is known of each query that has a relevant reference; read-only arrays (Q,).

    Attributes:
        query: Index of the query.
        num_relevant: R, the number of references of its class, without itself.
        first_rank: Rank of the first relevant reference, from 1.
        hits_at: For each k, the number of relevant references among the first k.
        r_precision: Relevant ones among the first R, over R.
        average_precision: (1/R) Σ_{i≤R} P(i)·rel(i), whose mean is MAP@R.
    """

    query: np.ndarray
    num_relevant: np.ndarray
    first_rank: np.ndarray
    hits_at: dict[int, np.ndarray]
    r_precision: np.ndarray
    average_precision: np.ndarray


def rank(block_of_scores, codes, reference_codes, itself, ks) -> Ranks:
    """Finds the ranks without sorting whole rows.

    The rank of the j-th nearest relevant reference is j plus the number of irrelevant ones that
    are at most as far, since at a tie the irrelevant one comes first. Counts are exact up to the
    depth that the figures look at, the largest k or R; only the first hit is followed deeper.

    Args:
        block_of_scores: A function from query indexes (B,) to a float32 array (B, N) that it may
            overwrite; smaller is nearer.
        codes: Class of each query, int64; −1 if no reference has it.
        reference_codes: Class of each reference, int64.
        itself: For each query the index of the reference that it is, or None.
        ks: The k of ``hits_at``.
    """
    total = len(reference_codes)
    by_class = np.argsort(reference_codes, kind="stable")
    sizes = np.bincount(reference_codes, minlength=1)
    starts = np.cumsum(sizes) - sizes
    members = np.where(codes >= 0, sizes[codes], 0)
    relevant = members - (itself is not None)

    kept = np.flatnonzero(relevant > 0)
    count = len(kept)
    first_rank = np.zeros(count, np.int64)
    hits_at = {k: np.zeros(count, np.int64) for k in ks}
    r_precision = np.zeros(count)
    average_precision = np.zeros(count)

    # Queries with about the same R in a block look about equally deep.
    order = np.argsort(relevant[kept], kind="stable")
    step = max(1, _BLOCK_BYTES // (8 * max(total, 1)))
    for start in range(0, count, step):
        out = order[start : start + step]
        rows = kept[out]
        scores = block_of_scores(rows)
        if not np.isfinite(scores).all():
            raise ValueError(
                expected("a distance that is finite for every pair", first_query=int(rows[0]))
            )
        near, width = _take_relevant(
            scores,
            by_class,
            starts[codes[rows]],
            members[rows],
            None if itself is None else itself[rows],
        )
        r = relevant[rows][:, None]
        ranks, first_rank[out] = _ranks(scores, near, max(width, *ks))
        place = np.arange(1, near.shape[1] + 1)
        ranks[place > r] = np.iinfo(np.int64).max  # Beyond the query's own R: no reference.
        for k in ks:
            hits_at[k][out] = (ranks <= k).sum(axis=1)
        within = ranks <= r
        r_precision[out] = within.sum(axis=1) / r[:, 0]
        average_precision[out] = np.where(within, place / ranks, 0.0).sum(axis=1) / r[:, 0]

    return Ranks(
        *map(_read_only, (kept, relevant[kept], first_rank)),
        {k: _read_only(hits) for k, hits in hits_at.items()},
        *map(_read_only, (r_precision, average_precision)),
    )


def _take_relevant(scores, by_class, starts, members, itself):
    """Sorted scores of the relevant references, padded with infinity.

    In ``scores`` they, and the query itself, become infinite: what stays is the irrelevant ones.
    """
    slots = np.arange(members.max())
    present = slots < members[:, None]
    columns = by_class[np.minimum(starts[:, None] + slots, len(by_class) - 1)]
    near = np.take_along_axis(scores, columns, axis=1)
    wanted = present if itself is None else present & (columns != itself[:, None])
    near[~wanted] = np.inf
    near.sort(axis=1)
    row, slot = np.nonzero(present)
    scores[row, columns[row, slot]] = np.inf
    width = int(wanted.sum(axis=1).max())
    return near[:, :width], width


def _ranks(irrelevant, near, depth):
    """Ranks of the relevant, exact up to ``depth``, and the exact rank of the first."""
    depth = min(depth, irrelevant.shape[1])
    if depth < irrelevant.shape[1]:
        irrelevant.partition(depth - 1, axis=1)
    head = np.sort(irrelevant[:, :depth], axis=1)
    before = np.empty(near.shape, np.int64)
    for i in range(len(near)):
        before[i] = head[i].searchsorted(near[i], side="right")
    first = before[:, 0].copy()
    deep = np.flatnonzero(first == depth)
    first[deep] = (irrelevant[deep] <= near[deep, :1]).sum(axis=1)
    return before + np.arange(1, near.shape[1] + 1), first + 1


def _read_only(array):
    array.setflags(write=False)
    return array
