"""Means over a few seeds, and their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Returns the interval of Student's t for the mean of a few independent values.

    ``mean ± t · s / √n``, s being the standard deviation with n − 1 and t the quantile of n − 1
    degrees of freedom. The normal distribution's 1.96 would be far too narrow for a few seeds: t is
    12.7 for two values and 4.3 for three.

    Args:
        values: The values.
        level: The share of such intervals that hold the true mean.

    Returns:
        The lower and the upper end; None for fewer than two values.

    >>> [round(end, 3) for end in t_interval([0.50, 0.52, 0.54])]
    [0.47, 0.57]
    """
    from scipy.special import (
        stdtrit,  # scipy.stats has the quantile too, and takes a second to import.
    )

    array = np.asarray(values, np.float64)
    if len(array) < 2:
        return None
    count = len(array)
    quantile = float(stdtrit(count - 1, (1 + level) / 2))
    half = quantile * array.std(ddof=1) / math.sqrt(count)
    return float(array.mean() - half), float(array.mean() + half)


def summarize(values: Sequence[float]) -> dict:
    """Returns "mean", "interval" and "values" of some values."""
    values = [float(value) for value in values]
    return {"mean": sum(values) / len(values), "interval": t_interval(values), "values": values}


def overlap(one: Sequence[float] | None, other: Sequence[float] | None) -> bool | None:
    """Returns whether two intervals overlap; None where one is missing.

    >>> overlap((0.1, 0.3), (0.3, 0.4)), overlap((0.1, 0.2), (0.3, 0.4)), overlap(None, (0, 1))
    (True, False, None)
    """
    if one is None or other is None:
        return None
    return one[0] <= other[1] and other[0] <= one[1]
