"""Curves from a distance to the probability that two examples have one class.

scikit-learn fits a curve and NumPy evaluates it, so a saved calibration does not need scikit-learn.
A smaller distance never has a lower probability.
"""

import sys
from dataclasses import dataclass

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.verification.operating_points import Counts

# Probabilities are multiples of this, so that rounding in an interpolation cannot change their
# order.
_DECIMALS = 12
METHODS = ("isotonic", "platt")


@dataclass(frozen=True)
class Isotonic:
    """A decreasing piecewise linear curve.

    Attributes:
        distances: Rising.
        probabilities: Falling or level, in 0..1; level beyond both ends.
    """

    distances: tuple[float, ...]
    probabilities: tuple[float, ...]
    method: str = "isotonic"

    def __call__(self, distances: np.ndarray) -> np.ndarray:
        """Returns the probability at each distance."""
        found = np.interp(distances, self.distances, self.probabilities)
        return np.round(found, _DECIMALS)


@dataclass(frozen=True)
class Platt:
    """The sigmoid 1 / (1 + exp(slope · distance + intercept)).

    Attributes:
        slope: 0 or more.
        intercept: Any.
    """

    slope: float
    intercept: float
    method: str = "platt"

    def __call__(self, distances: np.ndarray) -> np.ndarray:
        """Returns the probability at each distance."""
        return 0.5 - 0.5 * np.tanh(0.5 * (self.slope * distances + self.intercept))


def fit(counts: Counts, method: str, prior: float) -> Isotonic | Platt:
    """Fits a curve to pairs, weighted to a share ``prior`` of genuine pairs.

    Args:
        counts: The pairs; some of each kind.
        method: ``"isotonic"`` or ``"platt"``.
        prior: Above 0 and below 1.
    """
    positives = np.diff(counts.positives).astype(np.float64)
    negatives = np.diff(counts.negatives).astype(np.float64)
    # Weights have mean 1, because the number of pairs keeps Platt's sigmoid from becoming a step.
    total = counts.num_positives + counts.num_negatives
    positives *= prior * total / counts.num_positives
    negatives *= (1 - prior) * total / counts.num_negatives
    return (_isotonic if method == "isotonic" else _platt)(counts.values, positives, negatives)


def _isotonic(values, positives, negatives):
    from sklearn.isotonic import IsotonicRegression

    weights = positives + negatives
    model = IsotonicRegression(y_min=0.0, y_max=1.0, increasing=False, out_of_bounds="clip")
    model.fit(values, positives / weights, sample_weight=weights)
    probabilities = np.round(model.y_thresholds_, _DECIMALS)
    return Isotonic(tuple(model.X_thresholds_.tolist()), tuple(probabilities.tolist()))


def _platt(values, positives, negatives):
    from sklearn.linear_model import LogisticRegression

    genuine, impostor = positives.sum(), negatives.sum()
    # Platt's targets, slightly below 1 and above 0, one for each kind of pair.
    near, far = (genuine + 1) / (genuine + 2), 1 / (impostor + 2)
    ones = positives * near + negatives * far
    zeros = positives * (1 - near) + negatives * (1 - far)
    mean = np.average(values, weights=ones + zeros)
    spread = np.sqrt(np.average((values - mean) ** 2, weights=ones + zeros)) or 1.0
    standard = ((values - mean) / spread)[:, None]
    model = LogisticRegression(C=1e10, max_iter=1000, tol=1e-10)
    model.fit(
        np.concatenate([standard, standard]),
        np.repeat([1, 0], len(values)),
        sample_weight=np.concatenate([ones, zeros]),
    )
    slope = -float(model.coef_[0, 0]) / spread
    if slope <= 0 or len(values) == 1:  # Nearer pairs are not likelier.
        return Platt(0.0, float(np.log(zeros.sum() / ones.sum())))
    return Platt(slope, -float(model.intercept_[0]) - slope * mean)


def to_dict(curve) -> dict | None:
    """Returns the curve as plain values."""
    if isinstance(curve, Isotonic):
        return {
            "method": curve.method,
            "distances": list(curve.distances),
            "probabilities": list(curve.probabilities),
        }
    return None if curve is None else dict(vars(curve))


def from_dict(values) -> Isotonic | Platt | None:
    """Restores the curve from :func:`to_dict`.

    Raises:
        ValueError: If the values are not a curve.
    """
    if values is None:
        return None
    method = values.get("method") if isinstance(values, dict) else None
    if method == "platt":
        slope, intercept = (number(values.get(name), name) for name in ("slope", "intercept"))
        if slope < 0:
            raise ValueError(expected("a slope of 0 or more", slope=slope))
        return Platt(slope, intercept)
    if method == "isotonic":
        columns = [_column(values.get(name), name) for name in ("distances", "probabilities")]
        distances, probabilities = map(np.array, columns)
        fits = len(distances) == len(probabilities) > 0
        if not fits or (np.diff(distances) <= 0).any() or (np.diff(probabilities) > 0).any():
            raise ValueError(
                expected(
                    "rising distances and as many falling probabilities",
                    distances=columns[0][:5],
                    probabilities=columns[1][:5],
                )
            )
        if probabilities.min() < 0 or probabilities.max() > 1:
            raise ValueError(expected("probabilities in 0..1", probabilities=columns[1][:5]))
        return Isotonic(tuple(columns[0]), tuple(columns[1]))
    raise ValueError(
        expected(f"probability to have a method, one of {', '.join(METHODS)}", method=method)
    )


def number(value, name: str) -> float:
    """A finite number of a file.

    Raises:
        ValueError: If it is none.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # Compare before converting, because an integer in a file may be too large for a float.
    if not is_number or not abs(value) <= sys.float_info.max:
        raise ValueError(expected(f"{name} to be a finite number", **{name: value}))
    return float(value)


def _column(values, name):
    if not isinstance(values, list):
        raise ValueError(expected(f"{name} to be a list", **{name: values}))
    return [number(value, name) for value in values]
