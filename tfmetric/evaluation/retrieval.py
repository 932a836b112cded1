"""Retrieval: does the neighbourhood of an example hold others of its class?"""

import json
from dataclasses import dataclass

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation import scores
from tfmetric.evaluation.inputs import check_embeddings, check_ks, check_labels, common_codes
from tfmetric.evaluation.intervals import mean_interval
from tfmetric.evaluation.ranking import Ranks, rank


@dataclass(frozen=True, eq=False)
class RetrievalResult:
    """Retrieval figures: means over the queries, and what they are means of.

    Attributes:
        ks: The k of ``recall_at`` and ``precision_at``.
        distance: Name of the distance.
        num_references: References that were searched.
        num_left_out: Queries without a relevant reference; they are in no figure.
        per_query: Read-only arrays, one value a query that is in the figures: ``query`` (its
            index), ``num_relevant``, ``first_rank``, ``hits_at[k]``, ``r_precision``,
            ``average_precision``.
        query_classes: A number for the class of each of these queries.
    """

    ks: tuple[int, ...]
    distance: str
    num_references: int
    num_left_out: int
    per_query: Ranks
    query_classes: np.ndarray

    @property
    def num_queries(self) -> int:
        """Queries that the figures are means over."""
        return len(self.per_query.query)

    @property
    def recall_at(self) -> dict[int, float]:
        """For each k, the share of queries with a hit among the first k."""
        return {k: _mean(self.per_query.hits_at[k] > 0) for k in self.ks}

    @property
    def precision_at(self) -> dict[int, float]:
        """For each k, the mean of hits among the first k, over k."""
        return {k: _mean(self.per_query.hits_at[k] / k) for k in self.ks}

    @property
    def r_precision(self) -> float:
        """Mean of hits among the first R, over R."""
        return _mean(self.per_query.r_precision)

    @property
    def map_at_r(self) -> float:
        """Mean of (1/R) Σ_{i≤R} P(i)·rel(i): R-precision that sees the order (MAP@R)."""
        return _mean(self.per_query.average_precision)

    @property
    def mrr(self) -> float:
        """Mean of 1 / rank of the first hit."""
        return _mean(1.0 / self.per_query.first_rank)

    def interval(self, figure: str = "map_at_r") -> tuple[float, float]:
        """The 95 % interval of a figure for new classes like these.

        Args:
            figure: ``"map_at_r"``, ``"r_precision"``, ``"mrr"``, ``"recall_at_<k>"`` or
                ``"precision_at_<k>"``.

        Returns:
            Lower and upper end: a normal approximation with classes as the sampling unit, see
            ``tfmetric.evaluation.intervals.mean_interval``.
        """
        return mean_interval(self._values(figure), self.query_classes)

    def _values(self, figure):
        name, _, k = figure.rpartition("_at_")
        if name in ("recall", "precision") and k.isdigit() and int(k) in self.ks:
            hits = self.per_query.hits_at[int(k)]
            return hits > 0 if name == "recall" else hits / int(k)
        if figure == "mrr":
            return 1.0 / self.per_query.first_rank
        if figure in ("map_at_r", "r_precision"):
            attribute = "average_precision" if figure == "map_at_r" else "r_precision"
            return getattr(self.per_query, attribute)
        raise ValueError(
            expected(f"figure to be one of {', '.join(self.figures())}", figure=figure)
        )

    def figures(self) -> dict[str, float]:
        """All figures by name: ``recall_at_1``, ..., ``r_precision``, ``map_at_r``, ``mrr``."""
        return {
            **{f"recall_at_{k}": value for k, value in self.recall_at.items()},
            **{f"precision_at_{k}": value for k, value in self.precision_at.items()},
            "r_precision": self.r_precision,
            "map_at_r": self.map_at_r,
            "mrr": self.mrr,
        }

    def summary(self) -> str:
        """The figures as a few lines of text."""
        lines = [
            f"Retrieval: {self.num_queries:,} queries among {self.num_references:,} references, "
            f"{self.distance} distance, {self.num_left_out:,} queries left out "
            "(no other example of their class)"
        ]
        with_interval = {f"recall_at_{min(self.ks)}", "map_at_r"}
        for name, value in self.figures().items():
            line = f"  {_title(name):<14}{value:.4f}"
            if name in with_interval:
                low, high = self.interval(name)
                line += f"  (95 % interval {low:.4f} to {high:.4f})"
            lines.append(line)
        lines.append("  Intervals: normal approximation over classes, for new classes like these.")
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Figures, counts and intervals as plain Python values; NaN becomes None."""
        figures = {name: _plain(value) for name, value in self.figures().items()}
        intervals = {
            name: [_plain(end) for end in self.interval(name)]
            for name in (f"recall_at_{min(self.ks)}", "map_at_r")
        }
        return {
            "distance": self.distance,
            "num_queries": self.num_queries,
            "num_left_out": self.num_left_out,
            "num_references": self.num_references,
            **figures,
            "intervals": intervals,
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def retrieval(
    embeddings,
    labels,
    reference_embeddings=None,
    reference_labels=None,
    distance="euclidean",
    ks=(1, 5, 10),
    queries=None,
) -> RetrievalResult:
    """Ranks the references for each query by distance and says how well classes are found.

    Without references every example is a query for all the others. Definitions, for a query with
    R references of its class: recall@k is 1 if any of the first k is a hit; precision@k is hits
    among the first k, over k; R-precision is hits among the first R, over R; MAP@R is
    (1/R) Σ_{i≤R} P(i)·rel(i); MRR is the mean of 1 / rank of the first hit. Queries with R = 0
    are left out and counted. Ties count against the model: at equal distance, to float32
    precision, a reference of another class comes first. A query is no reference of itself; it is
    left out by its index, so its exact duplicates stay.

    It goes through the queries in blocks and never holds all distances.

    Args:
        embeddings: (N, D), the queries, finite.
        labels: (N,) or (N, 1), integers of any size or strings.
        reference_embeddings: (M, D), what is searched; None for the queries themselves.
        reference_labels: (M,), with ``reference_embeddings``.
        distance: Name, function or ``Distance``; see :func:`tfmetric.distances.get`.
        ks: The k of recall@k and precision@k; may exceed the number of references.
        queries: Indexes of the examples to query with; None for all. A sample of queries against
            all references is a fair estimate at a fraction of the time.

    Returns:
        A :class:`RetrievalResult`. Without any query that has a relevant reference, its figures
        are NaN.

    Raises:
        ValueError: If shapes do not fit, or embeddings hold NaN or infinity (names the rows).

    Example:

    >>> result = retrieval([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1], ks=(1, 2))
    >>> result.recall_at
    {1: 1.0, 2: 1.0}
    >>> result.map_at_r
    1.0

    Reference: Musgrave, Belongie, Lim: A metric learning reality check, ECCV 2020 (MAP@R).
    """
    embeddings = check_embeddings(embeddings)
    labels = check_labels(labels, len(embeddings))
    ks = check_ks(ks)
    if (reference_embeddings is None) != (reference_labels is None):
        raise ValueError(
            expected(
                "reference_embeddings and reference_labels together, or neither",
                reference_embeddings=_shape(reference_embeddings),
                reference_labels=_shape(reference_labels),
            )
        )
    chosen = _check_queries(queries, len(embeddings))
    if reference_embeddings is None:
        references, reference_labels, itself = embeddings, labels, chosen
    else:
        references = check_embeddings(reference_embeddings, "reference_embeddings")
        reference_labels = check_labels(reference_labels, len(references), "reference_labels")
        itself = None
        if references.shape[1] != embeddings.shape[1]:
            raise ValueError(
                expected(
                    "embeddings and reference_embeddings of the same width",
                    embeddings_shape=embeddings.shape,
                    reference_embeddings_shape=references.shape,
                )
            )
    codes, reference_codes = common_codes(labels[chosen], reference_labels)
    block = scores.ordering(distance, embeddings[chosen], references)
    found = rank(block, codes, reference_codes, itself, ks)
    query = chosen[found.query]
    query.setflags(write=False)
    classes = codes[found.query]
    classes.setflags(write=False)
    return RetrievalResult(
        ks=ks,
        distance=distances.get(distance).name,
        num_references=len(references),
        num_left_out=len(chosen) - len(query),
        per_query=Ranks(**{**vars(found), "query": query}),
        query_classes=classes,
    )


def _check_queries(queries, count):
    if queries is None:
        return np.arange(count)
    chosen = np.asarray(queries)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise ValueError(expected("queries to be indexes of shape (Q,)", shape=chosen.shape))
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < count):
        raise ValueError(
            expected(f"queries to be in 0..{count - 1}", min=chosen.min(), max=chosen.max())
        )
    return chosen.astype(np.int64)


def _shape(array):
    return None if array is None else np.shape(array)


def _mean(values):
    return float(np.mean(values)) if len(values) else float("nan")


def _plain(value):
    return None if np.isnan(value) else value


def _title(name):
    titles = {"map_at_r": "MAP@R", "mrr": "MRR", "r_precision": "R-precision"}
    return titles.get(name) or name.replace("_at_", "@")
