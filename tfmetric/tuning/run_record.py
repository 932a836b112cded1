"""What one run of a search has measured, as values that can be written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

STATUSES = ("completed", "pruned", "collapsed")


@dataclass(frozen=True)
class RunRecord:
    """One training with one setting on one fold of the classes.

    Attributes:
        best: The objective in the best epoch; 0.0, its worst value, of a collapsed run.
        best_epoch: That epoch, from 1; 0 of a collapsed run.
        curve: The objective after each epoch.
        seconds: How long it took.
        status: "completed"; "pruned" if it was stopped as hopeless; "collapsed" if nothing can be
            read from it: NaN, all embeddings at one point, or no memory left.
        reason: Why it was stopped or is worthless; "" of a run that went to its end.
        sign: What looks like a collapse though the figures count, such as a loss that ended at
            its margin; "" where nothing does.
        figures: What ``after`` of :func:`run_once` has measured.
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
        """The record as plain values, for JSON."""
        return {**dataclasses.asdict(self), "curve": list(self.curve)}

    @classmethod
    def from_dict(cls, values: Mapping) -> RunRecord:
        """The record that :meth:`to_dict` gave."""
        return cls(**{**values, "curve": tuple(values["curve"])})

    def replace(self, **values) -> RunRecord:
        """The record with some values replaced."""
        return dataclasses.replace(self, **values)
