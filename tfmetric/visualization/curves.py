"""How a training went."""

from collections.abc import Mapping, Sequence

from tfmetric._errors import expected


def training_curves(history: Mapping[str, Sequence[float]], baselines=None, title=None):
    """Draws the loss and the retrieval figures of each epoch.

    Args:
        history: What ``model.fit(...).history`` holds: a list of values by name. Names that begin
            with ``val_recall_at_`` or are ``val_map_at_r`` go into the right-hand picture.
        baselines: Values by label, such as ``{"raw pixels, recall@1": 0.66}``, drawn as level
            lines beside the figures; None for none.
        title: Title of the picture.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If the history holds no loss.

    Example:

    >>> figure = training_curves({"loss": [0.3, 0.2], "val_recall_at_1": [0.7, 0.8]})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss', 'on unseen classes']
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    if not history.get("loss"):
        raise ValueError(expected('a history with values for "loss"', history=sorted(history)))
    shown = [n for n in history if n.startswith("val_recall_at_") or n == "val_map_at_r"]
    figure = Figure(figsize=(9 if shown else 5, 3.6), dpi=120, layout="constrained")
    left, *others = figure.subplots(1, 2 if shown else 1, squeeze=False)[0]
    epochs = range(1, len(history["loss"]) + 1)
    left.plot(epochs, history["loss"], marker="o", markersize=3, color="#0969da")
    left.set(xlabel="epoch", ylabel="loss")
    left.set_ylim(bottom=0)
    for right in others:
        styles = ("solid", "dashed", "dashdot", "dotted")
        for name, style in zip(shown, styles * len(shown), strict=False):
            label = "MAP@R" if name == "val_map_at_r" else name[4:].replace("_at_", "@")
            right.plot(
                range(1, len(history[name]) + 1),
                history[name],
                linestyle=style,
                marker="o",
                markersize=3,
                label=label,
            )
        for label, value in (baselines or {}).items():
            right.axhline(value, color="#57606a", linewidth=0.8, linestyle="dotted")
            right.annotate(
                f"{label} {value:.3f}",
                (0.01, value),
                xycoords=("axes fraction", "data"),
                fontsize=7,
                color="#57606a",
                va="bottom",
            )
        right.set(xlabel="epoch", ylabel="on unseen classes", ylim=(0, 1.02))
        right.legend(fontsize=8, loc="lower right")
    for axes in figure.axes:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure
