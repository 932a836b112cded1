"""Draws the recall of indexes against their speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfmetric._errors import expected
from tfmetric.visualization._style import (
    MARKS,
    SERIES,
    finish,
    new_figure,
    plain_log_ticks,
    printable,
)
from tfmetric.visualization._trial_axes import is_log

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def recall_against_speed(results: Any, title: str | None = None) -> Figure:
    """Draws the recall of indexes against queries per second.

    Up and to the right is better. Each name includes the memory.

    Args:
        results: :class:`tfmetric.search.SearchResult`, of ``search.evaluate`` with ``exact``.
        title: Title of the picture.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If there is no result, or one has no recall.

    Example:

    >>> from tfmetric.search import SearchResult
    >>> result = SearchResult("hnsw", "cosine", 9, 2, 10, 5, 0.9, 1e4, 5, {50: 0.1}, 10**6)
    >>> recall_against_speed([result]).axes[0].get_ylabel()
    'recall@10'
    """
    results = list(results)
    if not results or any(result.recall is None for result in results):
        raise ValueError(
            expected(
                "results with a recall: give search.evaluate an exact index",
                recalls=[result.recall for result in results],
            )
        )
    figure = new_figure(7.4, 4)
    axes = figure.subplots()
    for place, result in enumerate(results):
        axes.plot(
            [result.queries_per_second],
            [result.recall],
            linestyle="none",
            marker=MARKS[place % len(MARKS)],
            color=SERIES[place % len(SERIES)],
            label=f"{printable(result.name)} ({result.nbytes / 1e6:,.1f} MB)",
        )
    lowest = min(result.recall for result in results)
    axes.set(
        xlabel="queries a second",
        ylabel="recall@" + "/".join(map(str, sorted({result.k for result in results}))),
        ylim=(max(0, lowest - 0.1 * (1.02 - lowest) - 0.01), 1.02),
    )
    if is_log([result.queries_per_second for result in results]):
        axes.set_xscale("log")
        plain_log_ticks(axes.xaxis)
    axes.grid(alpha=0.25)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return finish(figure, title)
