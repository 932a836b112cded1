"""A trial of a search: one setting, with its scores on all folds and repetitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, overload

from tfmetric._errors import expected
from tfmetric.training import Settings
from tfmetric.tuning.run_record import RunRecord


@dataclass(frozen=True)
class Trial:
    """A setting and its scores.

    Attributes:
        number: The number of the trial, from 1.
        values: The searched values by name, such as "margin".
        settings: All settings.
        score: The objective, the mean of the best epochs of its runs; an estimate of it if the
            trial was pruned.
        runs: A :class:`RunRecord` for each fold and repetition.
        status: "completed"; "pruned", stopped as hopeless and no candidate for the best; or
            "collapsed", scored 0.0 for NaN, all embeddings at one point, or no memory left.
        reason: Why the trial was stopped or is worthless.
        seconds: How long the trial took.
    """

    number: int
    values: Mapping
    settings: Settings
    score: float
    runs: tuple[RunRecord, ...]
    status: str = "completed"
    reason: str = ""
    seconds: float = 0.0

    @property
    def sign(self) -> str:
        """A sign of collapse in one of its runs though its score counts; "" without one."""
        return next((run.sign for run in self.runs if run.sign), "")

    @property
    def best_epoch(self) -> int:
        """The best epoch from 1, the mean over the runs; 0 without a run that counts."""
        epochs = [run.best_epoch for run in self.runs if run.status != "collapsed"]
        return round(sum(epochs) / len(epochs)) if epochs else 0

    def to_dict(self) -> dict:
        """Returns the trial as plain values."""
        return {
            "number": self.number,
            "values": dict(self.values),
            "settings": self.settings.to_dict(),
            "score": self.score,
            "runs": [run.to_dict() for run in self.runs],
            "status": self.status,
            "reason": self.reason,
            "seconds": self.seconds,
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> Trial:
        """Returns the trial of the values of :meth:`to_dict`."""
        return cls(
            **{
                **values,
                "values": {
                    k: tuple(v) if isinstance(v, list) else v for k, v in values["values"].items()
                },
                "settings": Settings.from_dict(values["settings"]),
                "runs": tuple(RunRecord.from_dict(run) for run in values["runs"]),
            }
        )


@overload
def best_of(trials: Any, none: Literal[False] = False) -> Trial: ...


@overload
def best_of(trials: Any, none: Literal[True]) -> Trial | None: ...


def best_of(trials: Any, none: bool = False) -> Trial | None:
    """Returns the completed trial with the highest score, the first of equals.

    Args:
        trials: The trials.
        none: Whether to return None where no trial is complete.

    Raises:
        ValueError: If no trial is complete and ``none`` is False.
    """
    complete = [trial for trial in trials if trial.status == "completed"]
    if not complete and not none:
        reasons = sorted({f"{t.status}: {t.reason}" for t in trials if t.status != "completed"})
        raise ValueError(
            expected(
                "a trial that went to its end; look at the data, lower the learning rate, or take "
                "easier triplets (warmup=True, mining='semi-hard')",
                trials=len(trials),
                reasons=reasons[:3],
            )
        )
    return min(complete, key=rank, default=None)


def rank(trial):
    """Returns a key that sorts completed trials first, the best of them first."""
    return trial.status != "completed", -trial.score, trial.number
