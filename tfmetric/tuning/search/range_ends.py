"""Finds values at an end of their range: a better value may lie beyond."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

# The share of a range from its end that counts as the end.
_NEAR = 0.05
# In a shorter list every number is the first or the last, which says nothing.
_FEWEST = 3


def at_the_ends(values: Mapping, loss: str, space: Mapping) -> dict[str, str]:
    """Returns the searched numbers that are at an end of their range.

    Args:
        values: Searched values by name.
        loss: Name of the loss that they were searched for.
        space: The search space, as ``SearchSpace.to_dict`` returns it.

    Returns:
        "lower" or "upper" by name.

    >>> space = {"arguments": {"TripletLoss": {"margin": {"low": 0.01, "high": 1, "log": True}}}}
    >>> at_the_ends({"margin": 0.9}, "TripletLoss", space)
    {'margin': 'upper'}
    """
    specs = {**space.get("arguments", {}).get(loss, {}), **space.get("shared", {})}
    found = {}
    for name, value in values.items():
        share = _share(value, specs.get(name), values.get("distance"))
        if share is not None and not _NEAR < share < 1 - _NEAR:
            found[name] = "lower" if share <= _NEAR else "upper"
    return found


def _share(value, spec, distance):
    """Returns where from 0 to 1 a number lies in its range; None where that says nothing."""
    if isinstance(spec, Mapping) and "low" not in spec:
        spec = spec.get(distance)
    if not _is_number(value) or spec is None:
        return None
    if isinstance(spec, Mapping):
        low, high, log = spec["low"], spec["high"], spec["log"]
        scale = math.log if log else float
        return (scale(value) - scale(low)) / (scale(high) - scale(low))
    if len(spec) < _FEWEST or not all(map(_is_number, spec)):
        return None
    return sorted(spec).index(value) / (len(spec) - 1) if value in spec else None


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)
