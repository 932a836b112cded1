"""Draws queries with their nearest neighbours, marked as right or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.visualization._style import BLUE, printable, show_example
from tfmetric.visualization.thumbnails import cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WRONG, QUERY, MISSING = "#1a7f37", "#cf222e", "#57606a", BLUE
_DASHES = (0, (3, 2))


def neighbor_gallery(
    queries: Any,
    neighbors: Any,
    right: Any,
    query_titles: Any = None,
    neighbor_titles: Any = None,
    title: str | None = None,
    missing: Any = None,
    missing_titles: Any = None,
) -> Figure:
    """Draws a row for each query: the query, then its neighbours, nearest first.

    A right neighbour has a solid green frame, a wrong one a dashed red frame; missed examples
    follow in a dotted blue frame. The picture is readable without colours. Look at it after every
    training: unlike figures, it shows which classes are confused and why.

    Args:
        queries: (Q, ...) the queries: images (H, W, 1 or 3) with values 0..255, or vectors, which
            are drawn as lines.
        neighbors: (Q, k, ...) their neighbours, nearest first.
        right: (Q, k) booleans: whether a neighbour is of the query's class.
        query_titles: Q short texts, or None.
        neighbor_titles: Q×k short texts, or None.
        title: Title of the picture.
        missing: For each query a list of a few examples of its class that are not among its
            neighbours, or None.
        missing_titles: For each query a list of texts for them, such as their ranks.

    Returns:
        A ``matplotlib.figure.Figure``; ``figure.savefig("neighbours.png")`` writes it.

    Raises:
        ValueError: If the shapes do not fit together.

    Example:

    >>> import numpy as np
    >>> images = np.zeros((2, 8, 8, 1), "uint8")
    >>> figure = neighbor_gallery(images, images[:, None], [[True], [False]])
    >>> len(figure.axes)
    4
    """
    from matplotlib.figure import Figure

    right = np.asarray(right)
    queries, neighbors = cells(queries), cells(neighbors, right.shape)
    if right.ndim != 2 or neighbors.shape[:2] != right.shape or len(queries) != len(right):
        raise ValueError(
            expected(
                "queries (Q, ...), neighbors (Q, k, ...) and right (Q, k)",
                queries_shape=queries.shape,
                neighbors_shape=neighbors.shape,
                right_shape=right.shape,
            )
        )
    rows, k = right.shape
    missing = [[] for _ in range(rows)] if missing is None else missing
    if len(missing) != rows:
        raise ValueError(expected(f"{rows} lists of missing examples", missing=len(missing)))
    extra = max((len(row) for row in missing), default=0)
    columns = 1 + k + extra
    # Laid out in inches, with space for the title and a fixed size of cells.
    head = 0.33 if title else 0.1
    top = head + 0.52
    width, height = max(1.05 * columns, 4.6) + 0.2, 1.25 * rows + top + 0.15
    figure = Figure(figsize=(width, height), dpi=120)
    grid = figure.subplots(
        rows,
        columns,
        squeeze=False,
        gridspec_kw={
            "left": 0.1 / width,
            "right": 1 - 0.1 / width,
            "bottom": 0.1 / height,
            "top": 1 - top / height,
            "wspace": 0.12,
            "hspace": 0.3,
        },
    )
    for row in range(rows):
        _draw(grid[row, 0], queries[row], QUERY, "solid", _at(query_titles, row))
        for column in range(k):
            hit = bool(right[row, column])
            name = _at(_at(neighbor_titles, row), column)
            colour, line = (RIGHT, "solid") if hit else (WRONG, _DASHES)
            _draw(grid[row, column + 1], neighbors[row, column], colour, line, name)
        for place in range(extra):
            axes = grid[row, 1 + k + place]
            if place < len(missing[row]):
                name = _at(_at(missing_titles, row), place)
                _draw(axes, missing[row][place], MISSING, (0, (0.6, 1.4)), name)
            else:
                axes.set_axis_off()
    legend = "first column: the query; then its nearest neighbours, nearest first\n"
    legend += "solid green frame = same class, dashed red = another"
    if extra:
        legend += ", dotted blue = same class, not found"
    if title:
        figure.text(
            0.5,
            1 - 0.1 / height,
            printable(title),
            ha="center",
            va="top",
            fontsize=10,
            parse_math=False,
        )
    figure.text(0.1 / width, 1 - head / height, legend, va="top", fontsize=7)
    return figure


def _at(values, index):
    return None if values is None else values[index]


def _draw(axes, example, colour, line, name):
    show_example(axes, example)
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2.5, linestyle=line)
    if name is not None:
        # Class names may contain "$", so disable mathematical text.
        axes.set_title(printable(name), fontsize=7, pad=3, color=colour, parse_math=False)
