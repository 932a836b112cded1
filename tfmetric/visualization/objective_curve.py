"""Draws the objective of a search against one of the searched values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.visualization._style import (
    GREY,
    INK,
    MARKS,
    SERIES,
    finish,
    new_figure,
    plain_log_ticks,
    printable,
    short,
)
from tfmetric.visualization._trial_axes import (
    Axis,
    best_of,
    check_trials,
    collapsed,
    is_log,
    is_number,
    pruned,
    runs_of,
    score_of,
    searched,
    shown,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Number of kinds of trials with a separate colour and mark; the worst others are grey.
_KINDS = 8
# Marks a valid trial that looks collapsed.
_RING = {
    "linestyle": "none",
    "marker": "o",
    "markersize": 11,
    "color": INK,
    "markerfacecolor": "none",
}
# With more points a line would show only noise.
_JOINED = 12


def objective_against(
    trials: Any,
    name: str | None = "margin",
    default: Any = None,
    title: str | None = None,
    objective: Any = "MAP@R",
) -> Figure:
    """Draws the score of each trial against one of the searched values.

    Bars reach from the lowest to the highest of a trial's runs (repeats, or folds of the classes):
    trials with overlapping bars are hardly different. A collapsed trial is at the bottom, a valid
    trial that looks collapsed has a ring, a trial stopped early is hollow. A line joins a few
    trials that differ only in this value.

    Args:
        trials: Dictionaries with "settings" (the searched values by name), "score" (higher is
            better), "runs" (the averaged scores), "status": "completed", "pruned" or "collapsed",
            and a "sign" where it looks collapsed. Trials whose settings lack ``name`` are left out.
        name: The name of the value. The axis is logarithmic if values span more than tenfold and
            are more even on it.
        default: The default value, to be marked; None for no mark.
        title: Title of the picture.
        objective: The name of the score.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If no trial has a value of that name.

    Example:

    >>> trials = [
    ...     {"settings": {"margin": 0.1 * i}, "score": 0.5 + 0.1 * i, "status": "completed"}
    ...     for i in (1, 2, 3)
    ... ]
    >>> objective_against(trials, default=0.2).axes[0].get_xlabel()
    'margin'
    """
    trials = check_trials(trials)
    chosen = [trial for trial in trials if name in trial["settings"]]
    if not chosen:
        raise ValueError(
            expected(f"name to be one of the searched {', '.join(searched(trials))}", name=name)
        )
    values = [trial["settings"][name] for trial in chosen]
    numbers = all(is_number(value) for value in values)
    axis: Any = None if numbers else Axis(values)
    places = values if numbers else _spread_on_steps(axis, values)
    figure = new_figure(7.4, 4.2)
    axes = figure.subplots()
    logarithmic = numbers and is_log(values)
    if logarithmic:
        axes.set_xscale("log")
    fine = [trial for trial in chosen if not collapsed(trial)]
    floor = _floor(axes, fine, len(fine) < len(chosen))
    kinds = _kinds(chosen, name)
    for place, (kind, members) in enumerate(kinds):
        known = place < _KINDS
        look = {
            "color": SERIES[place % len(SERIES)] if known else GREY,
            "marker": MARKS[place % len(MARKS)] if known else ".",
        }
        members = sorted(members, key=lambda i: places[i])
        whole = [i for i in members if not (collapsed(chosen[i]) or pruned(chosen[i]))]
        if numbers and len(whole) <= _JOINED and _differ_in_one(chosen, whole, name):
            axes.plot(
                [places[i] for i in whole],
                [score_of(chosen[i]) for i in whole],
                color=look["color"],
                linewidth=1,
                alpha=0.5,
            )
        for i in members:
            _mark(axes, places[i], chosen[i], look, floor)
        if len(kinds) > 1:
            axes.plot([], [], linestyle="none", markersize=5.5, label=printable(kind), **look)
    best = best_of(chosen)
    if best is not None:
        _star(axes, places[best], chosen[best], shown(values[best]))
    if any(len(runs_of(trial)) > 1 for trial in fine):
        axes.plot([], [], color=GREY, linewidth=1, label="lowest to highest run")
    if any(map(pruned, chosen)):
        look = {"color": GREY, "markerfacecolor": "white"}
        axes.plot([], [], "o", markersize=5.5, label="stopped early", **look)
    if any(trial.get("sign") for trial in fine):
        axes.plot([], [], label="looks collapsed", **_RING)
    if default is not None and (numbers or default in values):
        at = default if numbers else axis.position(default)
        label = f"default, {shown(default)}"
        axes.axvline(at, color=GREY, linewidth=1, linestyle=(0, (4, 3)), label=label, zorder=1)
    axes.set(xlabel=printable(_title(name)), ylabel=printable(objective))
    if not numbers:
        axes.set_xlim(0, 1)
        turned = {"rotation": 30, "ha": "right"} if len(axis.ticks) > 5 else {}
        axes.set_xticks(
            [at for at, _ in axis.ticks], [short(t, 20) for _, t in axis.ticks], **turned
        )
    elif logarithmic:
        plain_log_ticks(axes.xaxis)
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return finish(figure, title)


def _spread_on_steps(axis, values):
    """Returns places that put trials of one text beside each other, in their order."""
    places = np.array([axis.position(value) for value in values])
    for at in set(places):
        same = np.flatnonzero(places == at)
        places[same] += axis.band * (np.arange(len(same)) - (len(same) - 1) / 2) / len(same)
    return places.tolist()


def _floor(axes, fine, needed):
    """Fits the y axis to the scores, and returns the height of collapsed trials."""
    ends = [v for t in fine for v in (score_of(t), *runs_of(t))]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = max(high - low, 0.02 * max(abs(high), abs(low), 1e-6))
    floor = low - 0.17 * room
    axes.set_ylim(low - (0.25 if needed else 0.08) * room, high + 0.16 * room)
    if needed:
        line = low - 0.09 * room
        axes.axhline(line, color=GREY, linewidth=0.8, linestyle="dotted")
        ticks = [at for at in axes.get_yticks() if line < at <= high + 0.16 * room]
        digits = max((len(f"{at:.4g}".partition(".")[2]) for at in ticks), default=0)
        axes.set_yticks([floor, *ticks], ["collapsed", *(f"{at:.{digits}f}" for at in ticks)])
    return floor


def _mark(axes, x, trial, look, floor):
    if collapsed(trial):
        axes.plot([x], [floor], marker="x", color=look["color"], markersize=5.5)
        return
    score, runs = score_of(trial), runs_of(trial)
    if len(runs) > 1:
        axes.vlines(x, min(runs), max(runs), color=look["color"], linewidth=1, alpha=0.55)
    face = {"markerfacecolor": "white"} if pruned(trial) else {}
    axes.plot([x], [score], linestyle="none", markersize=5.5, **look, **face)
    if trial.get("sign"):
        axes.plot([x], [score], **_RING)


def _star(axes, x, trial, text):
    score = score_of(trial)
    axes.plot(
        [x],
        [score],
        linestyle="none",
        marker="*",
        markersize=15,
        color="#f0c000",
        markeredgecolor=INK,
        label=f"best, {score:.3f} at {text}",
        zorder=5,
    )


def _kinds(trials, without):
    """Returns (name, indexes) of the trials of each loss and mining, the best first."""
    kinds = {}
    for i, trial in enumerate(trials):
        settings = trial["settings"]
        parts = [
            shown(settings[key]) for key in ("loss", "mining") if key != without and key in settings
        ]
        kinds.setdefault(", ".join(parts) or "without mining", []).append(i)
    ordered = sorted(kinds.items(), key=lambda item: -_highest(trials, item[1]))
    if len(ordered) <= _KINDS + 1:
        return ordered
    rest = [i for _, members in ordered[_KINDS:] for i in members]
    return [*ordered[:_KINDS], (f"{len(ordered) - _KINDS} others", rest)]


def _highest(trials, members):
    return max((score_of(trials[i]) for i in members if not collapsed(trials[i])), default=-np.inf)


def _differ_in_one(trials, members, name):
    """Returns whether trials differ in this value alone, each from all others."""
    rest = {
        tuple((key, shown(v)) for key, v in trials[i]["settings"].items() if key != name)
        for i in members
    }
    values = [trials[i]["settings"][name] for i in members]
    return len(rest) == 1 and len(set(values)) == len(values) > 1


def _title(name):
    return str(name).replace("_", " ")
