"""Error rates at each threshold, ROC, AUC and EER, from counts of pairs.

A pair is called the same if its distance is at most the threshold."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from tfmetric._errors import expected


@dataclass(frozen=True, eq=False)
class Curve:
    """Rates at each threshold, read-only arrays (T,) in rising order of the threshold.

    Attributes:
        fmr: False match rate: impostor pairs called the same, over impostor pairs.
        tmr: True match rate: genuine pairs called the same, over genuine pairs.
        thresholds: Pairs of at most this distance are called the same; the first threshold is −∞.
        num_positives: Number of genuine pairs.
        num_negatives: Number of impostor pairs.
    """

    fmr: np.ndarray
    tmr: np.ndarray
    thresholds: np.ndarray
    num_positives: int
    num_negatives: int

    @property
    def recall(self) -> np.ndarray:
        """Share of the genuine pairs that are called the same: another name of ``tmr``."""
        return self.tmr

    @property
    def precision(self) -> np.ndarray:
        """Share of genuine pairs among the pairs called the same; NaN where there are none.

        It depends on the share of genuine pairs in the data: with many impostors it is low.
        """
        right, wrong = self.tmr * self.num_positives, self.fmr * self.num_negatives
        with np.errstate(invalid="ignore"):
            return right / (right + wrong)

    @property
    def fnmr(self) -> np.ndarray:
        """False non-match rate, 1 − tmr."""
        return 1.0 - self.tmr


@dataclass(frozen=True)
class ThresholdFigures:
    """Figures at one threshold.

    Attributes:
        threshold: Pairs of at most this distance are called the same.
        precision: Share of genuine pairs among the pairs called the same; NaN if there are none.
        recall: Share of the genuine pairs that are called the same; NaN if there are none.
        f1: Harmonic mean of precision and recall, 2·TP / (2·TP + FP + FN).
        accuracy: Share of correctly classified pairs. It means little with many more impostors than
            genuine pairs.
        fmr: False match rate; NaN without impostor pairs.
        fnmr: False non-match rate, 1 − recall.
        true_positives: Genuine pairs called the same.
        false_positives: Impostor pairs called the same.
        true_negatives: Impostor pairs called different.
        false_negatives: Genuine pairs called different.
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    accuracy: float
    fmr: float
    fnmr: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def counts(self) -> dict[str, int]:
        """Returns the four counts by name."""
        names = ("true_positives", "false_positives", "true_negatives", "false_negatives")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class Counts:
    """Numbers of pairs of each kind at each distance.

    Attributes:
        values: Distinct distances (U,) in rising order, float64.
        positives: Genuine pairs up to and at each of them, after a leading 0: (U + 1,). Whole
            numbers, or weights.
        negatives: The same of impostor pairs.
    """

    values: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray

    @classmethod
    def of(cls, distances, same) -> "Counts":
        """Counts single pairs."""
        values, place = np.unique(np.asarray(distances, np.float64), return_inverse=True)
        positives = np.bincount(place[same], minlength=len(values))
        negatives = np.bincount(place[~same], minlength=len(values))
        return cls.at(values, positives, negatives)

    @classmethod
    def at(cls, values, positives, negatives) -> "Counts":
        """Makes counts from the number of pairs at each value."""
        arrays = (values, _cumulated(positives), _cumulated(negatives))
        for array in arrays:
            array.setflags(write=False)
        return cls(*arrays)

    @property
    def num_positives(self):
        """Genuine pairs."""
        return self.positives[-1]

    @property
    def num_negatives(self):
        """Impostor pairs."""
        return self.negatives[-1]

    def rates(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns FMR and TMR, (U + 1,) each: below all values, then at each value."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.negatives / self.num_negatives, self.positives / self.num_positives

    def at_threshold(self, threshold) -> ThresholdFigures:
        """Returns all figures at a threshold."""
        place = np.searchsorted(self.values, threshold, side="right")
        tp, fp = int(self.positives[place]), int(self.negatives[place])
        fn, tn = int(self.num_positives) - tp, int(self.num_negatives) - fp
        return ThresholdFigures(
            threshold=float(threshold),
            precision=ratio(tp, tp + fp),
            recall=ratio(tp, tp + fn),
            f1=ratio(2 * tp, 2 * tp + fp + fn),
            accuracy=ratio(tp + tn, tp + tn + fp + fn),
            fmr=ratio(fp, fp + tn),
            fnmr=ratio(fn, tp + fn),
            true_positives=tp,
            false_positives=fp,
            true_negatives=tn,
            false_negatives=fn,
        )

    def curve(self, points: int | None) -> Curve:
        """ROC, thinned to about ``points``, evenly in both rates and their logarithms."""
        fmr, tmr = self.rates()
        thresholds = np.concatenate([[-np.inf], self.values])
        if points is not None and len(thresholds) > points:
            share = np.linspace(0, 1, max(2, points // 4))
            with np.errstate(invalid="ignore"):
                wanted = [np.searchsorted(rate, share) for rate in (fmr, tmr)]
                for up, end in ((fmr, 1.0), (tmr, 1.0)):
                    lowest = max(np.nan_to_num(1 / (up[up > 0][0] if (up > 0).any() else 1)), 1.0)
                    wanted.append(np.searchsorted(up, end * lowest ** (share - 1)))
            keep = np.unique(np.concatenate([[0, len(fmr) - 1], *wanted]))
            keep = keep[keep < len(fmr)]
            fmr, tmr, thresholds = fmr[keep], tmr[keep], thresholds[keep]
        for array in (fmr, tmr, thresholds):
            array.setflags(write=False)
        return Curve(fmr, tmr, thresholds, int(self.num_positives), int(self.num_negatives))


def auc(counts: Counts) -> float:
    """Probability that a genuine pair is nearer than an impostor pair, ties counting half."""
    total = float(counts.num_positives) * float(counts.num_negatives)
    if not total > 0:
        return float("nan")
    # Both factors are whole numbers below 2⁵³, so the area is as exact as a float64 sum.
    heights = (counts.positives[1:] + counts.positives[:-1]) / 2
    return float(np.diff(counts.negatives) @ heights / total)


def average_precision(counts: Counts) -> float:
    """Sums precision times the growth of recall over the thresholds; NaN without genuine pairs."""
    if not counts.num_positives > 0:
        return float("nan")
    called = counts.positives[1:] + counts.negatives[1:]
    found = np.diff(counts.positives)
    return float((found * counts.positives[1:] / called).sum() / counts.num_positives)


def eer(counts: Counts) -> tuple[float, float]:
    """Returns the equal error rate, and the threshold at which FMR and FNMR are closest.

    The rate is the intersection of the piecewise linear ROC with FMR = FNMR. The threshold is the
    neighbouring distance with the smaller |FMR − FNMR|, at a tie the smaller distance.
    """
    if not (counts.num_positives > 0 and counts.num_negatives > 0):
        return float("nan"), float("nan")
    fmr, tmr = counts.rates()
    gap = fmr + tmr - 1.0  # FMR − FNMR rises from −1 to 1.
    above = int(np.argmax(gap >= 0))
    below = above - 1
    share = -gap[below] / (gap[above] - gap[below])
    rate = float(fmr[below] + share * (fmr[above] - fmr[below]))
    nearer = below if -gap[below] <= gap[above] and below > 0 else above
    return rate, float(counts.values[nearer - 1])


def place_at_fmr(counts: Counts, target: float) -> int:
    """Counts the values up to the largest threshold whose FMR is at most ``target``."""
    # Compare whole numbers if possible: rounding of 1e-3 · 3000 must not lose an operating point.
    allowed = target * counts.num_negatives * (1 + 1e-12)
    return int(np.searchsorted(counts.negatives, allowed, side="right")) - 1


def tar(counts: Counts, far: float) -> float:
    """TMR at the largest threshold whose FMR is at most ``far``; NaN below 1 / impostor pairs."""
    if not counts.num_positives > 0 or far * counts.num_negatives * (1 + 1e-12) < 1:
        return float("nan")
    return float(counts.positives[place_at_fmr(counts, far)] / counts.num_positives)


def figure_function(figure: str):
    """Returns the function of :class:`Counts` that computes a figure."""
    if figure == "auc":
        return auc
    if figure == "eer":
        return lambda counts: eer(counts)[0]
    name, _, told = figure.rpartition("_") if isinstance(figure, str) else ("", "", "")
    try:
        rate = check_rate(float(told), "rate")
    except ValueError:
        name, rate = "", math.nan
    if name == "tar_at_far":
        return lambda counts: tar(counts, rate)
    if name == "fnmr_at_fmr":
        return lambda counts: 1.0 - tar(counts, rate)
    raise ValueError(
        expected("figure to be auc, eer, tar_at_far_<rate> or fnmr_at_fmr_<rate>", figure=figure)
    )


def higher_is_better(figure: str) -> bool:
    """Returns whether a larger value of the figure is better."""
    return figure == "auc" or figure.startswith("tar")


def check_rate(rate: Any, name: str) -> float:
    """Returns a rate above 0 and up to 1."""
    if isinstance(rate, bool) or not isinstance(rate, Real) or not 0 < float(rate) <= 1:
        raise ValueError(expected(f"{name} to be a number above 0 and up to 1", **{name: rate}))
    return float(rate)


def ratio(part, whole) -> float:
    """Returns ``part / whole``, NaN if ``whole`` is 0."""
    return float(part / whole) if whole else float("nan")


def _cumulated(numbers):
    numbers = np.asarray(numbers)
    dtype = np.float64 if numbers.dtype.kind == "f" else np.int64
    return np.concatenate([np.zeros(1, dtype), np.cumsum(numbers, dtype=dtype)])
