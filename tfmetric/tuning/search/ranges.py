"""The parts of a search space: ranges, lists of choices, and fixed values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from tfmetric._errors import expected

# The number of values that a grid search tries from a range without a step.
GRID_POINTS = 5


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes:
        low: The lowest number. With two ints as ends, all values are ints.
        high: The highest number.
        log: Whether each doubling is as likely as another, for values that count in factors, such
            as a temperature or a learning rate.
        step: The distance between neighbors, a factor if ``log``, as in Keras Tuner. Defaults to
            None: any number, and five evenly spaced ones in a grid search.

    Raises:
        ValueError: If the ends or the step make no range.

    >>> Range(0.01, 1.0, log=True).grid(3)
    [0.01, 0.1, 1.0]
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self):
        ends = (self.low, self.high)
        numbers = all(isinstance(end, Real) and not isinstance(end, bool) for end in ends)
        if not numbers or not all(map(math.isfinite, ends)) or not self.low < self.high:
            raise ValueError(
                expected("low and high to be numbers, low the lower one", low=ends[0], high=ends[1])
            )
        if self.log and self.low <= 0:
            raise ValueError(expected("low to be above 0 in a range with log=True", low=self.low))
        least = 1 if self.log else 0
        if self.step is not None and not self.step > least:
            raise ValueError(expected(f"step to be above {least}, or None", step=self.step))

    @property
    def whole(self) -> bool:
        """Whether its values are ints."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def grid(self, points: int = GRID_POINTS) -> list:
        """Returns evenly spaced values with both ends: ``points``, or those of ``step``."""
        if self.step is not None and self.log:
            count = int(math.log(self.high / self.low, self.step) + 1e-8) + 1
            values = [self.low * self.step**i for i in range(count)]
        elif self.step is not None:
            count = int((self.high - self.low) / self.step + 1e-8) + 1
            values = [self.low + self.step * i for i in range(count)]
        else:
            spaced = np.geomspace if self.log else np.linspace
            values = spaced(self.low, self.high, points).tolist()
        if self.whole:
            return sorted({round(value) for value in values})
        # The last digits are rounding errors.
        return [float(f"{value:.6g}") for value in values]

    def clip(self, value: Any) -> Any:
        """Returns the nearest value in the range."""
        return min(max(value, self.low), self.high)

    def to_dict(self) -> dict:
        """Returns the range as plain values."""
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step}


def label(value) -> str:
    """Returns a choice as text, which Keras Tuner needs where not all choices are numbers.

    >>> label((32, 8)), label(None)
    ('32x8', 'none')
    """
    if isinstance(value, (tuple, list)):
        return "x".join(label(part) for part in value)
    return "none" if value is None else str(value)


def declare(hp, name: str, spec, default):
    """Declares a searched parameter with Keras Tuner.

    Args:
        hp: The ``HyperParameters``.
        name: Name of the parameter there.
        spec: A :class:`Range` or a list of choices.
        default: The value of the first trial, if it is one of them.

    Returns:
        The value in ``hp``; None where the condition of the parameter is not met.
    """
    if isinstance(spec, Range):
        number = isinstance(default, Real) and not isinstance(default, bool)
        kind = hp.Int if spec.whole else hp.Float
        return kind(
            name,
            spec.low,
            spec.high,
            step=spec.step,
            sampling="log" if spec.log else "linear",
            default=spec.clip(default) if number else None,
        )
    given, shown = list(spec), _encoded(spec)
    first = shown[given.index(default)] if default in given else shown[0]
    chosen = hp.Choice(name, shown, default=first)
    if chosen is None:
        return None
    if isinstance(chosen, float):  # A number from another process has fewer digits.
        return min(given, key=lambda value: abs(value - chosen))
    return given[shown.index(chosen)]


def _encoded(choices):
    """Returns choices as Keras Tuner takes them: all ints, all floats or all texts."""
    plain = [isinstance(value, Real) and not isinstance(value, bool) for value in choices]
    if not all(plain):
        return [label(value) for value in choices]
    whole = all(isinstance(value, int) for value in choices)
    return [int(value) if whole else float(value) for value in choices]
