"""A search over several settings at once: a line for each trial through an axis for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfmetric.visualization._style import INK, VERMILION, finish, new_figure, short
from tfmetric.visualization._trial_axes import (
    MISSING,
    best_of,
    check_trials,
    collapsed,
    lines,
    pruned,
    score_of,
    shown,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The height of a line without a value on an axis, and the share of a gap in which a line bends.
BELOW, _BEND = -0.13, 0.42
# From pale to dark blue, also in black and white; its palest part cannot be seen on white.
_PALEST, _COLOURS = 0.12, "cividis_r"


def parallel_coordinates(trials: Any, title: str | None = None, objective: Any = "MAP@R") -> Figure:
    """Draws each trial as a line through an axis for each value that was searched, and its score.

    The darker a line, the better the trial; the best one is thick and orange, and its values stand
    below the axes. Where dark lines keep together on an axis, its value matters; where they spread
    over the axis, the value does not. Numbers that span more than tenfold are on a logarithmic axis
    where that shows them better; few different ones, and texts, are steps. A line below an axis, at
    "none", has no such value, as some losses have no margin. Trials that collapsed are dotted,
    those stopped early are dashed.

    Args:
        trials: Dictionaries with "settings" (the searched values by name), "score" (higher is
            better) and "status": "completed", "pruned" or "collapsed".
        title: Title of the picture.
        objective: The name of the score.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If there is no trial.

    Example:

    >>> trials = [
    ...     {"settings": {"margin": m, "mining": "hard"}, "score": m, "status": "completed"}
    ...     for m in (0.1, 0.2)
    ... ]
    >>> [text.get_text() for text in parallel_coordinates(trials).axes[0].texts[:3]]
    ['margin', 'mining', 'MAP@R']
    """
    trials = check_trials(trials)
    names, scales, heights = lines(trials, BELOW)
    figure = new_figure(max(4.2, 1.2 + 1.45 * len(names)), 4.4)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.45, len(names) + 0.6)
    axes.set_ylim(-0.3, 1.14)
    for column, name in enumerate([*names, objective]):
        _text(axes, column, 1.06, short(str(name).replace("_", " "), 20), size=9, ha="center")
    colour_of = _colour_of(trials)
    best = best_of(trials)
    order = sorted(
        (i for i in range(len(trials)) if i != best), key=lambda i: drawing_order(trials[i])
    )
    for i in order:
        colour, width, style = _look(trials[i], colour_of)
        _line(axes, heights[i], colour, width, style, zorder=2)
    if best is not None:
        _line(axes, heights[best], "white", 5.5, "solid", zorder=3)
        _line(axes, heights[best], VERMILION, 2.8, "solid", zorder=3)
        _best_values(axes, trials[best], names)
    for column, scale in enumerate(scales):
        last = column == len(names)
        missing = "collapsed" if last else "none"
        _axis(axes, column, scale, missing if (heights[:, column] < 0).any() else None, last)
    _strip(axes, len(names), scales[-1], colour_of)
    return finish(figure, title)


def drawing_order(trial):
    """Sorts collapsed trials first, then pruned ones, then by score: later lines cover earlier."""
    return (0, 0.0) if collapsed(trial) else (1 if pruned(trial) else 2, score_of(trial))


def colour_range(trials):
    """Returns the scores at both ends of the colours; the lowest tenth shares the palest colour."""
    scores = [score_of(trial) for trial in trials if not collapsed(trial)] or [0.0, 1.0]
    low, high = float(np.quantile(scores, 0.1)), max(scores)
    return low, high if high > low else low + 1e-9


def colour(share: float):
    """Returns the colour of a score at a position from 0 to 1 between the ends of the colours."""
    from matplotlib import colormaps

    return colormaps[_COLOURS](_PALEST + (1 - _PALEST) * share)


def _colour_of(trials):
    """Returns a function from a score to its colour."""
    low, high = colour_range(trials)
    return lambda score: colour(float(np.clip((score - low) / (high - low), 0, 1)))


def _look(trial, colour_of):
    """Returns colour, width and style of the line of a trial."""
    if collapsed(trial):
        return "#9aa2aa", 0.9, (0, (1, 2))
    return colour_of(score_of(trial)), 1.3, (0, (5, 2)) if pruned(trial) else "solid"


def _line(axes, heights, colour, width, style, zorder):
    """Draws a line that crosses each axis horizontally, so that it is easy to follow."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    y = heights
    points, codes = [(0, y[0])], [Path.MOVETO]
    for x in range(1, len(y)):
        points += [(x - 1 + _BEND, y[x - 1]), (x - _BEND, y[x]), (x, y[x])]
        codes += [Path.CURVE4] * 3
    look = {"edgecolor": colour, "linewidth": width, "linestyle": style}
    axes.add_patch(PathPatch(Path(points, codes), fill=False, zorder=zorder, **look))


def _axis(axes, column, scale, missing, last):
    axes.plot([column, column], [-0.02, 1.02], color=INK, linewidth=1, zorder=4)
    ticks = [(at, short(text, 18)) for at, text in scale.ticks]
    if missing:
        ticks.append((BELOW, missing))
        axes.plot([column] * 2, [BELOW - 0.035, BELOW + 0.035], color=INK, linewidth=1, zorder=4)
    side = 0.09 if last else 0.05
    for at, text in ticks:
        axes.plot([column - 0.03, column], [at, at], color=INK, linewidth=0.8, zorder=4)
        behind = {
            "boxstyle": "square,pad=0.08",
            "facecolor": "white",
            "alpha": 0.75,
            "linewidth": 0,
        }
        where = {"x": column + side, "ha": "left"} if last else {"x": column - side, "ha": "right"}
        axes.text(y=at, s=text, va="center", fontsize=7.5, bbox=behind, zorder=5, **where)


def _strip(axes, column, scale, colour_of):
    """Draws the colours of the scores along their axis."""
    if scale.kind == "steps":  # All scores are the same.
        return
    low, high = scale.ends
    count = 100
    for i in range(count):
        colour = colour_of(low + (high - low) * (i + 0.5) / count)
        at = (column + 0.02, i / count)
        axes.add_patch(_rectangle(at, 0.045, 1.02 / count, colour))


def _rectangle(at, width, height, colour):
    from matplotlib.patches import Rectangle

    return Rectangle(at, width, height, facecolor=colour, linewidth=0, zorder=1)


def _best_values(axes, trial, names):
    values = [trial["settings"].get(name, MISSING) for name in names]
    texts = ["–" if value is MISSING else shown(value) for value in values]
    texts.append(f"best {score_of(trial):.3f}")
    for column, text in enumerate(texts):
        _text(axes, column, -0.25, short(text, 18), size=8.5, ha="center", bold=True)


def _text(axes, x, y, text, size, ha, bold=False):
    look = {"fontweight": "bold", "color": VERMILION} if bold else {"color": INK}
    axes.text(x, y, text, fontsize=size, ha=ha, va="center", parse_math=False, **look)
