"""The figures of a ranking: name, title and formula."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Judged:
    """Ranked links of Q queries, as the formulas take them.

    Attributes:
        query: ``(M,)``, the number of the query of each link, ascending from 0.
        rank: ``(M,)``, from 1, ascending within a query.
        gain: ``(M,)``.
        place: ``(M,)``, the number of the link within its query, from 1.
        relevant: ``(Q,)``, R, the number of links of each query.
    """

    query: np.ndarray
    rank: np.ndarray
    gain: np.ndarray
    place: np.ndarray
    relevant: np.ndarray

    def total(self, values):
        """Sums values of links by query: ``(Q,)``."""
        return np.bincount(self.query, values, minlength=len(self.relevant))

    @property
    def first(self):
        """``(Q,)``, the rank of the first relevant candidate."""
        return self.rank[self.place == 1]


def _recall(links, k):
    return links.total(links.rank <= k) / links.relevant


def _hit_rate(links, k):
    return (links.first <= k).astype(np.float64)


def _precision(links, k):
    return links.total(links.rank <= k) / k


def _map_at(links, k):
    found = links.total(np.where(links.rank <= k, links.place / links.rank, 0.0))
    return found / np.minimum(k, links.relevant)


def _mrr_at(links, k):
    return np.where(links.first <= k, 1.0 / links.first, 0.0)


def _ndcg(links, k):
    found = links.total(np.where(links.rank <= k, links.gain / np.log2(links.rank + 1.0), 0.0))
    best_first = np.lexsort((-links.gain, links.query))
    best = np.where(links.place <= k, links.gain[best_first] / np.log2(links.place + 1.0), 0.0)
    return found / links.total(best)


def _map(links):
    return links.total(links.place / links.rank) / links.relevant


def _mrr(links):
    return 1.0 / links.first


@dataclass(frozen=True)
class RankingFigure:
    """A figure.

    Attributes:
        title: The name for people, with ``{k}`` where the figure is at k.
        formula: Function of :class:`Judged`, and of k if the title has it, that returns ``(Q,)``.
    """

    title: str
    formula: Callable[..., np.ndarray]


FIGURES = {
    "recall_at": RankingFigure("recall@{k}", _recall),
    "hit_rate_at": RankingFigure("hit rate@{k}", _hit_rate),
    "precision_at": RankingFigure("precision@{k}", _precision),
    "map_at": RankingFigure("MAP@{k}", _map_at),
    "mrr_at": RankingFigure("MRR@{k}", _mrr_at),
    "ndcg_at": RankingFigure("nDCG@{k}", _ndcg),
    "map": RankingFigure("MAP", _map),
    "mrr": RankingFigure("MRR", _mrr),
}


def figure_names(ks: Sequence[int]) -> dict[str, str]:
    """Returns the titles of all figures by name: ``recall_at_10`` and so on."""
    found: dict[str, str] = {}
    for name, figure in FIGURES.items():
        if "{k}" in figure.title:
            found |= {f"{name}_{k}": figure.title.format(k=k) for k in ks}
        else:
            found[name] = figure.title
    return found


def figures_of_links(links: Judged, ks: Sequence[int]) -> dict[str, np.ndarray]:
    """Computes every figure of every query, by the names of :func:`figure_names`."""
    found: dict[str, np.ndarray] = {}
    for name, figure in FIGURES.items():
        if "{k}" in figure.title:
            found |= {f"{name}_{k}": figure.formula(links, k) for k in ks}
        else:
            found[name] = figure.formula(links)
    return found
