"""Draws confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfmetric._errors import expected
from tfmetric.typing import Tensor
from tfmetric.visualization._style import finish, new_figure, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OTHERS = "all others"


def confusion_matrix(
    matrix: Tensor,
    class_names: Sequence[str] | None = None,
    top: int = 12,
    title: str | None = "Taken for which class",
    last: str = "unknown",
) -> Figure:
    """Draws a confusion matrix: rows are true classes, columns predicted classes.

    Each row is in percent of its class. Above ``top`` classes it shows the most confused classes
    with their predictions, and the rest in one column, since hundreds of rows would be unreadable.

    Args:
        matrix: A ``ClassificationResult``; or counts (C, C), ``matrix[i, j]`` of class i taken for
            j, or (C, C + 1), whose last column counts "unknown".
        class_names: C names; None for numbers.
        top: Largest number of shown classes.
        title: Title of the picture, None for none.
        last: Title of the additional last column.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If the matrix has another shape, or the names do not fit.

    Example:

    >>> figure = confusion_matrix([[9, 1], [2, 8]], ["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['90', '10', '20', '80']
    """
    if hasattr(matrix, "confusion"):
        class_names = list(matrix.classes) if class_names is None else list(class_names)
        known = len(matrix.classes)
        matrix = matrix.confusion()
        if len(matrix) > known and matrix[known].any():
            class_names.append(last)  # Queries of classes that are not in the gallery.
        else:
            matrix = matrix[:known]
    counts = np.asarray(matrix, np.float64)
    if counts.ndim != 2 or counts.shape[1] - counts.shape[0] not in (0, 1) or not counts.size:
        raise ValueError(expected("a matrix (C, C) or (C, C + 1)", shape=counts.shape))
    number = len(counts)
    names = [str(name) for name in (range(number) if class_names is None else class_names)]
    if len(names) != number:
        raise ValueError(expected(f"{number} class names", number=len(names)))
    unknown = counts.shape[1] > number
    rows = _most_confused(counts, min(top, number))
    columns = list(rows)
    shown = counts[np.ix_(rows, columns)]
    heads = [names[i] for i in columns]
    if number > len(rows):
        rest = counts[rows][:, :number].sum(1) - shown.sum(1)
        shown, heads = np.column_stack([shown, rest]), [*heads, _OTHERS]
    if unknown:
        shown, heads = np.column_stack([shown, counts[rows, -1]]), [*heads, last]
    percent = 100 * shown / np.maximum(counts[rows].sum(1, keepdims=True), 1)
    side = 1.6 + 0.36 * len(heads)
    figure = new_figure(max(side + 0.6, 4.2), max(0.36 * len(rows) + 1.9, 3.0))
    axes = figure.subplots()
    picture = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(percent):
        if shown[row, column]:
            text = f"{value:.0f}" if value >= 0.5 else "<1"
            colour = "white" if value > 55 else "black"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    turned = {"rotation": 90} if max(map(len, heads)) > 3 else {}
    axes.set_xticks(range(len(heads)), [short(name, 14) for name in heads], fontsize=8, **turned)
    axes.set_yticks(range(len(rows)), [short(names[i], 14) for i in rows], fontsize=8)
    axes.set_xlabel("taken for", fontsize=9)
    axes.set_ylabel("true class", fontsize=9)
    bar = figure.colorbar(picture, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("% of the true class", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    if title and number > len(rows):
        title = f"{title}:\nthe {len(rows)} most confused of {number:,} classes"
    return finish(figure, title)


def _most_confused(counts, top):
    """Returns the classes of the largest errors, both sides of each, until there are enough."""
    number = len(counts)
    if top >= number:
        return np.arange(number)
    share = counts[:, :number] / np.maximum(counts.sum(1, keepdims=True), 1)
    np.fill_diagonal(share, 0)
    chosen = []
    largest = np.argsort(-share, axis=None, kind="stable")[: number * top]
    for row, column in zip(*np.unravel_index(largest, share.shape), strict=True):
        for label in (row, column):
            if label not in chosen and len(chosen) < top:
                chosen.append(int(label))
        if len(chosen) == top:
            break
    return np.array(chosen)
