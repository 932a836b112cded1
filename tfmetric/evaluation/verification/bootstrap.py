"""Bootstrap of verification figures with classes as the unit.

Each repeat draws as many classes as there are, with replacement. With w_c the number of draws of
class c, a genuine pair of class c counts w_c times and an impostor pair of the classes c and d
counts w_c · w_d times. Two copies of one class form no pairs with each other, since these would be
neither genuine nor impostor pairs. Where classes are not known, pairs are drawn.

Reference: Bolle, Ratha, Pankanti: Error analysis of pattern recognition systems - the subsets
bootstrap, Computer Vision and Image Understanding 2004.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tfmetric.evaluation.statistics.group_table import check_repeats, draw_weights
from tfmetric.evaluation.verification.operating_points import Counts
from tfmetric.evaluation.verification.pair_counting import Pairs

# Above this number of pairs of a kind, pairs are thinned. All of the nearest impostors and furthest
# genuine pairs stay, because low error rates depend on them; of the others every n-th stays.
_NEAREST, _OTHERS = 50_000, 150_000


@dataclass(frozen=True, eq=False)
class Units:
    """The drawn units: the numbers of each pair's left and right class.

    Attributes:
        left: (P,).
        right: (P,).
        count: Number of units.
    """

    left: np.ndarray
    right: np.ndarray
    count: int

    @classmethod
    def of_pairs(cls, count: int) -> "Units":
        """Makes each pair a unit."""
        each = np.arange(count)
        return cls(each, each, count)


class Thinned:
    """Pairs sorted by distance, which can be counted under other weights."""

    def __init__(self, pairs: Pairs, units: Units):
        self._kinds = []
        for same in (True, False):
            index = np.flatnonzero(pairs.same == same)
            index = index[np.argsort(pairs.distances[index], kind="stable")]
            index, weight = _thin(index[::-1] if same else index)
            if same:
                index, weight = index[::-1], weight[::-1]
            left, right = units.left[index], units.right[index]
            self._kinds.append((pairs.distances[index].astype(np.float64), left, right, weight))
        distances = np.concatenate([kind[0] for kind in self._kinds])
        self._values = np.unique(distances)
        self._ends = [np.searchsorted(kind[0], self._values, side="right") for kind in self._kinds]

    def counts(self, weights=None) -> Counts:
        """Counts the pairs, optionally under weights of the units."""
        found = []
        for (_, left, right, base), ends in zip(self._kinds, self._ends, strict=True):
            weight = base
            if weights is not None:
                weight = base * weights[left]
                # A genuine pair has one class, and so has a pair that is its own unit.
                weight *= np.where(left == right, 1.0, weights[right])
            total = np.concatenate([[0.0], np.cumsum(weight)])
            found.append(np.concatenate([[0.0], total[ends]]))
        return Counts(self._values, *found)


def _thin(index):
    """Keeps the first pairs and every n-th of the rest; returns their weights too."""
    if len(index) <= _NEAREST + _OTHERS:
        return index, np.ones(len(index))
    rest = index[_NEAREST:]
    stride = -(-len(rest) // _OTHERS)
    some = rest[stride // 2 :: stride]
    weight = np.concatenate([np.ones(_NEAREST), np.full(len(some), len(rest) / len(some))])
    return np.concatenate([index[:_NEAREST], some]), weight


def replicates(
    samples: Sequence[tuple[Pairs, Units]],
    figures: Sequence[Callable[[Counts], float]],
    repeats: int,
    seed: int,
) -> np.ndarray:
    """Computes the figures in each repeat, for several samples under the same draw of classes.

    Args:
        samples: Pairs and their units, which share one numbering.
        figures: Functions of :class:`Counts`.
        repeats: Number of draws.
        seed: Seed of the draws.

    Returns:
        (repeats, samples, figures), float64; NaN where a draw leaves no pair of a kind.
    """
    check_repeats(repeats)
    found = np.full((repeats, len(samples), len(figures)), np.nan)
    thinned = [Thinned(*sample) for sample in samples]
    size = max((units.count for _, units in samples), default=0)
    rng = np.random.default_rng(seed)
    for repeat in range(repeats):
        weights = draw_weights(rng, 1, size)[0]
        for i, sample in enumerate(thinned):
            counts = sample.counts(weights)
            for j, figure in enumerate(figures):
                found[repeat, i, j] = figure(counts)
    return found
