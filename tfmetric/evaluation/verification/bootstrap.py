"""Bootstrap of verification figures with classes as the unit.

Each repeat draws as many classes as there are, with replacement. With w the number of times that
a class came up, a genuine pair of class c counts w_c times and an impostor pair of the classes c
and d counts w_c · w_d times: two copies of one class make no pairs with each other, which would
be genuine by identity and impostors by draw. Where classes are not known, pairs are drawn.

Reference: Bolle, Ratha, Pankanti: Error analysis of pattern recognition systems - the subsets
bootstrap, Computer Vision and Image Understanding 2004.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tfmetric.evaluation.statistics.group_table import check_repeats, draw_weights
from tfmetric.evaluation.verification.operating_points import Counts
from tfmetric.evaluation.verification.pair_counting import Pairs

# More pairs than these, of each kind, are thinned: the nearest impostors and the furthest genuine
# ones, which low error rates hang on, all stay, and every n-th of the others.
_NEAREST, _OTHERS = 50_000, 150_000


@dataclass(frozen=True, eq=False)
class Units:
    """What is drawn: for each pair the number of its left and of its right class.

    Attributes:
        left: (P,).
        right: (P,).
        count: How many there are to draw from.
    """

    left: np.ndarray
    right: np.ndarray
    count: int

    @classmethod
    def of_pairs(cls, count: int) -> "Units":
        """Each pair for itself."""
        each = np.arange(count)
        return cls(each, each, count)


class Thinned:
    """Pairs in order of their distance, ready to be counted anew under other weights."""

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
        """Counts under weights of the units, or as they are."""
        found = []
        for (_, left, right, base), ends in zip(self._kinds, self._ends, strict=True):
            weight = base
            if weights is not None:
                weight = base * weights[left]
                # A genuine pair hangs on its one class, and so does a pair drawn for itself.
                weight *= np.where(left == right, 1.0, weights[right])
            total = np.concatenate([[0.0], np.cumsum(weight)])
            found.append(np.concatenate([[0.0], total[ends]]))
        return Counts(self._values, *found)


def _thin(index):
    """Nearly all of the first, every n-th of the rest, and what each stands for."""
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
    """The figures in each repeat, of several samples under the same draw of classes.

    Args:
        samples: Pairs and their units; the units of all are numbered alike.
        figures: Functions of :class:`Counts`.
        repeats: How many draws.
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
