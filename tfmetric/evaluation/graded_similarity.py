"""Graded similarity: how the scores of pairs follow the grades that people gave them."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.statistics.group_table import (
    GroupTable,
    check_repeats,
    percentiles,
    table_of_replicates,
)
from tfmetric.typing import Array
from tfmetric.values import labels as read_labels
from tfmetric.values import plain

FIGURES = ("spearman", "pearson")


@dataclass(frozen=True, eq=False)
class SimilarityResult:
    """The correlation of scores and grades.

    Attributes:
        scores: (N,) score of each pair, read-only.
        targets: (N,) grade of each pair, read-only.
        spearman: Spearman's rank correlation; tied values have their mean rank.
        pearson: Pearson's correlation.
    """

    scores: np.ndarray
    targets: np.ndarray
    spearman: float
    pearson: float
    _replicates: dict = field(default_factory=dict, repr=False, init=False)

    def figures(self) -> dict[str, float]:
        """Returns both correlations by name."""
        return {name: getattr(self, name) for name in FIGURES}

    def interval(
        self, figure: str = "spearman", *, repeats: int = 1000, level: float = 0.95, seed: int = 0
    ) -> tuple[float, float]:
        """Returns the interval of a correlation for other pairs.

        Args:
            figure: ``"spearman"`` or ``"pearson"``.
            repeats: Number of bootstrap draws of pairs.
            level: Level of the interval.
            seed: Seed of the draws.

        Returns:
            Lower and upper end; NaN where all scores, or all grades, are equal.
        """
        draws = self._drawn(repeats, seed, np.zeros(len(self.scores), np.int64), 1)
        return percentiles(draws[_place(figure)][:, 0], level)

    def difference(
        self, other: "SimilarityResult", figure: str = "spearman"
    ) -> tuple[float, float, float]:
        """Compares a correlation with that of other scores of the same pairs.

        Args:
            other: The result of other scores, such as those of a baseline.
            figure: ``"spearman"`` or ``"pearson"``.

        Returns:
            The difference, and the lower and upper end of its paired 95 % bootstrap interval.

        Raises:
            ValueError: If the other result is of other pairs.
        """
        if not np.array_equal(self.targets, other.targets):
            raise ValueError(
                expected(
                    "two results on the same pairs",
                    num_pairs=len(self.targets),
                    other_num_pairs=len(other.targets),
                )
            )
        one = np.zeros(len(self.scores), np.int64)
        own, others = (r._drawn(1000, 0, one, 1)[_place(figure)][:, 0] for r in (self, other))
        low, high = percentiles(own - others, 0.95)
        return self.figures()[figure] - other.figures()[figure], low, high

    def by_group(
        self,
        groups: Array,
        figure: str = "spearman",
        *,
        small: int = 30,
        repeats: int = 1000,
        level: float = 0.95,
        seed: int = 0,
    ) -> GroupTable:
        """Returns a correlation by groups of the pairs, such as the source of each pair.

        Args:
            groups: (N,), integers or strings.
            figure: ``"spearman"`` or ``"pearson"``.
            small: Groups of fewer pairs are shown but not compared.
            repeats: Number of bootstrap draws of pairs, within each group.
            level: Level of the intervals.
            seed: Seed of the draws.
        """
        place = _place(figure)
        given = read_labels(groups, len(self.scores), "groups")
        names, group = np.unique(given, return_inverse=True)
        members = [np.flatnonzero(group == i) for i in range(len(names))]
        values = [_correlations(self.scores[rows], self.targets[rows])[place] for rows in members]
        draws = self._drawn(repeats, seed, group, len(names))[place]
        counts = [len(rows) for rows in members]
        return table_of_replicates(
            figure, names.tolist(), counts, values, draws, small=small, level=level
        )

    def _drawn(self, repeats, seed, group, number):
        """``(2, repeats, G)`` correlations of draws of the pairs of each group."""
        check_repeats(repeats)
        key = (repeats, seed, group.tobytes())
        if key not in self._replicates:
            found = np.empty((2, repeats, number))
            for i in range(number):
                rows = np.flatnonzero(group == i)
                rng = np.random.default_rng([seed, i])
                for k in range(repeats):
                    drawn = rows[rng.integers(len(rows), size=len(rows))]
                    found[:, k, i] = _correlations(self.scores[drawn], self.targets[drawn])
            self._replicates[key] = found
        return self._replicates[key]

    def summary(self) -> str:
        """Returns the figures as a few lines of text."""
        lines = [f"Graded similarity of {len(self.scores):,} pairs"]
        for name, value in self.figures().items():
            low, high = self.interval(name)
            lines.append(
                f"  {name.capitalize():<10}{value:.4f}  (95 % interval {low:.4f} to {high:.4f})"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Returns figures, count and intervals as plain Python values; NaN becomes None."""
        figures = self.figures()
        intervals = {name: self.interval(name) for name in figures}
        return plain({"num_pairs": len(self.scores), **figures, "intervals": intervals})

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def similarity(scores: Any, targets: Any) -> SimilarityResult:
    """Correlates the scores of pairs with their grades.

    For sentence pairs with grades (STS), and wherever people say how alike two examples are.
    Spearman's rank correlation is the figure that is published: it asks for the right order alone.
    A correlation of distances is negative; give their negatives.

    Args:
        scores: (N,) score of each pair, such as the cosine of two embeddings.
        targets: (N,) grade of each pair, larger for more alike.

    Returns:
        A :class:`SimilarityResult`. A correlation is NaN where all scores, or all grades, are
        equal.

    Raises:
        ValueError: If the shapes differ, there are fewer than two pairs, or a value is not finite.

    Example:

    >>> result = similarity([0.9, 0.2, 0.4, 0.1], [5.0, 1.0, 3.5, 2.0])
    >>> round(result.spearman, 2), round(result.pearson, 2)
    (0.8, 0.91)

    References:
        Spearman: The Proof and Measurement of Association between Two Things (1904); Reimers,
        Beyer, Gurevych: Task-Oriented Intrinsic Evaluation of Semantic Textual Similarity (2016).
    """
    scores, targets = _column(scores, "scores"), _column(targets, "targets")
    if len(scores) != len(targets):
        raise ValueError(
            expected("one target for each score", scores=len(scores), targets=len(targets))
        )
    if len(scores) < 2:
        raise ValueError(expected("at least two pairs", scores=len(scores)))
    spearman, pearson = _correlations(scores, targets)
    return SimilarityResult(scores, targets, float(spearman), float(pearson))


def _column(values, name):
    column = np.array(values, np.float64)
    if column.ndim != 1:
        raise ValueError(expected(f"{name} of shape (N,)", **{f"{name}_shape": column.shape}))
    wrong = np.flatnonzero(~np.isfinite(column))
    if wrong.size:
        raise ValueError(expected(f"finite {name}", row=int(wrong[0]), value=column[wrong[0]]))
    column.flags.writeable = False
    return column


def _place(figure):
    if figure not in FIGURES:
        raise ValueError(expected(f"figure to be one of {', '.join(FIGURES)}", figure=figure))
    return FIGURES.index(figure)


def _correlations(x, y):
    """Spearman's and Pearson's."""
    from scipy.stats import rankdata

    return _pearson(rankdata(x), rankdata(y)), _pearson(x, y)


def _pearson(x, y):
    # Equal values leave a deviation of rounding, which is none.
    if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
        return np.nan
    x, y = x - x.mean(), y - y.mean()
    x, y = x / np.abs(x).max(), y / np.abs(y).max()
    return np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0)
