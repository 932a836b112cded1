"""Calibration: chooses a threshold and probabilities for distances on known pairs."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric.evaluation.verification import probability_curves as curves
from tfmetric.evaluation.verification.calibration_on_new_pairs import CalibrationTest, of_pairs
from tfmetric.evaluation.verification.given_pairs import check_pairs
from tfmetric.evaluation.verification.operating_points import Counts, check_rate
from tfmetric.evaluation.verification.result import VerificationResult
from tfmetric.evaluation.verification.threshold_choice import check_target, choose
from tfmetric.typing import Array
from tfmetric.values import plain

_FORMAT, _VERSION = "tfmetric calibration", 1
_ACHIEVED = ("precision", "recall", "f1", "accuracy", "fmr", "fnmr")


@dataclass(frozen=True)
class Calibration:
    """A threshold for "the same", and the probability that a distance implies.

    Attributes:
        threshold: Two examples are the same where their distance is at most this.
        target: Criterion of the threshold: ``"eer"``, ``"f1"``, ``"accuracy"``, ``"fmr"`` or
            ``"precision"`` or ``"recall"``.
        target_rate: The requested rate, with a target that has one.
        distance: Name of the distance.
        num_positives: Genuine pairs it was chosen on.
        num_negatives: Impostor pairs it was chosen on.
        achieved: ``precision``, ``recall``, ``f1``, ``accuracy``, ``fmr`` and ``fnmr`` on these
            pairs. They are optimistic; use :meth:`test` on other pairs.
        prior: Share of genuine pairs assumed by the probabilities.
        curve: Function from distances to probabilities, None without probabilities.
    """

    threshold: float
    target: str
    target_rate: float | None
    distance: str
    num_positives: int
    num_negatives: int
    achieved: dict[str, float] = field(hash=False)  # A dict is not hashable.
    prior: float
    curve: curves.Isotonic | curves.Platt | None = field(default=None, repr=False)

    def decide(self, distances: Array) -> np.ndarray:
        """Returns whether pairs at these distances are the same, booleans of the same shape."""
        return _numbers(distances) <= self.threshold

    def probability(self, distances: Array) -> np.ndarray:
        """Returns the probability that pairs at these distances are the same, float64.

        A smaller distance never has a lower probability.

        Raises:
            ValueError: If the calibration has no probabilities.
        """
        if self.curve is None:
            raise ValueError(
                expected('a calibration with probability="isotonic" or "platt"', probability=None)
            )
        return np.asarray(self.curve(_numbers(distances)))

    def test(
        self, distances: Array, same: Array | None = None, classes: Any = None
    ) -> CalibrationTest:
        """Evaluates the threshold and the probabilities on other pairs.

        Args:
            distances: (P,), of pairs without the classes of the calibration, to judge new classes.
                Or a ``VerificationResult``, with ``same`` None.
            same: (P,), whether each pair is of one class.
            classes: A pair of columns, the class of each left and right, for the intervals.

        Returns:
            A :class:`CalibrationTest`.
        """
        return of_pairs(self, distances, same, classes)

    def summary(self) -> str:
        """Returns the threshold and its figures, as two lines."""
        rate = "" if self.target_rate is None else f" {self.target_rate:g}"
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.achieved.items())
        method = "none" if self.curve is None else self.curve.method
        return (
            f"Calibration: the same where {self.distance} distance <= {self.threshold:.6g}, for "
            f"{self.target}{rate} on {self.num_positives:,} genuine and {self.num_negatives:,} "
            f"impostor pairs; probabilities: {method}\n  There: {figures}"
        )

    def to_dict(self) -> dict:
        """Returns everything as plain Python values, as :meth:`save` writes them."""
        return plain(
            {
                "format": _FORMAT,
                "version": _VERSION,
                **{k: v for k, v in vars(self).items() if k != "curve"},
                "probability": curves.to_dict(self.curve),
            }
        )

    @classmethod
    def from_dict(cls, values: dict) -> "Calibration":
        """Restores the calibration from :meth:`to_dict`.

        Raises:
            ValueError: If the values are not a calibration; the message names the fault.
        """
        if not isinstance(values, dict) or values.get("format") != _FORMAT:
            raise ValueError(expected(f'an object whose format is "{_FORMAT}"', got=_brief(values)))
        if values.get("version") != _VERSION:
            raise ValueError(
                expected(
                    f"version {_VERSION}; a newer one needs a newer tfmetric",
                    version=values.get("version"),
                )
            )
        target, rate = values.get("target"), values.get("target_rate")
        target, rate = check_target(target if rate is None else (target, rate))
        if not isinstance(values.get("distance"), str):
            raise ValueError(expected("distance to be a name", distance=values.get("distance")))
        achieved = values.get("achieved")
        if not isinstance(achieved, dict):
            raise ValueError(expected("achieved to be an object", achieved=achieved))
        prior = curves.number(values.get("prior"), "prior")
        if not 0 < prior < 1:
            raise ValueError(expected("prior to be above 0 and below 1", prior=prior))
        return cls(
            threshold=curves.number(values.get("threshold"), "threshold"),
            target=target,
            target_rate=rate,
            distance=values["distance"],
            num_positives=_count(values, "num_positives"),
            num_negatives=_count(values, "num_negatives"),
            achieved={
                name: float("nan")
                if achieved.get(name) is None
                else curves.number(achieved[name], name)
                for name in _ACHIEVED
            },
            prior=prior,
            curve=curves.from_dict(values.get("probability")),
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)

    def save(self, path: str | os.PathLike) -> Path:
        """Writes the calibration as a JSON file atomically, replacing an existing file.

        Args:
            path: The file, such as ``calibration.json``.

        Returns:
            The path.
        """
        path = Path(path)
        if path.is_dir():
            raise ValueError(expected("the path of a file", path=str(path)))
        with replacing(path) as draft:
            draft.write_text(self.to_json() + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Calibration":
        """Reads a file written by :meth:`save`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a calibration; the message names the fault.
        """
        path = Path(path)
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except IsADirectoryError as error:
            raise ValueError(expected("the path of a file", path=str(path))) from error
        except (
            ValueError,
            RecursionError,
        ) as error:  # Also bytes that are not text or JSON.
            raise ValueError(
                expected(f"a file that Calibration.save has written ({error})", path=str(path))
            ) from error


def calibrate(
    distances: Array,
    same: Array | None = None,
    target: Any = "eer",
    probability: str | None = "isotonic",
    *,
    distance: str | None = None,
    prior: float | None = None,
) -> Calibration:
    """Chooses a threshold, and a probability for each distance, on known pairs.

    Use pairs of classes not used in training, and :meth:`Calibration.test` on further classes. The
    threshold lies half-way between two distances of the pairs (on a distance where a
    ``VerificationResult`` is not ``exact``):

    - ``"eer"``: where FMR and FNMR are nearest to each other;
    - ``("fmr", rate)``: the largest whose FMR is at most the rate;
    - ``("precision", rate)``: the largest whose precision is at least the rate. Precision depends
      on the share of genuine pairs, so calibrate on the share expected in use;
    - ``("recall", rate)``: the smallest that finds at least this share of the genuine pairs;
    - ``"f1"``: the smallest of highest F1; ``"accuracy"``: the middle one of highest accuracy.

    Args:
        distances: (P,), finite; or a ``VerificationResult``, with ``same`` None.
        same: (P,), booleans or 0 and 1: whether the pair is of one class.
        target: See above.
        probability: ``"isotonic"``, a decreasing piecewise linear curve that needs hundreds of
            pairs of each kind; ``"platt"``, a sigmoid, for few pairs; None for no probabilities.
        distance: Name of the distance; defaults to the result's distance, else ``"given"``.
        prior: Share of genuine pairs assumed by the probabilities; None for the share among the
            pairs. All pairs of a test set contain few genuine pairs; use 0.5 if both kinds are
            equally likely.

    Returns:
        A :class:`Calibration`, to save beside a model or to pass to ``export.save``.

    Raises:
        ValueError: If either kind of pairs is missing, or no threshold reaches the target.

    Example:

    >>> calibration = calibrate([0.1, 0.2, 0.3, 0.6, 0.5, 0.8, 0.9, 1.0], [1, 1, 1, 1, 0, 0, 0, 0])
    >>> calibration.threshold, calibration.decide([0.4, 0.7]).tolist()
    (0.55, [True, False])
    >>> calibration.probability([0.1, 0.55, 1.0]).tolist()
    [1.0, 0.5, 0.0]

    Reference: Platt: Probabilistic outputs for support vector machines, 1999; Zadrozny, Elkan:
    Transforming classifier scores into accurate multiclass probability estimates, KDD 2002
    (isotonic).
    """
    name, rate = check_target(target)
    if probability is not None and probability not in curves.METHODS:
        raise ValueError(
            expected('probability to be "isotonic", "platt" or None', probability=probability)
        )
    if isinstance(distances, VerificationResult):
        if same is not None:
            raise ValueError(expected("same to be None with a VerificationResult", same=same))
        counts, distance = distances.counts, distance or distances.distance
        exact = distances.exact
    else:
        counts, exact = Counts.of(*check_pairs(distances, same)), True
    threshold = choose(counts, name, rate, exact)
    if prior is not None and check_rate(prior, "prior") == 1:
        raise ValueError(expected("prior to be above 0 and below 1", prior=prior))
    share = counts.num_positives / (counts.num_positives + counts.num_negatives)
    prior = float(share if prior is None else prior)
    at = counts.at_threshold(threshold)
    return Calibration(
        threshold=threshold,
        target=name,
        target_rate=rate,
        distance=str(distance or "given"),
        num_positives=int(counts.num_positives),
        num_negatives=int(counts.num_negatives),
        achieved={figure: getattr(at, figure) for figure in _ACHIEVED},
        prior=prior,
        curve=None if probability is None else curves.fit(counts, probability, prior),
    )


def _numbers(distances):
    found = np.asarray(distances)
    if found.dtype.kind not in "fiub" or not np.isfinite(found).all():
        raise ValueError(
            expected("distances to be finite numbers", dtype=str(found.dtype), shape=found.shape)
        )
    return found.astype(np.float64)


def _count(values, name):
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(expected(f"{name} to be a whole number", **{name: value}))
    return value


def _brief(values):
    return str(values)[:60]
