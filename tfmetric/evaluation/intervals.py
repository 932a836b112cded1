"""Confidence intervals of a mean over queries."""

import numpy as np


def mean_interval(values, classes, level_z: float = 1.96) -> tuple[float, float]:
    """An interval for the mean of ``values`` on new classes, 95 % by default.

    The normal approximation with classes as the sampling unit: queries of one class are hard or
    easy together, so an interval that takes them as independent is too narrow. With one class
    only, queries are taken as independent. Clipped to 0..1. It has no width where all values are
    equal, which says little when there are few.

    Args:
        values: (N,), each in 0..1.
        classes: (N,), the class of each value.
        level_z: Quantile of the normal distribution.

    Returns:
        The lower and the upper end; NaN without values.

    Example:

    >>> mean_interval([1.0, 0.0, 1.0, 1.0], [0, 0, 1, 1])
    (0.26, 1.0)

    Reference: Cameron, Miller: A practitioner's guide to cluster-robust inference, Journal of
    Human Resources 2015, section II.
    """
    values = np.asarray(values, np.float64)
    if not values.size:
        return float("nan"), float("nan")
    mean = values.mean()
    _, groups = np.unique(np.asarray(classes), return_inverse=True)
    deviations = np.bincount(groups, values - mean)
    if len(deviations) == 1:
        deviations = values - mean
    count = len(deviations)
    variance = (deviations**2).sum() / values.size**2 * count / max(count - 1, 1)
    half = level_z * np.sqrt(variance)
    return round(float(max(mean - half, 0.0)), 6), round(float(min(mean + half, 1.0)), 6)
