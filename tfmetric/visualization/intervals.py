"""Draws means with their intervals, one below the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.visualization._style import BLUE, GREY, INK, finish, new_figure, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def intervals(rows: Any, title: str | None = None, objective: Any = "MAP@R") -> Figure:
    """Draws a mean with its interval for each row, the highest at the top.

    The band is the interval of the best row other than baselines: rows that reach into it may be as
    good. Small marks are the single values. A row with one value has no interval.

    Args:
        rows: Dictionaries with "name", "mean", "interval" (low, high) or None, and where there are
            any "values" (what the mean is of) and "baseline" (True for what the others are to
            beat: drawn hollow).
        title: Title of the picture.
        objective: Name of the values.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If there is no row with a finite mean.

    Example:

    >>> rows = [
    ...     {"name": "triplet", "mean": 0.5, "interval": (0.4, 0.6), "values": [0.45, 0.55]},
    ...     {"name": "raw inputs", "mean": 0.3, "interval": None, "baseline": True},
    ... ]
    >>> [label.get_text() for label in intervals(rows).axes[0].get_yticklabels()]
    ['raw inputs', 'triplet']
    """
    rows = [
        row for row in rows if isinstance(row, Mapping) and np.isfinite(row.get("mean", np.nan))
    ]
    if not rows:
        raise ValueError(expected("one row with a finite mean at least", rows=len(rows)))
    rows.sort(key=lambda row: row["mean"])
    figure = new_figure(6.4, 1.5 + 0.32 * len(rows))
    axes = figure.subplots()
    compared = [row for row in rows if not row.get("baseline")]
    if compared and _ends(compared[-1]) is not None:
        axes.axvspan(*_ends(compared[-1]), color=BLUE, alpha=0.1, linewidth=0)
    for place, row in enumerate(rows):
        baseline = row.get("baseline", False)
        colour = GREY if baseline else BLUE
        ends = _ends(row)
        if ends is not None:
            axes.plot(ends, [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
            axes.plot(ends, [place, place], "|", color=colour, markersize=7)
        values = row.get("values") or ()
        if len(values) > 1:
            look = {"color": INK, "alpha": 0.55, "markersize": 5, "linestyle": "none"}
            axes.plot(values, [place - 0.24] * len(values), marker="|", **look)
        axes.plot(
            row["mean"],
            place,
            marker="D" if baseline else "o",
            markersize=5 if baseline else 6,
            color=colour,
            markerfacecolor="white" if baseline else colour,
        )
    axes.set_yticks(range(len(rows)), [short(row["name"], 34) for row in rows], fontsize=8.5)
    axes.set_ylim(-0.7, len(rows) - 0.4)
    several = any(_ends(row) is not None for row in rows)
    axes.set_xlabel(f"{short(objective, 40)}{', mean and 95 % interval' if several else ''}")
    if all(0 <= row["mean"] <= 1 for row in rows):  # An interval from two seeds may exceed 0..1.
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, -0.03), min(high, 1.03))
    axes.grid(alpha=0.25, axis="x")
    return finish(figure, title)


def _ends(row):
    ends = row.get("interval")
    return None if ends is None or not np.isfinite(ends).all() else tuple(ends)
