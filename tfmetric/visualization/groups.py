"""Draws a figure by group, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.retrieval import figures
from tfmetric.visualization._style import BLUE, GREY, finish, new_figure, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def group_gaps(table: Any, title: str | None = None, limit: int = 20) -> Figure:
    """Draws a figure of each group with its interval, the best group at the top.

    Groups with too few examples are drawn hollow and labelled. With more groups than ``limit`` it
    shows both ends: the best and the worst.

    Args:
        table: A ``GroupTable`` of ``by_group``; or rows (group, count, value, (low, high), small).
        title: Title of the picture; None for the figure's name and the gap.
        limit: Largest number of shown groups.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If there is no group.

    Example:

    >>> rows = [("a", 90, 0.8, (0.7, 0.9), False), ("b", 4, 0.5, (0.1, 0.9), True)]
    >>> figure = group_gaps(rows)
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['b (4, too few)', 'a (90)']
    """
    rows = [_row(row) for row in getattr(table, "rows", table)]
    rows = sorted((row for row in rows if np.isfinite(row[2])), key=lambda row: row[2])
    if not rows:
        raise ValueError(expected("one group with a value at least", groups=len(rows)))
    left_out = max(0, len(rows) - limit)
    if left_out:
        rows = rows[: limit // 2] + rows[len(rows) - (limit - limit // 2) :]
    figure = new_figure(4.8, 1.5 + 0.24 * len(rows))
    axes = figure.subplots()
    for place, (_, _, value, (low, high), small) in enumerate(rows):
        colour = GREY if small else BLUE
        ends = np.nan_to_num([value - low, high - value]).clip(0)
        axes.errorbar(
            value,
            place,
            xerr=ends[:, None],
            fmt="o",
            color=colour,
            markersize=5,
            markerfacecolor="white" if small else colour,
            elinewidth=1.2,
            capsize=2.5,
            linestyle="none",
        )
    labels = [
        f"{short(group, 20)} ({count:,}{', too few' if small else ''})"
        for group, count, _, _, small in rows
    ]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    if left_out:
        axes.axhline(limit // 2 - 0.5, color=GREY, linewidth=0.8, linestyle="dotted")
        axes.annotate(
            f"{left_out} groups between",
            (0.99, limit // 2 - 0.5),
            xycoords=("axes fraction", "data"),
            fontsize=7,
            color=GREY,
            ha="right",
            va="bottom",
        )
    figure_name = figure_title(getattr(table, "figure", "value"))
    axes.set_xlabel(f"{figure_name}, 95 % interval (number of examples)", fontsize=9)
    axes.grid(alpha=0.25, axis="x")
    if title is None:
        title = f"{figure_name} by group"
        gap = getattr(table, "gap", None)
        if gap is not None and np.isfinite(gap):
            title += f": best to worst {gap:.3f}"
            ends = getattr(table, "gap_interval", None)
            if ends is not None and np.isfinite(ends).all():
                title += f" ({ends[0]:.3f} to {ends[1]:.3f})"
    return finish(figure, title)


def figure_title(name: str) -> str:
    """Returns the title of a figure: ``map_at_r`` is MAP@R, ``eer`` EER."""
    if figures.find_figure(name):
        return figures.figure_title(name)
    known = {"auc": "AUC", "eer": "EER"}
    return known.get(name) or name.replace("cmc_", "CMC_").replace("_at_", "@").replace("_", " ")


def _row(row):
    if hasattr(row, "group"):
        return row.group, row.count, row.value, row.interval, row.small
    group, count, value, interval, small = row
    return group, count, value, interval, small
