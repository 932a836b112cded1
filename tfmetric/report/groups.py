"""The section on groups: does it work as well for everyone?"""

import numpy as np

from tfmetric.report.html import Html, table, tag
from tfmetric.report.pictures import chart
from tfmetric.visualization import group_gaps
from tfmetric.visualization.groups import figure_title

_SHARED_FMR = 0.01


def group_section(run) -> Html:
    """The main figure by group, and the gap."""
    kept = run.evidence
    found = run.retrieval
    table_of = found.by_group(kept.groups)
    rows = [
        (
            str(row.group),
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
            f"Best: {table_of.best}. Worst: {table_of.worst}. The gap is {table_of.gap:.4f} "
            f"({low:.4f} to {high:.4f}). These two were picked for being furthest apart, so the "
            "interval leans towards a gap: one that holds 0 is no evidence of any."
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
    """Both error rates of each group, at one threshold for all."""
    groups = run.evidence.groups[run.verified]
    if len(np.unique(groups)) < 2:
        return ""
    found = run.verification.fairness(groups, fmr=_SHARED_FMR, repeats=100)
    fmr, fnmr = found.tables["fmr"], found.tables["fnmr"]
    others = {row.group: row for row in fnmr.rows}
    rows = [
        (
            str(row.group),
            f"{row.count:,}" + (" (too few)" if row.small else ""),
            _percent(row),
            _percent(others[row.group]),
        )
        for row in fmr.rows
        if row.group in others
    ]
    words = (
        f"One threshold for all, {found.threshold:.4f}, accepts {100 * found.overall_fmr:.3g} % of "
        "all different pairs. Within each group, where both examples are of it, it does this:"
    )
    head = ("group", "examples", "different accepted", "same missed")
    title = "Error rates by group at one threshold, with 95 % intervals"
    return (
        tag("h3", "One threshold for all groups")
        + tag("p", words)
        + table(title, head, rows, numeric=(1, 2, 3))
    )


def _percent(row):
    if not np.isfinite(row.value):
        return "no pairs"
    return f"{100 * row.value:.2f} % ({100 * row.interval[0]:.2f} to {100 * row.interval[1]:.2f})"
