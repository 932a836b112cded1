"""Whether the best lies at the end of what was searched, so that there may be better beyond."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

# A value so near to an end of its range, as a share of it, is at the end.
_NEAR = 0.05
# Of fewer numbers in a list one is always the first or the last.
_FEWEST = 3


def at_the_ends(values: Mapping, loss: str, space: Mapping) -> dict[str, str]:
    """Which searched numbers are at an end.

    Args:
        values: Searched values by name.
        loss: Name of the loss they are of.
        space: What was searched, as ``SearchSpace.to_dict`` has it.

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
    """Where from 0 to 1 a number lies in what was searched; None where that says nothing."""
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
