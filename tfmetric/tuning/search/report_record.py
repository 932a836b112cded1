"""A search as plain values, for metrics.json and the report."""

from __future__ import annotations

from tfmetric.callbacks.collapse import ADVICE
from tfmetric.tuning.search.search_pictures import drawn
from tfmetric.tuning.search.search_result import TuningResult
from tfmetric.tuning.search.trial_tables import end_lines, judged_columns


def report_record(result: TuningResult) -> dict:
    """The entries of metrics.json that only a search has.

    Args:
        result: The search, its best setting judged on the test data.

    Returns:
        "search", the values that the report draws and says; "collapsed" and "collapse" where the
        training of the best setting looks collapsed.
    """
    default = result.default and result.default.settings.resolved().loss_arguments
    record: dict = {
        "search": {
            "objective": result.objective,
            "drawn": drawn(result.searched),
            "default": default or {},
            "trials": result.table(),
            "words": [line for line in end_lines(result) if line.endswith(".")],
            "judged": _judged(result),
            "optimism": result.optimism,
        }
    }
    if result.final is not None and result.final.sign:
        record |= {"collapsed": True, "collapse": f"{result.final.sign}. {ADVICE}"}
    return record


def _judged(result):
    """Returns a dictionary for the best and the default setting, and for each baseline."""
    if result.final is None or not result.final.classes:
        return []
    whole, drawn_classes = result.final.classes
    rows = [
        {
            "name": name,
            "validation": judgement.validation,
            "same_size": judgement.same_size if drawn_classes < whole else None,
            "test": judgement.figures.get(result.objective),
            "interval": judgement.interval,
            "classes": drawn_classes,
            "all_classes": whole,
        }
        for name, judgement in judged_columns(result)
    ]
    rows += [{"name": name, "test": value} for name, value in result.final.baselines.items()]
    return rows
