"""Confidence intervals of a mean over queries."""

from numbers import Integral
from typing import Any

import numpy as np

from tfmetric._errors import expected

# Number of draws held at a time.
_DRAWS = 2**20


def mean_interval(values, classes, level_z: float = 1.96) -> tuple[float, float]:
    """Returns an interval for the mean of ``values`` on new classes, 95 % by default.

    It uses the normal approximation with classes as the sampling unit: queries of one class are
    hard or easy together, so an interval that treats them as independent is too narrow. With one
    class only, queries are treated as independent. Clipped to 0..1. If all values are equal it has
    width 0, which means little for few values.

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


def bootstrap_interval(
    values: Any, classes: Any, *, repeats: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Returns a bootstrap interval for the mean of ``values`` on new classes.

    It is the percentile bootstrap with classes as the unit: each repeat draws as many classes as
    there are, with replacement, each with all of its values, and takes the mean of these values.
    With one class only, the values are drawn instead. Unlike :func:`mean_interval` it can be
    asymmetric about the mean, as it should be close to 0 or 1. With fewer than about ten classes
    both are too narrow.

    Args:
        values: (N,), finite.
        classes: (N,), the class of each value: integers or strings.
        repeats: Number of draws.
        level: Share of the repeats inside the interval.
        seed: Seed of the draws; the same seed gives the same interval.

    Returns:
        The lower and the upper end; NaN without values.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, or an argument is out of range.

    Example:

    >>> bootstrap_interval([1.0, 0.0, 1.0, 1.0, 0.0, 0.0], [0, 0, 1, 1, 2, 2])
    (0.0, 1.0)

    Reference: Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapters 8 and 13.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1:
        raise ValueError(expected("values of shape (N,)", values_shape=values.shape))
    low, high = bootstrap_intervals(
        values[:, None], classes, repeats=repeats, level=level, seed=seed
    )
    return float(low[0]), float(high[0])


def bootstrap_intervals(values, classes, *, repeats: int = 1000, level: float = 0.95, seed=0):
    """Computes :func:`bootstrap_interval` of several figures (N, F) on the same draws: two (F,)."""
    if not 0 < level < 1:
        raise ValueError(expected("level to be between 0 and 1", level=level))
    values = np.asarray(values, np.float64)
    means = bootstrap_means(values, classes, repeats=repeats, seed=seed)
    if not len(values):
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    ends = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    # Clip to the range of the values: rounding of a sum may exceed it.
    return np.clip(np.round(ends, 6), values.min(axis=0), values.max(axis=0))


def bootstrap_means(values, classes, *, repeats: int = 1000, seed: int = 0) -> np.ndarray:
    """Returns means (repeats, F) of values (N, F) in each draw of :func:`bootstrap_interval`."""
    values, classes = np.asarray(values, np.float64), np.asarray(classes)
    if classes.shape != values.shape[:1]:
        raise ValueError(
            expected(
                f"classes of shape ({len(values)},), one for each value",
                classes_shape=classes.shape,
            )
        )
    if not np.isfinite(values).all():
        raise ValueError(
            expected("values without NaN or infinity", bad=int((~np.isfinite(values)).sum()))
        )
    if isinstance(repeats, bool) or not isinstance(repeats, Integral) or repeats < 1:
        raise ValueError(expected("repeats to be an integer above 0", repeats=repeats))
    if not len(values):
        return np.full((repeats, values.shape[1]), np.nan)
    _, group = np.unique(classes, return_inverse=True)
    if group.max() == 0:
        group = np.arange(len(values))
    sizes = np.bincount(group)
    sums = np.stack([np.bincount(group, column) for column in values.T], axis=1)
    totals = np.concatenate([sums, sizes[:, None]], axis=1)
    means = np.empty((repeats, values.shape[1]))
    rng = np.random.default_rng(seed)
    count = len(sizes)
    step = max(1, _DRAWS // count)
    for start in range(0, repeats, step):
        rows = min(step, repeats - start)
        drawn = rng.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        drawn_totals = times.astype(np.float64) @ totals
        means[start : start + rows] = drawn_totals[:, :-1] / drawn_totals[:, -1:]
    return means
