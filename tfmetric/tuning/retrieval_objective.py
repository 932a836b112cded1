"""The figure that a search maximises: retrieval on data that is not trained on."""

from __future__ import annotations

from tfmetric._errors import expected
from tfmetric.evaluation.retrieval.figures import figure_names, find_figure


def check_objective(objective) -> str:
    """Returns the name of the figure in :meth:`tfmetric.evaluation.RetrievalResult.figures`.

    Args:
        objective: The name, with or without ``"val_"``, or a ``keras_tuner.Objective`` of it.

    Raises:
        ValueError: If the objective is a loss, is to be minimised, or is no retrieval figure.

    >>> check_objective("val_map_at_r")
    'map_at_r'
    """
    name = getattr(objective, "name", objective)
    if isinstance(name, str) and name.removeprefix("val_") == "loss":
        raise ValueError(
            expected(
                "a retrieval figure as the objective, such as 'map_at_r': a loss is measured in "
                "margins (a small margin has a small loss, whatever is learned), and that of one "
                "loss says nothing beside another's",
                objective=name,
            )
        )
    figure = name.removeprefix("val_") if isinstance(name, str) else ""
    if find_figure(figure) is None or getattr(objective, "direction", "max") != "max":
        raise ValueError(
            expected(
                f"a retrieval figure to maximise: one of {', '.join(figure_names(('<k>',)))}, "
                "such as 'recall_at_1'",
                objective=str(objective),
            )
        )
    return figure


def ks_for(figure: str) -> tuple[int, ...]:
    """Returns the k that an evaluation needs for a figure."""
    found = find_figure(figure)
    return (found[1],) if found and found[1] else (1,)
