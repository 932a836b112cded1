"""The pictures of a search, beside its tables."""

from __future__ import annotations

from pathlib import Path

from tfmetric._files import replacing
from tfmetric.tuning.search.search_result import TuningResult

# The values that a search is most often about; the first of them that was searched is drawn.
_DRAWN = ("margin", "temperature", "scale", "threshold", "alpha", "gamma", "learning_rate")


def drawn(searched) -> str | None:
    """Returns the name that the objective is drawn against: the margin, or the value in its place.

    >>> drawn(["learning_rate", "margin"])
    'margin'
    """
    return next((name for name in _DRAWN if name in searched), next(iter(searched), None))


def write_pictures(result: TuningResult) -> list[Path]:
    """Draws the objective against the margin, and all searched values at once.

    Args:
        result: A search with one trial at least.

    Returns:
        The files in the directory of the search: ``NAME.png`` with the name of :func:`drawn`, and
        ``parallel_coordinates.png`` where several values were searched.
    """
    from tfmetric.visualization import objective_against, parallel_coordinates
    from tfmetric.visualization.groups import figure_title

    objective = figure_title(result.objective)
    trials, written = result.table(), []
    title = f"{result.directory.name}: {len(trials)} trials on validation data"
    name, figures = drawn(result.searched), {}
    if name:
        default = result.default and result.default.settings.resolved().loss_arguments
        figures[name] = objective_against(
            trials,
            name,
            default=(default or {}).get(name),
            title=title,
            objective=objective,
        )
    if len(result.searched) > 1:
        figures["parallel_coordinates"] = parallel_coordinates(
            trials, title=title, objective=objective
        )
    for name, figure in figures.items():
        path = result.directory / f"{name}.png"
        with replacing(path) as draft:
            figure.savefig(draft)
        written.append(path)
    return written
