"""Stopping what is hopeless: the median rule, over epochs and over the runs of a trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tfmetric.tuning.run_record import RunRecord

# So many trials are let run to their end before any is judged by them.
STARTUP = 4
# No run is stopped in this share of its epochs: while the rate warms up, figures say little.
WARMUP = 1 / 3


def median_rule(
    done: Sequence[RunRecord], others: Sequence[Sequence[RunRecord]], epochs: int, last: bool
) -> Callable[[tuple[float, ...]], str | None]:
    """When to stop the next run of a trial.

    The trial stops where the mean over its runs so far, the current one counted with its best
    epoch so far, is below the median of what the other trials had at the same run and epoch. So a
    later run is not stopped for being the harder fold, and a trial that falls behind in one run is
    spared the rest of them. Trials that were stopped themselves count up to there.

    Args:
        done: The runs that the trial has finished.
        others: The runs of each other trial, in the same order.
        epochs: Epochs of a run.
        last: Whether the run is the trial's last: there is nothing to save after its last epoch.

    Returns:
        From the objective after each epoch to a reason to stop, or None.

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
        # A run that ended by itself keeps its best; one that was stopped is not known further on.
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
    """The score of a trial: the mean over its runs.

    Of a trial that was stopped it is an estimate: what it had, and what the others have gained from
    there to their end. Its own figure at an early epoch, or on an easy fold alone, would tell a
    tuner that its whole neighbourhood is bad.

    Args:
        runs: The runs of the trial.
        planned: How many a whole trial has.
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
