"""Draws a sheet of samples of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.visualization._style import GREY, INK, short, show_example
from tfmetric.visualization.thumbnails import cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In inches, so that cells have a fixed size.
_CELL, _GAP, _EDGE = 0.8, 0.08, 0.12
_LETTERS, _LETTER, _TITLE_LETTER = 20, 0.066, 0.085


def sample_sheet(examples: Any, names: Any, title: str | None = None) -> Figure:
    """Draws a row for each class: its name, then some of its examples.

    Look at it before the first training: it shows mixed-up labels, empty or damaged pictures, and
    the similarity of the classes.

    Args:
        examples: For each class its examples (n, ...), n may differ: images (H, W, 1 or 3) with
            values 0..255, or vectors, which are drawn as lines, all on one scale.
        names: The name of each class.
        title: Title of the picture.

    Returns:
        A ``matplotlib.figure.Figure``; ``figure.savefig("sheet.png")`` writes it.

    Raises:
        ValueError: If there is no example, or not a name for each class.

    Example:

    >>> import numpy as np
    >>> figure = sample_sheet([np.zeros((3, 8, 8, 1)), np.zeros((2, 8, 8, 1))], ["a", "b"])
    >>> len(figure.axes)
    5
    """
    from matplotlib.figure import Figure

    examples, names = [cells(rows) for rows in examples], list(names)
    if len(examples) != len(names):
        raise ValueError(expected("a name for each class", classes=len(examples), names=len(names)))
    if not any(len(rows) for rows in examples):
        raise ValueError(expected("at least one example", classes=len(examples)))
    limits = _limits(examples)
    names = [short(name, _LETTERS) for name in names]
    first = _EDGE + _LETTER * max(map(len, names)) + 0.12
    columns = max(len(rows) for rows in examples)
    head = 0.36 if title else _EDGE
    width = first + columns * (_CELL + _GAP) + _EDGE
    height = head + len(names) * (_CELL + _GAP) + _EDGE
    figure = Figure(figsize=(width, height), dpi=120)
    if title:
        place: dict[str, Any] = {"ha": "left", "va": "top", "fontsize": 10}
        text = short(title, int((width - 2 * _EDGE) / _TITLE_LETTER))
        figure.text(_EDGE / width, 1 - 0.1 / height, text, **place, parse_math=False)
    for row, (rows, name) in enumerate(zip(examples, names, strict=True)):
        top = height - head - row * (_CELL + _GAP)
        figure.text(
            (first - 0.08) / width,
            (top - _CELL / 2) / height,
            name,
            ha="right",
            va="center",
            fontsize=8,
            color=INK,
            parse_math=False,
        )
        for column, example in enumerate(rows):
            left = first + column * (_CELL + _GAP)
            box = (left / width, (top - _CELL) / height, _CELL / width, _CELL / height)
            axes = figure.add_axes(box)
            show_example(axes, example)
            if limits is not None:
                axes.set_ylim(*limits)
            for spine in axes.spines.values():
                spine.set(color=GREY, linewidth=0.5)
    return figure


def _limits(examples):
    """Returns the common scale of all vectors; None for images, texts and thumbnails."""
    if examples[0].ndim != 2 or examples[0].dtype.kind not in "fiub":
        return None
    values = np.concatenate([rows.ravel() for rows in examples])
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room
