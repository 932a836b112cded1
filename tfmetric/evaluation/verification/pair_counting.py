"""Counts all pairs of one or two sets by distance and keeps some of the pairs.

Up to a limit every pair is kept. Above the limit all pairs are still counted, at distances rounded
up to 16 significant binary digits (1.5·10⁻⁵ of the distance), and a random sample is kept. A count
at a distance with no more digits is exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric.evaluation.distances import pair_distances
from tfmetric.evaluation.verification.operating_points import Counts

_BLOCK_VALUES = 2**22
# A float32 has 24 binary digits; this many are dropped.
_DROPPED_BITS = 8
_GRID = 2 ** (32 - _DROPPED_BITS)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Single pairs, as read-only arrays (P,).

    Attributes:
        left: Index of the one example, of the queries if there are two sets.
        right: Index of the other, of the gallery if there are two sets.
        distances: float32, or as given.
        same: Whether they are of one class.
    """

    left: np.ndarray
    right: np.ndarray
    distances: np.ndarray
    same: np.ndarray

    def __len__(self):
        return len(self.distances)


@dataclass(frozen=True, eq=False)
class Sets:
    """One set, or queries and a gallery.

    Attributes:
        embeddings: (N, D).
        classes: (N,), int64.
        gallery: (M, D), the same object as ``embeddings`` for all pairs of one set.
        gallery_classes: (M,).
        match: (N,) and (M,) numbers: impostor pairs count only where both are equal; or None.
        match_genuine: Whether this also applies to genuine pairs.
    """

    embeddings: np.ndarray
    classes: np.ndarray
    gallery: np.ndarray
    gallery_classes: np.ndarray
    match: tuple[np.ndarray, np.ndarray] | None = None
    match_genuine: bool = False

    @property
    def one(self) -> bool:
        """Whether there is only one set."""
        return self.gallery is self.embeddings

    def subset(self, rows, columns) -> "Sets":
        """Returns the examples at these indexes; for one set ``columns`` is ``rows``."""
        embeddings, classes = self.embeddings[rows], self.classes[rows]
        match = self.match and (self.match[0][rows], self.match[1][columns])
        if self.one:
            return Sets(embeddings, classes, embeddings, classes, match, self.match_genuine)
        return Sets(
            embeddings,
            classes,
            self.gallery[columns],
            self.gallery_classes[columns],
            match,
            self.match_genuine,
        )

    def num_pairs(self) -> tuple[int, int]:
        """Counts genuine and impostor pairs from the sizes of the classes."""
        both = self._combinations(self.classes, self.gallery_classes)
        if self.match is None:
            nothing = np.zeros(len(self.classes), np.int64)
            others = np.zeros(len(self.gallery_classes), np.int64)
            return both, self._combinations(nothing, others) - both
        left, right = self.match
        within = self._combinations(
            np.stack([self.classes, left]), np.stack([self.gallery_classes, right])
        )
        impostors = self._combinations(left, right) - within
        return within if self.match_genuine else both, impostors

    def _combinations(self, left, right):
        """Counts pairs with equal keys."""
        keys, inverse = np.unique(np.concatenate([left, right], axis=-1), axis=-1, return_inverse=1)
        inverse, size = inverse.reshape(-1), keys.shape[-1]
        left = np.bincount(inverse[: len(self.classes)], minlength=size)
        if self.one:
            return int((left * (left - 1) // 2).sum())
        return int((left * np.bincount(inverse[len(self.classes) :], minlength=size)).sum())


def count_pairs(sets: Sets, distance, limit: int, seed: int) -> tuple[Counts, Pairs, bool]:
    """Counts all pairs.

    Args:
        sets: What to compare.
        distance: Name, function or ``Distance``.
        limit: Up to this many pairs all are kept; above, a sample of about this size, half genuine
            and half impostors if available.
        seed: Seed of the sample.

    Returns:
        The counts, the kept pairs, and whether these are all pairs.
    """
    num_positives, num_negatives = sets.num_pairs()
    exact = num_positives + num_negatives <= limit
    genuine = min(num_positives, max(limit // 2, limit - num_negatives))
    shares = (
        _share(limit - genuine, num_negatives, exact),
        _share(genuine, num_positives, exact),
    )
    rng = np.random.default_rng(seed)
    grid = None if exact else np.zeros((2, _GRID), np.int64)
    kept = []
    for distances, same, left, right in _batches(sets, distance):
        if grid is not None:
            _add(grid[int(same)], distances)
        share = shares[int(same)]
        chosen: Any = slice(None)
        if share < 1:
            drawn = rng.integers(0, distances.size, rng.binomial(distances.size, share))
            chosen = np.unique(drawn)
        kept.append((left(chosen), right(chosen), distances[chosen], same))
    pairs = _together(kept, sets.one)
    if grid is None:
        return Counts.of(pairs.distances, pairs.same), pairs, True
    used = np.flatnonzero(grid.any(axis=0))
    return Counts.at(_upper_ends(used), grid[1, used], grid[0, used]), pairs, False


def _share(wanted, total, exact):
    return 1.0 if exact or wanted >= total else wanted / total


def _batches(sets: Sets, distance) -> Iterator:
    """Yields flat distances of one kind, whether they are genuine, and their index functions."""
    from tfmetric.datasets.progress import progress

    # Sort by class, so that the genuine pairs of a block lie in a few adjacent columns.
    rows = np.argsort(sets.classes, kind="stable")
    columns = rows if sets.one else np.argsort(sets.gallery_classes, kind="stable")
    ordered = sets.subset(rows, columns)
    codes, gallery_codes = ordered.classes, ordered.gallery_classes
    block = pair_distances.between(distance, ordered.embeddings, ordered.gallery)
    step = max(1, _BLOCK_VALUES // max(len(columns), 1))
    count = len(columns)
    with progress(len(rows), "Comparing pairs") as done:
        for start in range(0, len(rows) if count else 0, step):
            end = min(start + step, len(rows))
            low = np.searchsorted(gallery_codes, codes[start], side="left")
            high = np.searchsorted(gallery_codes, codes[end - 1], side="right")
            spans = [(0, low), (low, high), (high, count)]
            if sets.one:
                spans = [(start, high), (high, count)]
            for first, last in spans:
                if first >= last:
                    continue
                found = block(slice(start, end), slice(first, last))
                masks = _masks(ordered, start, end, first, last)
                for same, mask in masks.items():
                    yield from _flat(found, same, mask, rows[start:end], columns[first:last])
            done(end - start)


def _masks(ordered, start, end, first, last):
    """Returns masks of the block's genuine and impostor pairs; None for all pairs."""
    codes, others = ordered.classes[start:end, None], ordered.gallery_classes[first:last]
    masks = {False: None}
    if others[0] <= codes[-1, 0] and codes[0, 0] <= others[-1]:
        equal = codes == others
        masks = {False: ~equal, True: equal}
        if ordered.one:
            later = np.arange(first, last) > np.arange(start, end)[:, None]
            masks = {same: mask & later for same, mask in masks.items()}
    if ordered.match is not None:
        left, right = ordered.match
        matched = left[start:end, None] == right[first:last]
        masks[False] = matched if masks[False] is None else masks[False] & matched
        if ordered.match_genuine and True in masks:
            masks[True] &= matched
    return masks


def _flat(found, same, mask, rows, columns):
    width = len(columns)
    if mask is None:
        flat, where = found.ravel(), None
    else:
        where = np.flatnonzero(mask)
        flat = found.ravel()[where]
    if not flat.size:
        return

    def places(chosen):
        return np.arange(flat.size)[chosen] if where is None else where[chosen]

    yield (
        flat,
        same,
        lambda chosen: rows[places(chosen) // width],
        lambda chosen: columns[places(chosen) % width],
    )


def _together(kept, one):
    if kept:
        left, right, distances = (np.concatenate([part[i] for part in kept]) for i in range(3))
        same = np.repeat([part[3] for part in kept], [len(part[2]) for part in kept])
    else:
        left, right = np.zeros((2, 0), np.int64)
        distances, same = np.zeros(0, np.float32), np.zeros(0, bool)
    if one:
        left, right = np.minimum(left, right), np.maximum(left, right)
    return read_only(left.astype(np.int32), right.astype(np.int32), distances, same)


def read_only(left, right, distances, same) -> Pairs:
    """Returns the pairs as read-only arrays."""
    arrays = (left, right, distances, same)
    for array in arrays:
        array.setflags(write=False)
    return Pairs(*arrays)


def _add(histogram, distances):
    """Counts distances on the grid by their leading bits, which order floats of one sign."""
    bits = distances.view(np.int32)
    if bits.min() < 0:  # Negative numbers are in reverse order.
        bits = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    bins = bits >> _DROPPED_BITS
    first = int(bins.min())
    bins -= first
    counts = np.bincount(bins)
    start = first + _GRID // 2
    histogram[start : start + len(counts)] += counts


def _upper_ends(bins):
    """Returns the largest float32 in each bin."""
    bits = ((bins.astype(np.int64) - _GRID // 2) << _DROPPED_BITS) + (2**_DROPPED_BITS - 1)
    bits = bits.astype(np.int32)
    return (
        np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
        .astype(np.int32)
        .view(np.float32)
        .astype(np.float64)
    )
