"""Which positives and negatives an anchor is compared with: the in-graph selection core.

Everything here takes tensors and returns indices, masks and counts of static shape, so that it
compiles with XLA and runs on every Keras backend. Nothing here carries a gradient: what is chosen
is constant, and the losses recompute the distances of the choice.

A *ranking* is a ``(B, B)`` matrix that orders each anchor's row as the distance does; smaller is
nearer. ``positives`` and ``negatives`` are ``(B, B)`` boolean masks with an anchor a row.
"""

from typing import NamedTuple

from keras import ops

from tfmetric._errors import expected

STRATEGIES = ("easy", "hard", "semi-hard", "all")
NAMED = {"hard": ("hard", "hard"), "semi-hard": ("all", "semi-hard"), "all": ("all", "all")}


def resolve(mining) -> tuple[str, str]:
    """Returns ``mining`` as a pair (positive strategy, negative strategy).

    Args:
        mining: "hard", "semi-hard" or "all", or a pair of "easy", "hard", "semi-hard", "all".

    Raises:
        ValueError: If it is none of them, or asks for both sides to be semi-hard, where each
            choice would wait for the other.
    """
    if isinstance(mining, str) and mining in NAMED:
        return NAMED[mining]
    if isinstance(mining, (tuple, list)) and len(mining) == 2:
        pair = tuple(mining)
        if pair == ("semi-hard", "semi-hard"):
            raise ValueError(
                expected("only one of positive and negative to be semi-hard", mining=mining)
            )
        if all(strategy in STRATEGIES for strategy in pair):
            return pair
    raise ValueError(
        expected(
            f"mining to be one of {', '.join(NAMED)}, or a pair (positive, negative) of "
            f"{', '.join(STRATEGIES)}",
            mining=mining,
        )
    )


def label_masks(labels):
    """Who is a positive and who a negative of whom.

    Args:
        labels: ``(B,)`` class ids.

    Returns:
        ``(B, B)`` booleans: same class and not the anchor itself; another class.
    """
    same = ops.equal(labels[:, None], labels[None, :])
    index = ops.arange(ops.shape(labels)[0])
    itself = ops.equal(index[:, None], index[None, :])
    return ops.logical_and(same, ops.logical_not(itself)), ops.logical_not(same)


class Chosen(NamedTuple):
    """One index a row, and whether the row had anything to choose from.

    Attributes:
        index: ``(B,)`` int32, 0 where nothing was there to choose.
        found: ``(B,)`` boolean.
    """

    index: object
    found: object


class Triplets(NamedTuple):
    """At most one triplet an anchor."""

    positive: Chosen
    negative: Chosen


def nearest(ranking, candidates) -> Chosen:
    """The candidate of smallest ranking in each row; the first of equals."""
    return _chosen(ops.argmin(ops.where(candidates, ranking, _infinity(ranking)), 1), candidates)


def furthest(ranking, candidates) -> Chosen:
    """The candidate of largest ranking in each row; the first of equals."""
    return _chosen(ops.argmax(ops.where(candidates, ranking, -_infinity(ranking)), 1), candidates)


def _infinity(ranking):
    return ops.cast(float("inf"), ranking.dtype)


def _chosen(index, candidates):
    return Chosen(ops.cast(index, "int32"), _at(candidates, index))


def _at(matrix, index):
    return ops.take_along_axis(matrix, index[:, None], axis=1)[:, 0]


def one_triplet(ranking, positives, negatives, positive: str, negative: str) -> Triplets:
    """Chooses at most one positive and one negative for each anchor.

    "hard" is the furthest positive and the nearest negative (Hermans et al., 2017, eq. 5), "easy"
    the nearest positive and the furthest negative. A "semi-hard" negative is the nearest that is
    strictly further than the chosen positive (Schroff et al., 2015, sec. 3.2); a "semi-hard"
    positive the furthest that is strictly nearer than the chosen negative.

    Args:
        ranking: ``(B, B)`` ranking.
        positives: ``(B, B)`` mask.
        negatives: ``(B, B)`` mask.
        positive: "easy", "hard" or "semi-hard".
        negative: "easy", "hard" or "semi-hard"; not semi-hard both.
    """
    pick_positive = nearest if positive == "easy" else furthest
    pick_negative = furthest if negative == "easy" else nearest
    if positive == "semi-hard":
        chosen_negative = pick_negative(ranking, negatives)
        nearer = ops.less(ranking, _at(ranking, chosen_negative.index)[:, None])
        nearer = ops.logical_and(nearer, chosen_negative.found[:, None])
        return Triplets(furthest(ranking, ops.logical_and(positives, nearer)), chosen_negative)
    chosen_positive = pick_positive(ranking, positives)
    if negative == "semi-hard":
        further = ops.greater(ranking, _at(ranking, chosen_positive.index)[:, None])
        further = ops.logical_and(further, chosen_positive.found[:, None])
        return Triplets(chosen_positive, nearest(ranking, ops.logical_and(negatives, further)))
    return Triplets(chosen_positive, pick_negative(ranking, negatives))


def nearest_further(ranking, ones, others) -> Chosen:
    """For each one of a row, the nearest of the others that is strictly further from the anchor.

    With positives and negatives these are the semi-hard negatives of all positive pairs; with a
    negated ranking and the masks swapped, the semi-hard positives of all negatives. One sort a
    row, O(B² log B): the number of others up to a place in the sorted row is the rank of the next
    other among the others.

    Args:
        ranking: ``(B, B)`` ranking.
        ones: ``(B, B)`` mask of the entries to find a partner for.
        others: ``(B, B)`` mask of the partners.

    Returns:
        Index and found flag ``(B, B)``; meaningless where ``ones`` is false.
    """
    infinity = _infinity(ranking)
    # At equal ranking the others come first: a partner must be strictly further.
    key = ops.where(others, _just_below(ranking), ranking)
    key = ops.where(ops.logical_or(ones, others), key, infinity)
    order = ops.argsort(key, axis=1)
    seen = ops.cumsum(ops.cast(ops.take_along_axis(others, order, axis=1), "int32"), axis=1)
    rank = ops.take_along_axis(seen, ops.argsort(order, axis=1), axis=1)
    total = ops.sum(ops.cast(others, "int32"), axis=1, keepdims=True)
    others_in_order = ops.argsort(ops.where(others, ranking, infinity), axis=1)
    found = ops.logical_and(ones, rank < total)
    index = ops.take_along_axis(others_in_order, ops.where(found, rank, 0), axis=1)
    return Chosen(ops.cast(index, "int32"), found)


def active_counts(distances, positives, negatives, margin: float):
    """In how many active triplets each pair (anchor, j) takes part.

    A triplet (a, p, n) is active where d(a,p) − d(a,n) + margin > 0. Sorting an anchor's row once
    by the key d + margin of its positives and d of its negatives counts them without a triplet in
    memory: the negatives seen before a positive are its active triplets, and the positives still
    to come after a negative are that negative's. O(B² log B) time, O(B²) memory.

    Args:
        distances: ``(B, B)``.
        positives: ``(B, B)`` mask.
        negatives: ``(B, B)`` mask.
        margin: The margin.

    Returns:
        ``(B, B)`` counts in the dtype of ``distances``, 0 where a pair is neither.
    """
    # Equal keys are a term of exactly zero, which is not active: positives come first.
    key = ops.where(positives, _just_below(distances + margin), distances)
    key = ops.where(ops.logical_or(positives, negatives), key, _infinity(distances))
    order = ops.argsort(key, axis=1)
    back = ops.argsort(order, axis=1)

    def seen(mask):
        sorted_mask = ops.cast(ops.take_along_axis(mask, order, axis=1), "int32")
        return ops.take_along_axis(ops.cumsum(sorted_mask, axis=1), back, axis=1)

    number = ops.sum(ops.cast(positives, "int32"), axis=1, keepdims=True)
    count = ops.where(positives, seen(negatives), number - seen(positives))
    count = ops.where(ops.logical_or(positives, negatives), count, 0)
    return ops.cast(count, distances.dtype)


def _just_below(x):
    # Two units in the last place: breaks exact ties, and moves nothing else than rounding does.
    # Not one unit, which a fused multiply-add could round away.
    epsilon = 2.4e-7 if x.dtype in ("float32",) or "float32" in str(x.dtype) else 4.5e-16
    return x - ops.abs(x) * epsilon - ops.cast(1e-30, x.dtype)
