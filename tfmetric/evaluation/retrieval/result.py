"""The result of retrieval: figures, their intervals, and the value of each query."""

import json
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.retrieval.figures import figure_title, is_repeated
from tfmetric.evaluation.retrieval.ranks import Ranks
from tfmetric.evaluation.statistics.class_bootstrap import bootstrap_intervals
from tfmetric.evaluation.statistics.group_table import GroupTable, group_table
from tfmetric.typing import Array
from tfmetric.values import plain


@dataclass(frozen=True, eq=False)
class RetrievalResult:
    """Retrieval figures: means over the queries, with the value of each query.

    Attributes:
        ks: The k of the figures at k.
        distance: Name of the distance.
        num_gallery: Number of searched gallery examples.
        num_left_out: Queries without a relevant gallery example, excluded from all figures.
        per_query: Read-only arrays (Q,) over the queries in the figures: ``query``, the index of
            each, ``num_relevant``, ``first_rank``, and ``figures``, read by :meth:`values`.
        query_classes: (Q,), number of the class of each of these queries.
        num_distractors: Gallery examples of classes without a query.
        ignoring: Gallery examples that count neither as hits nor as misses, in words.
        num_examples: Number of examples that queries come from: the length of a column of groups.
        one_set: Whether each query was searched among all other examples; otherwise it was
            searched in a gallery apart from the queries.
        notes: Remarks on the data, such as queries that are also in the gallery.
    """

    ks: tuple[int, ...]
    distance: str
    num_gallery: int
    num_left_out: int
    per_query: Ranks
    query_classes: np.ndarray
    num_distractors: int = 0
    ignoring: tuple[str, ...] = ()
    num_examples: int | None = None
    one_set: bool = True
    notes: tuple[str, ...] = ()

    @property
    def num_queries(self) -> int:
        """Number of queries in the figures."""
        return len(self.per_query.query)

    @property
    def protocol(self) -> str:
        """Describes the set that each query was searched in."""
        if self.one_set:
            return f"among {self.num_gallery:,} examples, each among all others"
        return f"against a gallery of {self.num_gallery:,} examples"

    @property
    def recall_at(self) -> dict[int, float]:
        """For each k, the share of queries with a hit among the first k."""
        return self._at("recall")

    @property
    def precision_at(self) -> dict[int, float]:
        """For each k, the mean of hits among the first k, over k."""
        return self._at("precision")

    @property
    def map_at(self) -> dict[int, float]:
        """For each k, the mean of (1/min(k,R)) Σ_{i≤k} P(i)·rel(i) (MAP@k)."""
        return self._at("map")

    @property
    def ndcg_at(self) -> dict[int, float]:
        """For each k, the mean of DCG@k over that of a perfect order, gain 1 a hit (nDCG@k)."""
        return self._at("ndcg")

    @property
    def r_precision(self) -> float:
        """Mean of hits among the first R, over R."""
        return _mean(self.values("r_precision"))

    @property
    def map_at_r(self) -> float:
        """Mean of (1/R) Σ_{i≤R} P(i)·rel(i): R-precision that respects the order (MAP@R)."""
        return _mean(self.values("map_at_r"))

    @property
    def mrr(self) -> float:
        """Mean of 1 / rank of the first hit."""
        return _mean(self.values("mrr"))

    def macro(self, figure: str = "map_at_r") -> float:
        """Returns the mean over the classes of a figure's mean over the queries of each class.

        Every class counts alike, however many queries it has.

        Args:
            figure: One of :meth:`figures`.
        """
        values = self.values(figure)
        _, place, counts = np.unique(self.query_classes, return_inverse=True, return_counts=True)
        return _mean(np.bincount(place, values, minlength=len(counts)) / counts)

    def cmc(self, max_rank: int = 50) -> np.ndarray:
        """Cumulative match characteristic: recall@1, recall@2, ..., recall@``max_rank``.

        Args:
            max_rank: Length of the curve, at least 1.

        Returns:
            Shares of the queries (max_rank,), NaN without queries.
        """
        whole = isinstance(max_rank, Integral) and not isinstance(max_rank, bool)
        if not (whole and max_rank >= 1):
            raise ValueError(expected("max_rank to be an integer above 0", max_rank=max_rank))
        if not self.num_queries:
            return np.full(max_rank, np.nan)
        first = np.minimum(self.per_query.first_rank, max_rank + 1)
        return np.cumsum(np.bincount(first, minlength=max_rank + 2))[1:-1] / self.num_queries

    def values(self, figure: str = "map_at_r") -> np.ndarray:
        """Returns a figure's value for each query, in the order of ``per_query.query``.

        Args:
            figure: One of :meth:`figures`.
        """
        if figure not in self.per_query.figures:
            names = ", ".join(self.per_query.figures)
            raise ValueError(expected(f"figure to be one of {names}", figure=figure))
        return self.per_query.figures[figure]

    def _at(self, name):
        return {k: _mean(self.values(f"{name}_at_{k}")) for k in self.ks}

    @cached_property
    def _intervals(self):
        figures = self.per_query.figures
        values = np.stack(list(figures.values()), axis=1)
        low, high = bootstrap_intervals(values, self.query_classes)
        return dict(zip(figures, zip(low.tolist(), high.tolist(), strict=True), strict=True))

    def interval(self, figure: str = "map_at_r") -> tuple[float, float]:
        """Returns the 95 % interval of a figure for new classes like these.

        Args:
            figure: One of :meth:`figures`.

        Returns:
            Lower and upper end: 1000 bootstrap draws of whole classes, see
            :func:`tfmetric.evaluation.bootstrap_interval`. NaN without queries.
        """
        self.values(figure)  # This call raises the error that names the figures.
        return self._intervals[figure]

    def by_group(
        self, groups: Array | None, figure: str = "map_at_r", **arguments: Any
    ) -> GroupTable:
        """Returns a figure by groups of the queries, and the gap between the best and the worst.

        Args:
            groups: (N,), integers or strings: the group of each example, including those not in
                ``queries``.
            figure: One of :meth:`figures`.
            **arguments: Arguments of :func:`tfmetric.evaluation.group_table`, such as ``small``.

        Returns:
            A :class:`tfmetric.evaluation.GroupTable`.
        """
        groups = np.asarray(groups)
        if groups.shape[:1] != (self.num_examples,):
            raise ValueError(
                expected(
                    f"groups of shape ({self.num_examples},), one for each example",
                    groups_shape=groups.shape,
                )
            )
        chosen = groups[self.per_query.query]
        return group_table(figure, self.values(figure), chosen, self.query_classes, **arguments)

    def worst(self, n: int = 10, figure: str = "map_at_r") -> np.ndarray:
        """Returns the queries with the lowest values, worst first.

        Args:
            n: The number of queries.
            figure: One of :meth:`figures`. At equal values a query is worse if its first hit comes
                later.

        Returns:
            Indexes among the examples, (n,) or fewer.
        """
        order = np.lexsort((-self.per_query.first_rank, self.values(figure)))
        return self.per_query.query[order[: max(0, n)]]

    def figures(self) -> dict[str, float]:
        """All figures by name: ``recall_at_1``, ..., ``r_precision``, ``map_at_r``, ``mrr``."""
        return {name: _mean(values) for name, values in self.per_query.figures.items()}

    def summary(self) -> str:
        """Returns the figures as a few lines of text."""
        lines = [
            f"Retrieval: {self.num_queries:,} queries {self.protocol}, {self.distance} distance, "
            f"{self.num_left_out:,} queries left out (no {'other ' if self.one_set else ''}example "
            f"of their class{'' if self.one_set else ' in the gallery'})"
        ]
        if self.num_distractors:
            lines.append(f"  {self.num_distractors:,} gallery examples are distractors")
        lines += [f"  Neither hits nor misses: {words}" for words in self.ignoring]
        lines += [f"  Note: {note}" for note in self.notes]
        shown = {n: value for n, value in self.figures().items() if not is_repeated(n)}
        titles = {name: figure_title(name) for name in shown}
        width = max(14, 2 + max(map(len, titles.values())))
        for name, value in shown.items():
            low, high = self.interval(name)
            lines.append(
                f"  {titles[name]:<{width}}{value:.4f}  (95 % interval {low:.4f} to {high:.4f})"
            )
        lines.append("  Intervals: bootstrap over classes, for new classes like these.")
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Returns figures, counts and intervals as plain Python values; NaN becomes None."""
        return {
            "distance": self.distance,
            "num_queries": self.num_queries,
            "num_left_out": self.num_left_out,
            "num_gallery": self.num_gallery,
            "num_distractors": self.num_distractors,
            "protocol": self.protocol,
            "notes": list(self.notes),
            "ignoring": list(self.ignoring),
            **plain(self.figures()),
            "intervals": plain(self._intervals),
        }

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def _mean(values):
    return float(np.mean(values)) if len(values) else float("nan")
