"""Draws the curves of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfmetric._errors import expected
from tfmetric.evaluation.retrieval.figures import figure_title, find_figure
from tfmetric.visualization._style import GREY, LINES, MARKS, SERIES, new_figure, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Names of the metrics of training batches in a history, and their titles.
_DISTANCES = {
    "mean_positive_distance": "mean distance, same class",
    "mean_negative_distance": "mean distance, other classes",
    "distance_gap": "gap between them",
    "hardest_positive": "furthest of its class",
    "hardest_negative": "nearest of another",
}
_SHARES = {
    "batch_recall_at_1": "recall@1 in the batch",
    "active_triplet_fraction": "active share of the triplets",
    "active_fraction": "active share of the hardest triplets",
}
_LENGTHS = {"embedding_norm": "mean length"}
_LABEL_HEIGHT = 0.06  # Height of a label of 7 points, on an axis from 0 to 1.


def training_curves(
    history: Mapping[str, Sequence[float]],
    baselines: Any = None,
    title: str | None = None,
    columns: int | None = None,
    *,
    closed_set: bool = False,
) -> Figure:
    """Draws the loss, the retrieval figures and the mining statistics of each epoch.

    There is a plot for the loss, and one for each further group in the history: figures of
    :class:`tfmetric.callbacks.RetrievalEvaluation` on unseen and on known classes, mean distances,
    shares such as the active fraction, and lengths (:mod:`tfmetric.metrics`). A share of active
    triplets near 0 means that mining finds no hard triplets any more; a gap near 0 means that the
    embedding has collapsed.

    Args:
        history: The dictionary ``model.fit(...).history``: a list of values by name. Recall@k,
            MAP@R and figures registered as ``drawn`` go into the retrieval picture where their
            names begin with ``val_`` or ``known_``.
        baselines: Values by label, such as ``{"raw pixels, recall@1": 0.66}``, drawn as level
            lines beside the retrieval figures; None for none.
        title: Title of the picture.
        columns: Plots in a row; None for as many as are readable, 1 for a narrow page.
        closed_set: Whether ``val_`` figures are of new examples of the classes that are trained
            on, not of unseen classes.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If the history holds no loss.

    Example:

    >>> figure = training_curves({"loss": [0.3, 0.2], "val_recall_at_1": [0.7, 0.8]})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss', 'on unseen classes']
    """
    from matplotlib.ticker import MaxNLocator

    if not history.get("loss"):
        raise ValueError(expected('a history with values for "loss"', history=sorted(history)))
    retrieval = [name for name in history if _is_drawn(name)]
    known = any(n.startswith("known_") for n in retrieval)
    if closed_set:
        trained, judged = "training examples", "on new examples of its classes"
    else:
        trained, judged = "known classes", "on unseen classes"
        judged = "on known and on unseen classes" if known else judged
    losses = {"loss": "training"}
    if history.get("val_loss"):
        losses["val_loss"] = "validation"
    panels: list[tuple[str, dict[str, str], tuple[float, float] | None]] = [("loss", losses, None)]
    if retrieval:
        panels.append((judged, {n: _figure_name(n, trained) for n in retrieval}, (0, 1.02)))
    for label, names, limits in (
        ("distance", _DISTANCES, None),
        ("share in training batches", _SHARES, (0, 1.02)),
        ("length of an embedding", _LENGTHS, None),
    ):
        held = {name: text for name, text in names.items() if history.get(name)}
        if held:
            panels.append((label, held, limits))
    columns = min(columns or (3 if len(panels) == 3 else 2), len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(4.5 * columns if columns > 1 else 5, 3.6 * rows - 0.4 * (rows > 1))
    grid = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for axes in grid[len(panels) :]:
        axes.remove()
    for axes, (label, names, bounds) in zip(grid, panels, strict=False):
        for place, (name, text) in enumerate(names.items()):
            axes.plot(
                range(1, len(history[name]) + 1),
                history[name],
                linestyle=LINES[place % len(LINES)],
                marker=MARKS[place % len(MARKS)],
                markersize=3.5,
                color=SERIES[place % len(SERIES)],
                label=text,
            )
        axes.set(xlabel="epoch", ylabel=label)
        if bounds:
            axes.set_ylim(*bounds)
        elif label in ("loss", "length of an embedding"):
            axes.set_ylim(bottom=0)
        if label == judged:
            _baselines(axes, baselines or {})
        if len(names) > 1 or label != "loss":
            # Above the axes, because inside it would hide part of a curve.
            axes.legend(
                fontsize=7.5, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False
            )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.25)
    if title:
        figure.suptitle(printable(title), fontsize=11, parse_math=False)
    return figure


def _baselines(axes, baselines):
    above = float("inf")
    for label, value in sorted(baselines.items(), key=lambda item: -item[1]):
        axes.axhline(value, color=GREY, linewidth=0.8, linestyle="dotted")
        axes.annotate(
            f"{label} {value:.3f}",
            (0.01, value),
            xycoords=("axes fraction", "data"),
            fontsize=7,
            color=GREY,
            # Raw and untrained are often close, so one label is above the lines and one below.
            va="top" if above - value < _LABEL_HEIGHT else "bottom",
        )
        above = value


def _is_drawn(name):
    """Returns whether a retrieval figure on unseen or known classes is drawn."""
    start, _, figure = name.partition("_")
    found = find_figure(figure) if start in ("val", "known") else None
    return found is not None and found[0].drawn


def _figure_name(name, trained):
    start, _, figure = name.partition("_")
    title = figure_title(figure)
    return f"{title}, {trained}" if start == "known" else title
