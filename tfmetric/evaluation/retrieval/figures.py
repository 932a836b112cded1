"""The table of retrieval figures: name, title and formula. All displays read it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.retrieval import formulas

# The rank of an example beyond the searched depth.
BEYOND = int(np.iinfo(np.int64).max)
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_AT_K = re.compile(r"(\w+)_at_([1-9][0-9]*)")


@dataclass(frozen=True)
class RetrievalFigure:
    """One retrieval figure: its names and its formula.

    Attributes:
        name: The name in results and logs. A figure at k appears as ``<name>_at_<k>``.
        title: The name for people, with ``{k}`` where the figure needs k: ``"recall@{k}"``.
        formula: The function; see :func:`register_figure`.
        needs_k: Whether the figure uses the first k neighbors.
        meaning: Meaning of the value in a few words, with ``{k}`` if the figure needs k.
        at_1: Name of the figure with the same value at k = 1, or None. Summaries show the two once.
        logged: Whether callbacks log the figure by default.
        drawn: Whether training curves show the figure.
    """

    name: str
    title: str
    formula: Callable[..., np.ndarray]
    needs_k: bool
    meaning: str
    at_1: str | None = None
    logged: bool = True
    drawn: bool = True


_FIGURES: dict[str, RetrievalFigure] = {}


def register_figure(
    name: str,
    title: str,
    formula: Callable[..., np.ndarray],
    *,
    needs_k: bool = False,
    meaning: str = "",
    at_1: str | None = None,
    logged: bool = True,
    drawn: bool = True,
) -> RetrievalFigure:
    """Registers your own retrieval figure.

    It then appears in every :class:`RetrievalResult`: in ``figures()``, ``summary()`` and
    ``to_dict()`` with its interval, in ``evaluate``, in the logs of
    :class:`tfmetric.callbacks.RetrievalEvaluation`, as the objective of a search, in training
    curves, and on the report page. Register it where your program starts, before data is evaluated.

    Args:
        name: Small letters, digits and underscores, such as ``"success"``.
        title: The name for people, such as ``"success@{k}"``.
        formula: ``formula(ranks, relevant)``, or ``formula(ranks, relevant, k)`` where ``needs_k``.
            ``ranks`` (B, S), int64, are the ranks of the S nearest relevant examples of B queries,
            in order, from 1. Ranks up to max(R, k), and the first of each row, are exact; others
            may be a very large number. ``relevant`` (B,) is R, the number of relevant examples of
            each query. The function returns (B,) values, larger is better; the figure is their mean
            over all queries. Queries come in blocks, so each row must be computed separately.
        needs_k: Whether the figure is computed for each k of ``ks``.
        meaning: Meaning of the value, for reports.
        at_1: Name of the figure with the same value at k = 1; summaries show the two once.
        logged: Whether callbacks log the figure by default.
        drawn: Whether training curves show the figure.

    Returns:
        The :class:`RetrievalFigure`.

    Raises:
        ValueError: If the name is taken or malformed, or the title does not fit ``needs_k``.

    Example:

    >>> import tfmetric as tm
    >>> figure = register_figure(
    ...     "perfect", "perfect order", lambda ranks, relevant: (ranks <= relevant[:, None]).sum(1)
    ...     == relevant, meaning="share of queries whose whole class comes first")
    >>> tm.evaluation.retrieval([[0.0], [0.1], [1.0], [1.4]], [0, 0, 1, 1]).figures()["perfect"]
    1.0
    >>> unregister_figure("perfect")
    """
    if not (isinstance(name, str) and _NAME.fullmatch(name)) or _AT_K.fullmatch(name):
        raise ValueError(
            expected("a name of small letters, digits and underscores, without _at_<k>", name=name)
        )
    if name in _FIGURES:
        raise ValueError(
            expected(f"a name that is not taken (taken: {', '.join(_FIGURES)})", name=name)
        )
    if ("{k}" in title) != needs_k:
        raise ValueError(
            expected("a title with {k} where needs_k, and only there", title=title, needs_k=needs_k)
        )
    if at_1 is not None and not (needs_k and at_1 in _FIGURES and _FIGURES[at_1].needs_k):
        raise ValueError(expected("at_1 to be a figure at k, of a figure at k", at_1=at_1))
    figure = RetrievalFigure(name, title, formula, needs_k, meaning, at_1, logged, drawn)
    _FIGURES[name] = figure
    return figure


def unregister_figure(name: str) -> None:
    """Removes a figure from the table, such as a test's figure.

    Args:
        name: A name that :func:`register_figure` was given.

    Raises:
        ValueError: If the figure is unknown.
    """
    if name not in _FIGURES:
        raise ValueError(expected(f"one of {', '.join(_FIGURES)}", name=name))
    del _FIGURES[name]


def retrieval_figures() -> tuple[RetrievalFigure, ...]:
    """Lists all figures.

    Returns:
        The built-in ones and those of :func:`register_figure`, in the order of the results:
        figures at k first.

    Example:

    >>> [figure.name for figure in retrieval_figures()][:4]
    ['recall', 'precision', 'map', 'ndcg']
    """
    return tuple(sorted(_FIGURES.values(), key=lambda figure: not figure.needs_k))


def figure_names(ks: Sequence[int | str]) -> list[str]:
    """Returns the names of all figures for these k: ``recall_at_1``, ..., ``map_at_r``, ``mrr``."""
    names = []
    for figure in retrieval_figures():
        names += [f"{figure.name}_at_{k}" for k in ks] if figure.needs_k else [figure.name]
    return names


def find_figure(name: str) -> tuple[RetrievalFigure, int | None] | None:
    """Returns the figure and the k of a name from :func:`figure_names`, or None."""
    if name in _FIGURES and not _FIGURES[name].needs_k:
        return _FIGURES[name], None
    at_k = _AT_K.fullmatch(name)
    if at_k and at_k[1] in _FIGURES and _FIGURES[at_k[1]].needs_k:
        return _FIGURES[at_k[1]], int(at_k[2])
    return None


def figure_title(name: str) -> str:
    """Title of a figure: ``recall@5`` for ``recall_at_5``; an unknown name unchanged."""
    found = find_figure(name)
    return found[0].title.format(k=found[1]) if found else name


def figure_meaning(name: str) -> str:
    """Returns the meaning of a figure in words; "" if the figure is unknown or has none."""
    found = find_figure(name)
    return found[0].meaning.format(k=found[1]) if found else ""


def is_repeated(name: str) -> bool:
    """Returns whether another figure has the same value by definition, as precision@1 and recall@1.

    Summaries and reports omit such a figure, so that no number appears twice.
    """
    found = find_figure(name)
    return found is not None and found[1] == 1 and found[0].at_1 is not None


def figures_of_ranks(ranks: np.ndarray, relevant: np.ndarray, ks) -> dict[str, np.ndarray]:
    """Computes every figure for a block of queries.

    Args:
        ranks: (B, S), int64, the ranks of the relevant examples in order; ``BEYOND`` fills rows
            with fewer. Exact up to the largest k and R.
        relevant: (B,), R, at least 1.
        ks: The k.

    Returns:
        Values (B,), float64, by the names of :func:`figure_names`.
    """
    found = {}
    for figure in retrieval_figures():
        for k in ks if figure.needs_k else (None,):
            arguments = (ranks, relevant) if k is None else (ranks, relevant, k)
            name = figure.name if k is None else f"{figure.name}_at_{k}"
            found[name] = _checked(figure.formula(*arguments), name, len(relevant))
    return found


def _checked(values, name, count):
    values = np.asarray(values)
    if values.shape != (count,) or values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise ValueError(
            expected(
                f"the formula of {name} to return ({count},) finite numbers, one for each query",
                shape=values.shape,
                dtype=str(values.dtype),
            )
        )
    return values.astype(np.float64)


register_figure(
    "recall",
    "recall@{k}",
    formulas.recall,
    needs_k=True,
    meaning="share of queries with a hit among the first {k}",
)
register_figure(
    "precision",
    "precision@{k}",
    formulas.precision,
    needs_k=True,
    meaning="share of hits among the first {k}",
    at_1="recall",
    drawn=False,
)
register_figure(
    "map",
    "MAP@{k}",
    formulas.map,
    needs_k=True,
    meaning="average precision among the first {k}",
    at_1="recall",
    logged=False,
    drawn=False,
)
register_figure(
    "ndcg",
    "nDCG@{k}",
    formulas.ndcg,
    needs_k=True,
    meaning="hits among the first {k}, earlier ones counting more, over the best possible",
    at_1="recall",
    logged=False,
    drawn=False,
)
register_figure(
    "r_precision",
    "R-precision",
    formulas.r_precision,
    meaning="share of hits among the first R, of R examples to be found",
    drawn=False,
)
register_figure(
    "map_at_r",
    "MAP@R",
    formulas.map_at_r,
    meaning="R-precision that sees the order: 1 if all of the class come first",
)
register_figure(
    "mrr", "MRR", formulas.mrr, meaning="mean of 1 / rank of the first hit", drawn=False
)
