"""Draws the separation of same and different pairs: trade-off curves and distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.visualization._style import (
    BLUE,
    GREY,
    INK,
    LINES,
    SERIES,
    VERMILION,
    finish,
    new_figure,
    short,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def roc_curve(
    results: Any, title: str | None = "Right and wrong matches at every threshold"
) -> Figure:
    """Draws the share of accepted same pairs against accepted different pairs (ROC).

    The rate of false matches is on a logarithmic axis, because applications work at its left end.
    The axis is linear if that end shows little, that is if no curve accepts a quarter of the same
    pairs at a rate of at most 0.05.

    Args:
        results: A ``VerificationResult``; anything with arrays ``fmr`` and ``tmr``; a pair of
            such arrays; or a mapping from names to several of these, for one picture.
        title: Title of the picture, None for none.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If there is no curve in ``results``.

    Example:

    >>> figure = roc_curve(([0.0, 0.1, 1.0], [0.5, 0.9, 1.0]))
    >>> figure.axes[0].get_ylabel()
    'same pairs accepted, %'

    Reference: Fawcett: An introduction to ROC analysis, Pattern Recognition Letters 2006.
    """
    figure = new_figure()
    axes = figure.subplots()
    curves, floor = _named_curves(results), 0.01  # At least two decades, for their ticks.
    logarithmic = any(needs_log_axis(fmr, tmr) for fmr, tmr, _ in curves.values())
    for (name, (fmr, tmr, result)), colour, line in zip(
        curves.items(), _cycle(SERIES), _cycle(LINES), strict=False
    ):
        floor = min(floor, _least(fmr))
        label = _label(name, result, "auc", "AUC {:.4f}")
        # Steps, because a logarithmic axis cannot show FMR 0: a line from there would be level, and
        # show a collapsed embedding as perfect.
        look = {"color": colour, "linestyle": line, "drawstyle": "steps-post"}
        axes.plot(fmr, 100 * tmr, label=label, **look)
    floor = max(floor, 1e-6) if logarithmic else 0.0
    chance = np.geomspace(floor, 1, 200) if logarithmic else np.array([0.0, 1.0])
    axes.plot(chance, 100 * chance, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.annotate("chance", (0.3, 30), fontsize=8, color=GREY, ha="right")
    axes.set(xscale="log" if logarithmic else "linear", xlim=(floor, 1), ylim=(0, 101))
    axes.set_xlabel("different pairs accepted (false match rate)", fontsize=9)
    axes.set_ylabel("same pairs accepted, %", fontsize=9)
    axes.grid(alpha=0.25)
    _legend_above(axes)
    return finish(figure, title)


def needs_log_axis(fmr, tmr) -> bool:
    """Returns whether a linear axis would squeeze the steep part of a ROC curve into its left edge.

    Args:
        fmr: (T,) false match rates.
        tmr: (T,) true match rates.

    >>> needs_log_axis([0.0, 0.1, 1.0], [0.0, 0.9, 1.0])
    False
    >>> needs_log_axis([0.0, 0.001, 1.0], [0.0, 0.9, 1.0])
    True
    """
    fmr, tmr = np.asarray(fmr), np.asarray(tmr)
    return bool(((fmr > 0) & (fmr <= 0.05) & (tmr >= 0.25)).any())


def det_curve(results: Any, title: str | None = "The two errors at every threshold") -> Figure:
    """Draws missed same pairs against accepted different pairs (DET), on normal deviates.

    Nearer to the lower left corner is better. Models that a ROC curve squeezes into its corner are
    distinct here. The dot marks equal errors (EER).

    Args:
        results: As for :func:`roc_curve`.
        title: Title of the picture, None for none.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If there is no curve in ``results``.

    Example:

    >>> figure = det_curve(([0.0, 0.1, 1.0], [0.5, 0.9, 1.0]))
    >>> figure.axes[0].get_xlabel()
    'different pairs accepted (false match rate)'

    Reference: Martin and others: The DET curve in assessment of detection task performance,
    Eurospeech 1997.
    """
    figure = new_figure()
    axes = figure.subplots()
    lowest = 0.05
    for (name, (fmr, tmr, result)), colour, line in zip(
        _named_curves(results).items(), _cycle(SERIES), _cycle(LINES), strict=False
    ):
        fnmr = 1 - tmr
        inside = (fmr > 0) & (fmr < 1) & (fnmr > 0) & (fnmr < 1)
        if inside.any():
            lowest = min(lowest, fmr[inside].min(), fnmr[inside].min())
        label = _label(name, result, "eer", "EER {:.2%}")
        x, y = _deviate(fmr[inside]), _deviate(fnmr[inside])
        axes.plot(x, y, color=colour, linestyle=line, label=label)
        eer = getattr(result, "eer", None)
        if eer is not None and 0 < eer < 1:
            axes.plot(*[_deviate(np.array([eer]))] * 2, marker="o", color=colour, markersize=5)
    lowest = max(lowest, 1e-6)
    # As many as fit.
    sparse, dense = [1e-6, 1e-4, 0.01, 0.1, 0.5], [1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5]
    ticks = np.array(sparse if lowest < 5e-5 else dense)
    ticks = ticks[ticks >= lowest * 0.5]
    names = [f"{100 * tick:g} %" for tick in ticks]
    limits = _deviate(np.array([min(lowest, ticks[0]) * 0.7, 0.6]))
    axes.set_xticks(_deviate(ticks), names, fontsize=8)
    axes.set_yticks(_deviate(ticks), names, fontsize=8)
    axes.set(xlim=limits, ylim=limits)
    axes.plot(limits, limits, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set_xlabel("different pairs accepted (false match rate)", fontsize=9)
    axes.set_ylabel("same pairs missed (false non-match rate)", fontsize=9)
    axes.grid(alpha=0.25)
    _legend_above(axes)
    return finish(figure, title)


def distance_histogram(
    result: Any,
    threshold: float | None = None,
    bins: int = 60,
    title: str | None = "Distances of same and different pairs",
) -> Figure:
    """Draws the distances of same and different pairs, and a threshold.

    Both are shares of their kind, because there are far more different than same pairs.

    Args:
        result: A ``VerificationResult``; or (edges, positives, negatives), the edges of the bins
            (b + 1,) and the counts in each bin (b,).
        threshold: Distance at or below which a pair is accepted; None for the threshold of equal
            errors, if the result has it.
        bins: Number of bins, for a result to be counted.
        title: Title of the picture, None for none.

    Returns:
        A ``matplotlib.figure.Figure``.

    Example:

    >>> figure = distance_histogram(([0.0, 0.5, 1.0], [3, 1], [1, 9]), threshold=0.5)
    >>> figure.axes[0].get_ylabel()
    'share of its kind, %'
    """
    known = hasattr(result, "histogram")
    edges, positives, negatives = result.histogram(bins) if known else result
    edges = np.asarray(edges, np.float64)
    name = "threshold"
    if threshold is None and known:
        threshold, name = result.eer_threshold, "equal errors"
    figure = new_figure()
    axes = figure.subplots()
    looks = (("same", positives, BLUE, None), ("different", negatives, VERMILION, "////"))
    for kind, counts, colour, hatch in looks:
        counts = np.asarray(counts, np.float64)
        share = 100 * counts / max(counts.sum(), 1)
        label = f"{kind} ({int(counts.sum()):,} pairs)"
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(share, edges, color=colour, linewidth=1.4, label=label, hatch=hatch)
    if threshold is not None and np.isfinite(threshold):
        axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
        right = threshold < (edges[0] + edges[-1]) / 2
        axes.annotate(
            f"{name}\n{threshold:.3f}",
            (threshold, 0.98),
            xycoords=("data", "axes fraction"),
            xytext=(4 if right else -4, 0),
            textcoords="offset points",
            fontsize=8,
            va="top",
            ha="left" if right else "right",
        )
    distance = getattr(result, "distance", None)
    axes.set_xlabel(f"{distance} distance" if distance else "distance", fontsize=9)
    axes.set_ylabel("share of its kind, %", fontsize=9)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.15)
    axes.grid(alpha=0.25, axis="y")
    _legend_above(axes)
    return finish(figure, title)


def _named_curves(results):
    """Returns arrays (fmr, tmr) and their sources, by name."""
    if not isinstance(results, Mapping):
        results = {"": results}
    curves = {}
    for name, result in results.items():
        curve = result.roc() if hasattr(result, "roc") else result
        fmr, tmr = (curve.fmr, curve.tmr) if hasattr(curve, "fmr") else tuple(curve)[:2]
        fmr, tmr = np.asarray(fmr, np.float64), np.asarray(tmr, np.float64)
        if fmr.ndim != 1 or fmr.shape != tmr.shape or not fmr.size:
            raise ValueError(
                expected(
                    "false and true match rates of one shape (T,)",
                    fmr_shape=fmr.shape,
                    tmr_shape=tmr.shape,
                )
            )
        curves[name] = fmr, tmr, result
    if not curves:
        raise ValueError(expected("one result at least", results=results))
    return curves


def _deviate(rates):
    from statistics import NormalDist

    normal = NormalDist()
    return np.array([normal.inv_cdf(float(rate)) for rate in rates])


def _least(fmr):
    above = fmr[fmr > 0]
    return float(above.min()) if above.size else 1e-3


def _label(name, result, figure, form):
    value = getattr(result, figure, None)
    parts = [short(name, 40)] if name else []
    if value is not None and np.isfinite(
        value
    ):  # The rates are The rates are NaN without pairs of both kinds.
        parts.append(form.format(value))
    return ", ".join(parts) or None


def _legend_above(axes):
    """Puts the legend above the axes, because inside it would hide part of a curve."""
    names = axes.get_legend_handles_labels()[1]
    if names:
        columns = 2 if max(map(len, names)) <= 28 else 1
        axes.legend(
            fontsize=8,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=columns,
            frameon=False,
        )


def _cycle(values):
    from itertools import cycle

    return cycle(values)
