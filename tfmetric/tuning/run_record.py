"""The measurements of one training, as values that can be written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STATUSES = ("completed", "pruned", "collapsed")


@dataclass(frozen=True)
class RunRecord:
    """One training with one setting on one fold of the classes.

    Attributes:
        best: The objective in the best epoch; 0.0, its worst value, if the run collapsed.
        best_epoch: That epoch, from 1; 0 if the run collapsed.
        curve: The objective after each epoch.
        seconds: How long the run took.
        status: "completed"; "pruned" if the run was stopped as hopeless; "collapsed" if its score
            means nothing: NaN, all embeddings at one point, or no memory left.
        reason: Why the run was stopped or is worthless; "" if it went to its end.
        sign: A sign of collapse in a run whose figures count, such as a loss that ended at its
            margin; "" without one.
        figures: The figures that ``after`` of :func:`run_once` has returned.
        fold: Which fold of the classes, from 0.
        repeat: Which repetition on that fold, from 0.
    """

    best: float
    best_epoch: int
    curve: tuple[float, ...]
    seconds: float
    status: str = "completed"
    reason: str = ""
    sign: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    fold: int = 0
    repeat: int = 0

    def to_dict(self) -> dict:
        """Returns the record as plain values, for JSON."""
        return {**dataclasses.asdict(self), "curve": list(self.curve)}

    @classmethod
    def from_dict(cls, values: Mapping) -> RunRecord:
        """Returns the record of the values of :meth:`to_dict`."""
        return cls(**{**values, "curve": tuple(values["curve"])})

    def replace(self, **values: Any) -> RunRecord:
        """Returns a copy with some values replaced."""
        return dataclasses.replace(self, **values)
