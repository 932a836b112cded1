"""The result of a ranking: figures, their intervals, and the catalogue that is recommended."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.ranking.figures import Judged, figure_names, figures_of_links
from tfmetric.evaluation.ranking.link_ranks import LinkRanks
from tfmetric.evaluation.ranking.popularity import Popularity
from tfmetric.evaluation.ranking.relevance import read_candidates
from tfmetric.evaluation.statistics.class_bootstrap import bootstrap_intervals
from tfmetric.evaluation.statistics.group_table import GroupTable, group_table
from tfmetric.typing import Array
from tfmetric.values import plain


@dataclass(frozen=True, eq=False)
class RankingResult:
    """Figures of a ranking: means over the queries, with the value of each query.

    Attributes:
        ks: The k of the figures at k.
        scored_by: The distance, or "scores".
        num_candidates: Size of the catalogue.
        num_examples: Number of queries, those without a relevant candidate included.
        num_excluded: Number of excluded links.
        links: ``(M, 2)``, relevant links, in the order of the queries and then of the ranks.
        gains: ``(M,)``, the gain of each.
        ranks: ``(M,)``, the rank of each in the whole catalogue, from 1.
        recommended: ``(K, N)``: for each k of ``ks``, the number of queries that have the candidate
            among their first k.
        popularity: ``(N,)``, training links of each candidate, or None.
    """

    ks: tuple[int, ...]
    scored_by: str
    num_candidates: int
    num_examples: int
    num_excluded: int
    links: np.ndarray
    gains: np.ndarray
    ranks: np.ndarray
    recommended: np.ndarray
    popularity: np.ndarray | None = None

    @classmethod
    def of(cls, found: LinkRanks, **attributes: Any) -> "RankingResult":
        """Makes the result of ranked links; their arrays become read-only."""
        for array in vars(found).values():
            array.setflags(write=False)
        return cls(**vars(found), **attributes)

    @cached_property
    def query(self) -> np.ndarray:
        """``(Q,)``, the places of the judged queries, those with a relevant candidate."""
        return np.unique(self.links[:, 0])

    @property
    def num_queries(self) -> int:
        """Number of judged queries."""
        return len(self.query)

    @property
    def num_left_out(self) -> int:
        """Number of queries without a relevant candidate, which no figure counts."""
        return self.num_examples - self.num_queries

    @cached_property
    def _figures(self):
        _, starts, inverse, sizes = np.unique(
            self.links[:, 0], return_index=True, return_inverse=True, return_counts=True
        )
        place = np.arange(len(self.links)) - starts[inverse] + 1
        return figures_of_links(Judged(inverse, self.ranks, self.gains, place, sizes), self.ks)

    def figures(self) -> dict[str, float]:
        """Returns all figures by name: ``recall_at_10``, ..., ``mrr``; NaN without queries."""
        return {name: _mean(values) for name, values in self._figures.items()}

    def values(self, figure: str = "map") -> np.ndarray:
        """Returns a figure's value of each judged query, in the order of ``query``.

        Args:
            figure: One of :meth:`figures`.
        """
        if figure not in self._figures:
            names = ", ".join(self._figures)
            raise ValueError(expected(f"figure to be one of {names}", figure=figure))
        return self._figures[figure]

    @property
    def recall_at(self) -> dict[int, float]:
        """For each k, the mean share of a query's relevant candidates among the first k."""
        return self._at("recall")

    @property
    def hit_rate_at(self) -> dict[int, float]:
        """For each k, the share of queries with a relevant candidate among the first k."""
        return self._at("hit_rate")

    @property
    def precision_at(self) -> dict[int, float]:
        """For each k, the mean of relevant candidates among the first k, over k."""
        return self._at("precision")

    @property
    def map_at(self) -> dict[int, float]:
        """For each k, the mean of (1/min(k,R)) Σ_{i≤k} P(i)·rel(i) (MAP@k)."""
        return self._at("map")

    @property
    def mrr_at(self) -> dict[int, float]:
        """For each k, the mean of 1 / rank of the first relevant candidate, 0 beyond k (MRR@k)."""
        return self._at("mrr")

    @property
    def ndcg_at(self) -> dict[int, float]:
        """For each k, the mean of the discounted gain of the first k, over the best (nDCG@k)."""
        return self._at("ndcg")

    @property
    def map(self) -> float:
        """Mean of (1/R) Σ_i P(i)·rel(i) over the whole catalogue (MAP)."""
        return _mean(self.values("map"))

    @property
    def mrr(self) -> float:
        """Mean of 1 / rank of the first relevant candidate (MRR)."""
        return _mean(self.values("mrr"))

    @property
    def coverage_at(self) -> dict[int, float]:
        """For each k, the share of the catalogue that is among the first k of some query."""
        shown = (self.recommended > 0).sum(axis=1)
        return {
            k: int(n) / max(self.num_candidates, 1) for k, n in zip(self.ks, shown, strict=True)
        }

    def _at(self, name):
        return {k: _mean(self.values(f"{name}_at_{k}")) for k in self.ks}

    @cached_property
    def _intervals(self):
        figures = self._figures
        values = np.stack(list(figures.values()), axis=1)
        low, high = bootstrap_intervals(values, np.arange(len(values)))
        return dict(zip(figures, zip(low.tolist(), high.tolist(), strict=True), strict=True))

    def interval(self, figure: str = "map") -> tuple[float, float]:
        """Returns the 95 % interval of a figure for other queries like these.

        Args:
            figure: One of :meth:`figures`.

        Returns:
            Lower and upper end: 1000 bootstrap draws of queries. NaN without queries.
        """
        self.values(figure)  # This call raises the error that names the figures.
        return self._intervals[figure]

    def difference(self, other: "RankingResult", figure: str = "map") -> tuple[float, float, float]:
        """Compares a figure with that of another ranking of the same queries, query by query.

        Args:
            other: Another result, such as that of a baseline, on the same relevant links.
            figure: One of :meth:`figures`.

        Returns:
            The difference, and the lower and upper end of its paired 95 % bootstrap interval.

        Raises:
            ValueError: If the other result is of other queries.
        """
        if not np.array_equal(self.query, other.query):
            raise ValueError(
                expected(
                    "two rankings of the same queries",
                    num_queries=self.num_queries,
                    other_num_queries=other.num_queries,
                )
            )
        differences = self.values(figure) - other.values(figure)
        low, high = bootstrap_intervals(differences[:, None], np.arange(len(differences)))
        return _mean(differences), float(low[0]), float(high[0])

    def by_group(self, groups: Array | None, figure: str = "map", **arguments: Any) -> GroupTable:
        """Returns a figure by groups of the queries, and the gap between the best and the worst.

        Args:
            groups: ``(num_examples,)``, integers or strings, the group of each query.
            figure: One of :meth:`figures`.
            **arguments: Arguments of :func:`tfmetric.evaluation.group_table`, such as ``small``.
        """
        groups = np.asarray(groups)
        if groups.shape[:1] != (self.num_examples,):
            raise ValueError(
                expected(
                    f"groups of shape ({self.num_examples},), one for each query",
                    groups_shape=groups.shape,
                )
            )
        values = self.values(figure)
        return group_table(figure, values, groups[self.query], np.arange(len(values)), **arguments)

    def worst(self, n: int = 10, figure: str = "map") -> np.ndarray:
        """Returns the queries with the lowest values, worst first.

        Args:
            n: The number of queries.
            figure: One of :meth:`figures`. At equal values a query is worse if its first relevant
                candidate comes later.
        """
        order = np.lexsort((self.values("mrr"), self.values(figure)))
        return self.query[order[: max(0, n)]]

    def among(self, candidates: Any) -> "RankingResult":
        """Judges only the links to some candidates; ranks stay those in the whole catalogue.

        Args:
            candidates: Places of candidates, or a boolean mask ``(N,)``.
        """
        chosen = read_candidates(candidates, self.num_candidates)
        kept = chosen[self.links[:, 1]]
        return replace(self, links=self.links[kept], gains=self.gains[kept], ranks=self.ranks[kept])

    @property
    def cold(self) -> "RankingResult | None":
        """The result on cold candidates alone, those without a training link; None if unknown."""
        return None if self.popularity is None else self.among(self.popularity == 0)

    def by_popularity(self, k: int | None = None, parts: int = 10) -> Popularity:
        """Says how popular the candidates are that stand among the first k.

        Args:
            k: One of ``ks``; the smallest of at least 10 by default, else the largest.
            parts: Number of parts of the catalogue, equally large, the most popular first.

        Raises:
            ValueError: If the ranking was not given ``popularity``, or k is not among ``ks``.
        """
        if self.popularity is None:
            raise ValueError(
                expected(
                    "a ranking with popularity=, the training links of each candidate",
                    popularity=None,
                )
            )
        if k is None:
            k = min([k for k in self.ks if k >= 10], default=max(self.ks))
        if k not in self.ks:
            raise ValueError(expected(f"k to be one of {self.ks}", k=k))
        return Popularity.of(
            self.popularity, self.recommended[self.ks.index(k)], self.links[:, 1], k, parts
        )

    def summary(self) -> str:
        """Returns the figures as a few lines of text."""
        lines = [
            f"Ranking: {self.num_queries:,} queries against all {self.num_candidates:,} candidates,"
            f" {self.scored_by}, {self.num_excluded:,} links excluded, {self.num_left_out:,}"
            " queries left out (nothing relevant)"
        ]
        figures, titles = self.figures(), figure_names(self.ks)
        width = 2 + max(map(len, titles.values()))
        for name, value in figures.items():
            low, high = self.interval(name)
            lines.append(
                f"  {titles[name]:<{width}}{value:.4f}  (95 % interval {low:.4f} to {high:.4f})"
            )
        lines.append("  Intervals: bootstrap over queries.")
        shares = ", ".join(f"{share:.1%} at {k}" for k, share in self.coverage_at.items())
        lines.append(f"  Coverage of the catalogue: {shares}")
        if self.cold is not None:
            lines += [f"  {line}" for line in (self._about_cold(), *self.by_popularity().lines())]
        return "\n".join(lines)

    def _about_cold(self):
        cold, k = self.cold, max(self.ks)
        if not cold.num_queries:
            return "No relevant candidate is cold (without a training link)."
        low, high = cold.interval(f"recall_at_{k}")
        return (
            f"Cold candidates (without a training link): {len(cold.links):,} of"
            f" {len(self.links):,} relevant links, recall@{k} {cold.recall_at[k]:.4f}"
            f" ({low:.4f} to {high:.4f})"
        )

    def to_dict(self) -> dict:
        """Returns figures, counts and intervals as plain Python values; NaN becomes None."""
        cold = self.cold
        return {
            "scored_by": self.scored_by,
            "num_queries": self.num_queries,
            "num_left_out": self.num_left_out,
            "num_candidates": self.num_candidates,
            "num_links": len(self.links),
            "num_excluded": self.num_excluded,
            **plain(self.figures()),
            "intervals": plain(self._intervals),
            "coverage_at": {str(k): share for k, share in plain(self.coverage_at).items()},
            "by_popularity": cold and self.by_popularity().to_dict(),
            "cold": cold
            and {
                "num_queries": cold.num_queries,
                "num_links": len(cold.links),
                **plain(cold.figures()),
                "intervals": plain(cold._intervals),
            },
        }

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def _mean(values):
    return float(np.mean(values)) if len(values) else float("nan")
