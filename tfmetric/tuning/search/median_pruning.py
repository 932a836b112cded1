"""Stops hopeless trials by the median rule, over epochs and over the runs of a trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tfmetric.tuning.run_record import RunRecord

# The number of trials to compare with before a trial is stopped.
STARTUP = 4
# The share of its epochs in which no run is stopped: early figures say little.
WARMUP = 1 / 3


def median_rule(
    done: Sequence[RunRecord], others: Sequence[Sequence[RunRecord]], epochs: int, last: bool
) -> Callable[[tuple[float, ...]], str | None]:
    """Returns the rule by which the next run of a trial is stopped.

    The trial stops where the mean over its runs so far is below the median of the other trials at
    the same run and epoch. The current run counts with its best epoch so far. So no run is stopped
    because its fold is hard, and a trial that falls behind in one run does none of the rest. Other
    trials that were stopped count up to the epoch in which they were.

    Args:
        done: The runs that the trial has finished.
        others: The runs of each other trial, in the same order.
        epochs: Epochs of a run.
        last: Whether the run is the trial's last: its last epoch is then never cut off.

    Returns:
        A function from the objectives of the epochs so far to a reason to stop, or None.

    Reference: Golovin et al.: Google Vizier: A Service for Black-Box Optimization (2017), sec. 3.2.
    """
    place, before = len(done), [run.best for run in done]
    comparable = [
        ([run.best for run in runs[:place]], runs[place])
        for runs in others
        if len(runs) > place and all(run.status != "collapsed" for run in runs[: place + 1])
    ]
    first = max(1, math.ceil(WARMUP * epochs))

    def reason(curve):
        epoch = len(curve)
        if epoch < first or (last and epoch >= epochs):
            return None
        # A run that ended by itself keeps its best; a stopped run counts until it was stopped.
        then = [
            np.mean([*own, max(run.curve[:epoch])])
            for own, run in comparable
            if len(run.curve) >= epoch or run.status == "completed"
        ]
        now = np.mean([*before, max(curve)])
        if len(then) < STARTUP or now >= np.median(then):
            return None
        return f"{now:.4g} is below the median of {len(then)} trials, {np.median(then):.4g}"

    return reason


def score(runs: Sequence[RunRecord], planned: int, others: Sequence[Sequence[RunRecord]]) -> float:
    """Returns the score of a trial: the mean over its runs.

    The score of a stopped trial is an estimate: its mean so far, and the median of the gains of
    the other trials from there to their end. The mean so far alone would tell a tuner that all
    settings near this one are bad.

    Args:
        runs: The runs of the trial.
        planned: The number of runs of a whole trial.
        others: The runs of each other trial.
    """
    if any(run.status == "collapsed" for run in runs):
        return 0.0
    mean, last = float(np.mean([run.best for run in runs])), runs[-1]
    whole = [
        other
        for other in others
        if len(other) == planned and all(run.status == "completed" for run in other)
    ]
    if (len(runs) == planned and last.status == "completed") or not whole:
        return mean
    seen = len(last.curve) if last.status == "pruned" else None
    gains = []
    for other in whole:
        then = [run.best for run in other[: len(runs) - 1]]
        then.append(max(other[len(runs) - 1].curve[:seen]))
        gains.append(np.mean([run.best for run in other]) - np.mean(then))
    return float(np.clip(mean + np.median(gains), 0.0, 1.0))
