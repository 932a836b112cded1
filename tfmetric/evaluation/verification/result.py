"""The figures of a verification, from the numbers of pairs at each distance."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.statistics.group_table import GroupTable, percentiles
from tfmetric.evaluation.verification import bootstrap as bootstrap
from tfmetric.evaluation.verification import operating_points as points
from tfmetric.evaluation.verification.fairness import FairnessResult, fairness, tables
from tfmetric.evaluation.verification.operating_points import Counts, Curve, ThresholdFigures
from tfmetric.evaluation.verification.pair_counting import Pairs
from tfmetric.evaluation.verification.summary import FARS, notes_of, summary_of
from tfmetric.typing import Array
from tfmetric.values import plain


@dataclass(frozen=True, eq=False)
class VerificationResult:
    """The separation of genuine pairs (of one class) and impostor pairs by distance.

    A pair is called the same where its distance is at most the threshold.

    Attributes:
        distance: Name of the distance.
        counts: Genuine and impostor pairs at each distance.
        per_pair: Read-only arrays, one value for each pair: ``left``, ``right``, ``distances``,
            ``same``. All pairs, or a random sample of them where ``exact`` is false.
        exact: Whether every pair is kept. If not, all pairs are counted at distances rounded up to
            16 significant binary digits (1.5·10⁻⁵ of the distance).
        source: Source of the pairs, for counting them by group.
        given_notes: Warnings about the pairs themselves, such as examples that are in both sets.
    """

    distance: str
    counts: Counts
    per_pair: Pairs
    exact: bool
    source: Any = field(repr=False)
    given_notes: tuple[str, ...] = ()

    @property
    def num_positives(self) -> int:
        """Genuine pairs."""
        return int(self.counts.num_positives)

    @property
    def num_negatives(self) -> int:
        """Impostor pairs."""
        return int(self.counts.num_negatives)

    @property
    def auc(self) -> float:
        """Probability that a genuine pair is nearer than an impostor pair, ties counting half."""
        return points.auc(self.counts)

    @property
    def average_precision(self) -> float:
        """Area under the curve of precision and recall, by steps; see ``Curve.precision``."""
        return points.average_precision(self.counts)

    @property
    def eer(self) -> float:
        """Equal error rate: intersection of the piecewise linear ROC with FMR = FNMR."""
        return points.eer(self.counts)[0]

    @property
    def eer_threshold(self) -> float:
        """The distance of a pair at which FMR and FNMR are closest."""
        return points.eer(self.counts)[1]

    def roc(self, points: int | None = 2000) -> Curve:
        """Returns the ROC, in ascending order of the threshold.

        Args:
            points: Approximate number of points, spread evenly in both rates and their logarithms;
                None for one at each distance.

        Returns:
            A :class:`Curve` with ``fmr``, ``tmr``, ``fnmr``, ``precision``, ``recall`` and
            ``thresholds``, the first of which is −∞; rates without pairs are NaN.
        """
        if points is not None and (not isinstance(points, Integral) or points < 2):
            raise ValueError(expected("points to be an integer of 2 or more", points=points))
        return self.counts.curve(points)

    def tar_at_far(self, far: float) -> float:
        """Returns the share of genuine pairs accepted at a false accept rate of at most ``far``.

        The threshold is the largest whose FMR is at most ``far``, without interpolation.

        Args:
            far: False accept rate, above 0 and up to 1. Under 10 / ``far`` impostor pairs the
                figure depends on a few of them; see :attr:`notes`.

        Returns:
            The rate; NaN with fewer than 1 / ``far`` impostor pairs, or without genuine pairs.
        """
        return points.tar(self.counts, points.check_rate(far, "far"))

    def fnmr_at_fmr(self, fmr: float) -> float:
        """Returns the share of genuine pairs rejected at an FMR of at most ``fmr``.

        It is 1 − :meth:`tar_at_far`.
        """
        return 1.0 - points.tar(self.counts, points.check_rate(fmr, "fmr"))

    def threshold_at_fmr(self, fmr: float) -> float:
        """Returns the largest distance of a pair at which FMR is at most ``fmr``.

        NaN if :meth:`tar_at_far` is NaN, −∞ if the nearest impostors alone are too many.
        """
        fmr = points.check_rate(fmr, "fmr")
        if fmr * self.num_negatives * (1 + 1e-12) < 1:
            return float("nan")
        place = points.place_at_fmr(self.counts, fmr)
        return float(self.counts.values[place - 1]) if place else float("-inf")

    def at_threshold(self, threshold: float) -> ThresholdFigures:
        """Returns precision, recall, F1, accuracy, FMR, FNMR and counts at one threshold.

        If ``exact`` is false, a threshold between two grid points counts as the lower.
        """
        number = isinstance(threshold, Real) and not isinstance(threshold, bool)
        if not number or np.isnan(threshold):
            raise ValueError(expected("threshold to be a number", threshold=threshold))
        return self.counts.at_threshold(threshold)

    def histogram(self, bins: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Counts genuine and impostor pairs in bins of equal width.

        Args:
            bins: How many.

        Returns:
            Edges (bins + 1,), genuine pairs (bins,) and impostor pairs (bins,), from the smallest
            to the largest distance.
        """
        if isinstance(bins, bool) or not isinstance(bins, Integral) or bins < 1:
            raise ValueError(expected("bins to be an integer above 0", bins=bins))
        values = self.counts.values
        low, high = (values[0], values[-1]) if len(values) else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
        both = [
            np.histogram(values, edges, weights=np.diff(cumulated))[0].astype(np.int64)
            for cumulated in (self.counts.positives, self.counts.negatives)
        ]
        return edges, *both

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings about the figures, such as too few impostors for a FAR."""
        return (*self.given_notes, *notes_of(self))

    def figures(self) -> dict[str, float]:
        """All figures by name: ``auc``, ``eer``, ``tar_at_far_0.1``, ..., ``fnmr_at_fmr_0.1``..."""
        rates = {far: self.tar_at_far(far) for far in FARS}
        return {
            "auc": self.auc,
            "eer": self.eer,
            **{f"tar_at_far_{far:g}": rate for far, rate in rates.items()},
            **{f"fnmr_at_fmr_{far:g}": 1.0 - rate for far, rate in rates.items()},
        }

    def interval(
        self, figure: str = "eer", repeats: int = 200, level: float = 0.95, seed: int = 0
    ) -> tuple[float, float]:
        """Returns a bootstrap interval of a figure, for new classes like these.

        Whole classes are drawn with replacement. A genuine pair counts as often as its class is
        drawn, an impostor pair by the product of both counts. Pairs without classes are drawn
        themselves, which is too narrow if examples occur in several pairs. Above 200,000 pairs of a
        kind, every n-th pair far from the low error rates represents its neighbours. If the result
        is not ``exact``, repeats use the sample and are shifted by its difference from the figure.

        Args:
            figure: One of :meth:`figures`, also at another rate: ``"tar_at_far_0.05"``.
            repeats: Draws.
            level: Level of the interval.
            seed: Seed of the draws.

        Returns:
            Lower and upper end, percentiles of the repeats; NaN without pairs of both kinds.
        """
        return self.intervals((figure,), repeats, level, seed)[figure]

    def intervals(
        self, figures: Any = ("auc", "eer"), repeats: int = 200, level: float = 0.95, seed: int = 0
    ) -> dict[str, tuple[float, float]]:
        """Computes :meth:`interval` of several figures from the same draws, at the cost of one."""
        functions = {figure: points.figure_function(figure) for figure in figures}
        sample = (self.per_pair, self.source.units(self.per_pair))
        found = bootstrap.replicates([sample], list(functions.values()), repeats, seed)[:, 0]
        ends = {}
        for i, (figure, function) in enumerate(functions.items()):
            low, high = percentiles(found[:, i] + self.shift(function), level)
            ends[figure] = max(low, 0.0), min(high, 1.0)
        return ends

    @cached_property
    def _usual_intervals(self):
        rates = [f"{far:g}" for far in FARS if np.isfinite(self.tar_at_far(far))]
        found = self.intervals(("auc", "eer", *(f"tar_at_far_{rate}" for rate in rates)))
        for rate in rates:  # FNMR is 1 − TAR.
            low, high = found[f"tar_at_far_{rate}"]
            found[f"fnmr_at_fmr_{rate}"] = 1.0 - high, 1.0 - low
        return found

    def shift(self, function: Any) -> float:
        """Difference of a figure between all pairs and the sample; 0 if all are kept."""
        if self.exact:
            return 0.0
        return function(self.counts) - function(
            Counts.of(self.per_pair.distances, self.per_pair.same)
        )

    def by_group(
        self,
        groups: Array | None,
        figure: str = "eer",
        small: int = 30,
        repeats: int = 200,
        seed: int = 0,
    ) -> GroupTable:
        """Returns a figure of each group of examples, and the gap between best and worst.

        Both examples of a pair belong to the group, since impostors within a group are the hard
        ones.

        Args:
            groups: (N,) integers or strings, the group of each example. For queries and a gallery,
                a pair of columns. For pairs given by distances, the group of each pair or a pair of
                columns.
            figure: One of :meth:`figures`, also at another rate.
            small: Groups with fewer examples (pairs, if given by distances) are marked small and
                left out of the gap.
            repeats: Draws of the bootstrap; all groups share the draws of classes.
            seed: Seed of the draws.

        Returns:
            A :class:`GroupTable`.
        """
        function = points.figure_function(figure)
        return tables(self, groups, {figure: function}, small, repeats, seed)[figure]

    def fairness(
        self,
        groups: Array | None,
        threshold: float | None = None,
        fmr: float = 1e-3,
        **arguments: Any,
    ) -> FairnessResult:
        """Computes all figures by group, and error rates of each group at one shared threshold.

        See :func:`tfmetric.evaluation.fairness`.
        """
        return fairness(self, groups, threshold=threshold, fmr=fmr, **arguments)

    def summary(self) -> str:
        """Returns the figures as a few lines of text."""
        return summary_of(self, self._usual_intervals)

    def to_dict(self) -> dict:
        """Returns figures, counts, intervals and notes as plain Python values; NaN becomes None."""
        return plain(
            {
                "distance": self.distance,
                "num_positives": self.num_positives,
                "num_negatives": self.num_negatives,
                "exact": self.exact,
                **self.figures(),
                "eer_threshold": self.eer_threshold,
                "intervals": self._usual_intervals,
                "notes": self.notes,
            }
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)
