"""Evaluates a calibration on pairs that it was not chosen on."""

import json
from dataclasses import dataclass, field

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.statistics.group_table import GroupTable, percentiles
from tfmetric.evaluation.verification import bootstrap as bootstrap
from tfmetric.evaluation.verification.fairness import rate_at, tables
from tfmetric.evaluation.verification.operating_points import Counts, ThresholdFigures, ratio
from tfmetric.evaluation.verification.result import VerificationResult
from tfmetric.evaluation.verification.verification import verification_from_distances
from tfmetric.typing import Array
from tfmetric.values import plain

_BINS = 15


@dataclass(frozen=True, eq=False)
class CalibrationTest:
    """Figures of a calibration on other pairs.

    Attributes:
        at: :class:`ThresholdFigures` at the calibrated threshold.
        target: What the threshold was chosen for.
        target_rate: The rate asked for, or None.
        brier: Mean of (probability − same)², weighted to a share ``prior`` of genuine pairs; NaN
            without probabilities.
        calibration_error: Mean difference of probability and share of genuine pairs, over 15 bins
            of equal width, weighted by the number of pairs; NaN without probabilities.
        verification: Verification of the test pairs.
    """

    at: ThresholdFigures
    target: str
    target_rate: float | None
    brier: float
    calibration_error: float
    verification: VerificationResult = field(repr=False)

    @property
    def met(self) -> bool | None:
        """Whether the target rate is met on these pairs; None without a rate or such pairs."""
        rate = self.at.fmr if self.target == "fmr" else self.at.precision
        if self.target_rate is None or np.isnan(rate):
            return None
        return rate <= self.target_rate if self.target == "fmr" else rate >= self.target_rate

    def figures(self) -> dict[str, float]:
        """Returns all figures by name."""
        names = ("fmr", "fnmr", "precision", "recall", "f1", "accuracy")
        found = {name: getattr(self.at, name) for name in names}
        return {**found, "brier": self.brier, "calibration_error": self.calibration_error}

    def interval(
        self, figure: str = "fmr", repeats: int = 200, level: float = 0.95, seed: int = 0
    ) -> tuple[float, float]:
        """Returns a bootstrap interval of an error rate at the threshold.

        It draws classes, or pairs without known classes, as ``VerificationResult.interval`` does.

        Args:
            figure: ``"fmr"``, ``"fnmr"``, ``"precision"``, ``"recall"``, ``"f1"`` or
                ``"accuracy"``.
            repeats: Draws.
            level: Level of the interval.
            seed: Seed of the draws.
        """
        if figure not in ("fmr", "fnmr", "precision", "recall", "f1", "accuracy"):
            raise ValueError(
                expected("figure to be fmr, fnmr, precision, recall, f1 or accuracy", figure=figure)
            )
        result, threshold = self.verification, self.at.threshold
        scale = result.num_positives, result.num_negatives
        kept = np.bincount(result.per_pair.same, minlength=2)[::-1]

        def value(counts):
            place = np.searchsorted(counts.values, threshold, side="right")
            ends = ((counts.positives, scale[0], kept[0]), (counts.negatives, scale[1], kept[1]))
            (tp, genuine), (fp, impostor) = (
                (up[place] * ratio(whole, part), up[-1] * ratio(whole, part))
                for up, whole, part in ends
            )
            return {
                "fmr": lambda: ratio(fp, impostor),
                "fnmr": lambda: ratio(genuine - tp, genuine),
                "precision": lambda: ratio(tp, tp + fp),
                "recall": lambda: ratio(tp, genuine),
                "f1": lambda: ratio(2 * tp, tp + fp + genuine),
                "accuracy": lambda: ratio(tp + impostor - fp, genuine + impostor),
            }[figure]()

        sample = (result.per_pair, result.source.units(result.per_pair))
        found = bootstrap.replicates([sample], [value], repeats, seed)[:, 0, 0]
        return percentiles(found, level)

    def by_group(
        self,
        groups: Array | None,
        figure: str = "fnmr",
        small: int = 30,
        repeats: int = 200,
        seed: int = 0,
    ) -> GroupTable:
        """Returns an error rate at the threshold by groups, like ``VerificationResult.by_group``.

        Args:
            groups: As in ``VerificationResult.by_group``.
            figure: ``"fmr"`` or ``"fnmr"``.
            small: Groups of fewer examples or pairs are marked small.
            repeats: Draws of the bootstrap.
            seed: Seed of the draws.
        """
        functions = {figure: rate_at(self.at.threshold, figure)}
        return tables(self.verification, groups, functions, small, repeats, seed)[figure]

    def summary(self) -> str:
        """Returns the figures as a few lines of text."""
        lines = [
            f"Calibration tested on {self.verification.num_positives:,} genuine and "
            f"{self.verification.num_negatives:,} impostor pairs, threshold "
            f"{self.at.threshold:.6g}"
        ]
        for name, value in self.figures().items():
            line = f"  {name:<18}{value:.4f}"
            if name in ("fmr", "fnmr"):
                low, high = self.interval(name)
                line += f"  (95 % interval {low:.4f} to {high:.4f})"
            lines.append(line)
        if self.met is not None:
            word = "met" if self.met else "NOT met"
            lines.append(f"  Target {self.target} {self.target_rate:g}: {word} on these pairs.")
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Returns figures, counts and intervals as plain Python values; NaN becomes None."""
        return plain(
            {
                "threshold": self.at.threshold,
                "target": self.target,
                "target_rate": self.target_rate,
                "met": self.met,
                "num_positives": self.verification.num_positives,
                "num_negatives": self.verification.num_negatives,
                **self.figures(),
                "counts": self.at.counts,
                "intervals": {name: self.interval(name) for name in ("fmr", "fnmr")},
            }
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def of_pairs(calibration, distances, same, classes) -> CalibrationTest:
    """Tests a calibration on pairs or on a ``VerificationResult``."""
    if isinstance(distances, VerificationResult):
        if same is not None:
            raise ValueError(expected("same to be None with a VerificationResult", same=same))
        result = distances
        if "given" not in (calibration.distance, result.distance) and (
            calibration.distance != result.distance
        ):
            raise ValueError(
                expected(
                    f"pairs compared by {calibration.distance} distance, as in calibration",
                    distance=result.distance,
                )
            )
    else:
        result = verification_from_distances(
            distances, same, classes, distance=calibration.distance
        )
    brier, error = _quality(calibration, result.counts)
    return CalibrationTest(
        result.at_threshold(calibration.threshold),
        calibration.target,
        calibration.target_rate,
        brier,
        error,
        result,
    )


def _quality(calibration, counts: Counts):
    nan = float("nan")
    if calibration.curve is None or not (counts.num_positives and counts.num_negatives):
        return nan, nan
    chance = calibration.probability(counts.values)
    genuine = np.diff(counts.positives) / counts.num_positives * calibration.prior
    impostor = np.diff(counts.negatives) / counts.num_negatives * (1 - calibration.prior)
    brier = genuine @ (1 - chance) ** 2 + impostor @ chance**2
    place = np.minimum((chance * _BINS).astype(int), _BINS - 1)
    predicted = np.bincount(place, (genuine + impostor) * chance, minlength=_BINS)
    observed = np.bincount(place, genuine, minlength=_BINS)
    return float(brier), float(np.abs(predicted - observed).sum())
