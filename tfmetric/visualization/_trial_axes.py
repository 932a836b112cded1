"""Trials of a search for pictures: the best one, the searched names, axes for their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.visualization._style import number_text

# Numbers within this factor are on a linear axis.
_LOG_FROM = 10
# Up to this many distinct numbers are drawn as steps, like those of a grid or a list.
_STEPS = 6
# The height, below an axis, in which trials without a value are spread.
_MISSING_BAND = 0.06
MISSING = object()


def check_trials(trials) -> list[Mapping]:
    """Returns the trials as a list.

    Raises:
        ValueError: If there is no trial, or an entry is not one.
    """
    trials = list(trials)
    if not trials or not all(
        isinstance(trial, Mapping) and isinstance(trial.get("settings"), Mapping)
        for trial in trials
    ):
        first = next((t for t in trials if not isinstance(t, Mapping) or "settings" not in t), None)
        raise ValueError(
            expected(
                'one trial at least, each a dictionary with "settings", "score" and "status"',
                trials=len(trials),
                first_other=first,
            )
        )
    return trials


def score_of(trial) -> float:
    """Returns the score of a trial; NaN without one."""
    score = trial.get("score")
    return float("nan") if score is None else float(score)


def runs_of(trial) -> list[float]:
    """Returns the finite scores of the runs of a trial."""
    return [float(v) for v in trial.get("runs") or () if v is not None and np.isfinite(v)]


def collapsed(trial) -> bool:
    """Returns whether a trial has no valid score."""
    return trial.get("status", "completed") == "collapsed" or not np.isfinite(score_of(trial))


def pruned(trial) -> bool:
    """Returns whether a trial was stopped before its end."""
    return trial.get("status") == "pruned" and not collapsed(trial)


def best_of(trials) -> int | None:
    """Returns the index of the best completed trial; None where no trial is complete."""
    complete = [i for i, t in enumerate(trials) if not (collapsed(t) or pruned(t))]
    return max(complete, key=lambda i: score_of(trials[i]), default=None)


def searched(trials) -> list[str]:
    """Returns the names of the values of all trials, in the order of their first mention."""
    return list(dict.fromkeys(name for trial in trials for name in trial["settings"]))


def is_number(value) -> bool:
    """Returns whether a value is a finite number, and no truth value."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))
    return number and bool(np.isfinite(value))


def shown(value) -> str:
    """Returns a value as text, numbers with three digits that matter."""
    if is_number(value):
        return number_text(float(value)) if isinstance(value, (float, np.floating)) else str(value)
    if isinstance(value, (tuple, list)):
        return "×".join(shown(part) for part in value)
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )


def is_log(values: Sequence[float]) -> bool:
    """Returns whether a logarithmic axis shows numbers better than a linear one.

    The numbers must span more than tenfold and lie on it as evenly as on a linear axis: numbers
    drawn evenly from 0.02 to 1 would crowd at its upper end.
    """
    if not (min(values) > 0 and max(values) > _LOG_FROM * min(values)):
        return False
    linear = np.unique(np.asarray(values, np.float64))
    return _widest_gap(np.log(linear)) <= _widest_gap(linear)


def _widest_gap(ordered):
    return np.diff(ordered).max() / (ordered[-1] - ordered[0])


class Axis:
    """The positions of the values of one name on an axis from 0 to 1.

    Attributes:
        kind: "linear", "log", or "steps" of equal height for texts and few numbers.
        ticks: (position, text) of the marks.
        band: Height about a step in which its trials may be spread; 0 on other axes.
        ends: The lowest and the highest number, of a linear or log axis.
    """

    def __init__(self, values, steps: bool = True):
        """Takes the values, ``MISSING`` for a missing one, and whether few numbers become steps."""
        values = [value for value in values if value is not MISSING]
        distinct = sorted({_key(value) for value in values})
        few = steps and len(distinct) <= min(_STEPS, len(values) - 1)
        if not all(is_number(value) for value in values) or few or len(distinct) == 1:
            self.kind = "steps"
            first = {_key(value): value for value in reversed(values)}
            count = len(distinct)
            at = [0.5] if count == 1 else (np.arange(count) + 0.5) / count
            self._at = dict(zip(distinct, map(float, at), strict=True))
            self.ticks = [(self._at[key], shown(first[key])) for key in distinct]
            self.band = 0.6 / count
            return
        self.kind, self.band = ("log" if is_log(values) else "linear"), 0.0
        self.ends = self._low, self._high = float(min(values)), float(max(values))
        self.ticks = [(self.position(v), number_text(v, 4)) for v in self._marks()]

    def position(self, value) -> float:
        """Returns the position of a value, from 0 to 1."""
        if self.kind == "steps":
            return self._at[_key(value)]
        if self.kind == "log":
            return float(np.log(value / self._low) / np.log(self._high / self._low))
        return (float(value) - self._low) / (self._high - self._low)

    def _marks(self):
        from matplotlib.ticker import LogLocator, MaxNLocator

        if self.kind == "log":
            subs = (1, 2, 5) if self._high < 200 * self._low else (1,)
            found = LogLocator(subs=subs, numticks=12).tick_values(self._low, self._high)
        else:
            found = MaxNLocator(5).tick_values(self._low, self._high)
        return [v for v in found if self._low <= v <= self._high]


def _key(value):
    """Returns a key that sorts numbers before texts, and distinguishes 1 from True."""
    return (0, float(value), "") if is_number(value) else (1, 0.0, shown(value))


def lines(trials, below: float) -> tuple[list[str], list[Axis], np.ndarray]:
    """Returns each trial as heights on parallel axes, the last of them for the score.

    Args:
        trials: The trials.
        below: The height, below 0, of trials that have no value on an axis.

    Returns:
        The names of the searched values, those that all trials have first; an axis for each and
        one for the score; and heights (trials, axes), from 0 to 1 on an axis.
    """
    names = searched(trials)
    names.sort(key=lambda name: -sum(name in trial["settings"] for trial in trials))
    scores: list[Any] = [MISSING if collapsed(trial) else score_of(trial) for trial in trials]
    columns = [[trial["settings"].get(name, MISSING) for trial in trials] for name in names]
    axes = [Axis(column) for column in columns]
    axes.append(Axis([s for s in scores if s is not MISSING] or [0.0], steps=False))
    heights = np.full((len(trials), len(axes)), float(below))
    # Within a step better trials are higher, so that few lines coincide.
    order = sorted(range(len(trials)), key=lambda i: -np.inf if collapsed(trials[i]) else scores[i])
    for place, (axis, column) in enumerate(zip(axes, [*columns, scores], strict=True)):
        there = [i for i, value in enumerate(column) if value is not MISSING]
        heights[there, place] = [axis.position(column[i]) for i in there]
        for at in set(heights[:, place].tolist()):
            same = [i for i in order if heights[i, place] == at]
            band = _MISSING_BAND if at == below else axis.band
            heights[same, place] += band * ((np.arange(len(same)) + 0.5) / len(same) - 0.5)
    return names, axes, heights
