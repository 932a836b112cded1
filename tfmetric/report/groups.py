"""The section on groups: compares the figures of groups of examples."""

import numpy as np

from tfmetric.report.html import Html, join, shortened, table, tag
from tfmetric.report.pictures import chart
from tfmetric.visualization import group_gaps
from tfmetric.visualization.groups import figure_title

_SHARED_FMR, _SMALL = 0.01, 30
_RATES = {"fmr": "different accepted", "fnmr": "same missed"}


def group_section(run) -> Html:
    """Shows the main figure by group, and the gap."""
    kept = run.judged
    found = run.retrieval
    table_of = found.by_group(kept.groups)
    rows = [
        (
            shortened(row.group),
            f"{row.count:,}" + (" (too few)" if row.small else ""),
            f"{row.value:.4f}",
            f"{row.interval[0]:.4f} to {row.interval[1]:.4f}",
        )
        for row in table_of.rows
    ]
    figure = figure_title(table_of.figure)
    if table_of.best is None:
        words = "Fewer than two groups are large enough to be compared."
    else:
        low, high = table_of.gap_interval
        words = (
            f"Best: {shortened(table_of.best)}. Worst: {shortened(table_of.worst)}. "
            f"The gap is {table_of.gap:.4f} ({low:.4f} to {high:.4f}). These two "
            "were picked for being furthest apart, which biases the interval towards a gap. An "
            "interval that contains 0 is no evidence of a gap."
        )
    return Html(
        tag("p", words)
        + tag("div", chart(group_gaps(table_of), f"{figure} by group. {words}"), class_="charts")
        + table(
            f"{figure} by group", ("group", "queries", "value", "interval"), rows, numeric=(1, 2, 3)
        )
        + _error_rates(run)
    )


def _error_rates(run):
    """Shows both error rates of each group at one shared threshold."""
    groups = run.judged.groups[run.verified]
    if len(np.unique(groups)) < 2:
        return ""
    threshold = run.verification.threshold_at_fmr(_SHARED_FMR)
    if not np.isfinite(threshold):  # Too few different pairs.
        threshold = run.verification.eer_threshold
    if not np.isfinite(threshold):
        return ""
    found = run.verification.fairness(groups, threshold, repeats=100, small=_SMALL)
    # A group may have no two examples of any class: a typeface has each letter once.
    rates = {
        title: {row.group: row for row in found.tables[name].rows}
        for name, title in _RATES.items()
        if any(np.isfinite(row.value) for row in found.tables[name].rows)
    }
    rows = []
    for row in found.tables["fmr"].rows:
        # Error rates may be incomparable for other reasons than the number of examples.
        few = " (too few)" if row.count < _SMALL else ""
        cells = (_percent(of_group[row.group]) for of_group in rates.values())
        rows.append((shortened(row.group), f"{row.count:,}{few}", *cells))
    words = (
        f"One threshold for all, {found.threshold:.4f}, accepts {100 * found.overall_fmr:.3g} % of "
        "all different pairs. Its error rates on pairs within each group:"
    )
    for title in _RATES.values():
        if title not in rates:
            words += f" (No group has pairs to tell “{title}” by.)"
    head = ("group", "examples", *rates)
    title = "Error rates by group at one threshold, with 95 % intervals"
    return (
        tag("h3", "One threshold for all groups")
        + tag("p", words)
        + table(title, head, rows, numeric=(1, 2, 3))
        + join([_differential(found, name) for name in _RATES])
    )


def _differential(found, name):
    """Describes the difference of a rate between groups; nothing if it is unknown."""
    of_rate = found.differentials[name]
    if of_rate.highest is None or not np.isfinite(of_rate.ratio):
        return None
    low, high = of_rate.ratio_interval
    within = f" ({low:.2f} to {high:.2f})" if np.isfinite([low, high]).all() else ""
    return tag(
        "p",
        f"{_RATES[name].capitalize()}: {shortened(of_rate.highest)} has {of_rate.ratio:.2f} "
        f"times{within} the rate of {shortened(of_rate.lowest)}, and {of_rate.over_mean:.2f} times "
        "the geometric mean of the groups. The two were picked for being furthest apart.",
    )


def _percent(row):
    if not np.isfinite(row.value):
        return "no pairs"
    return f"{100 * row.value:.2f} % ({100 * row.interval[0]:.2f} to {100 * row.interval[1]:.2f})"
