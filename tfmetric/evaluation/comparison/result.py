"""The result of ``evaluate``: a model's retrieval figures beside those of its baselines."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmetric.evaluation.classification.result import ClassificationResult
from tfmetric.evaluation.retrieval.result import RetrievalResult
from tfmetric.evaluation.statistics.class_bootstrap import bootstrap_intervals
from tfmetric.evaluation.statistics.group_table import GroupTable
from tfmetric.typing import Array

# Below this number of classes bootstrap intervals are too narrow.
_FEW_CLASSES = 10


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Retrieval figures of a model, beside two baselines.

    The figures of the model can be read here directly: ``result.recall_at[1]``,
    ``result.map_at_r``, ...

    Attributes:
        retrieval: Figures of the model's embeddings.
        raw: Figures of the fair baseline, which learns nothing, or None.
        untrained: Figures of the same architecture with fresh weights, or None. Its batch
            normalisation runs in inference mode with untouched moving averages; its adapted
            preprocessing is that of the model.
        notes: Why a baseline is missing or rests on a sample of the queries.
        embeddings: (N, D) the model's embeddings in the order of the data, for further figures and
            plots.
        raw_title: The name of the fair baseline, such as "raw inputs".
        distance_source: Origin of the distance: "as given", "that of the model's loss" or "the
            default".
        knn: Classification by neighbors in the gallery; None without a gallery.
        raw_knn: Classification by the fair baseline, or None.
        untrained_knn: Classification by the untrained embedder, or None.
    """

    retrieval: RetrievalResult
    raw: RetrievalResult | None = None
    untrained: RetrievalResult | None = None
    notes: tuple[str, ...] = ()
    embeddings: np.ndarray | None = field(default=None, repr=False)
    raw_title: str = "raw inputs"
    distance_source: str = "as given"
    knn: ClassificationResult | None = None
    raw_knn: ClassificationResult | None = None
    untrained_knn: ClassificationResult | None = None

    @property
    def protocol(self) -> str:
        """Describes the set that each query was searched in."""
        return self.retrieval.protocol

    @property
    def recall_at(self) -> dict[int, float]:
        """Recall@k of the model."""
        return self.retrieval.recall_at

    @property
    def precision_at(self) -> dict[int, float]:
        """Precision@k of the model."""
        return self.retrieval.precision_at

    @property
    def r_precision(self) -> float:
        """R-precision of the model."""
        return self.retrieval.r_precision

    @property
    def map_at_r(self) -> float:
        """MAP@R of the model."""
        return self.retrieval.map_at_r

    @property
    def mrr(self) -> float:
        """MRR of the model."""
        return self.retrieval.mrr

    @property
    def num_queries(self) -> int:
        """Number of queries in the model's figures."""
        return self.retrieval.num_queries

    @property
    def num_left_out(self) -> int:
        """Number of queries without another example of their class."""
        return self.retrieval.num_left_out

    def figures(self) -> dict[str, float]:
        """Returns all figures of the model by name."""
        return self.retrieval.figures()

    def interval(self, figure: str = "map_at_r") -> tuple[float, float]:
        """Returns the 95 % interval of a figure of the model, for new classes like these."""
        return self.retrieval.interval(figure)

    def by_group(
        self, groups: Array | None, figure: str = "map_at_r", **arguments: Any
    ) -> GroupTable:
        """Returns a figure of the model by groups, as ``RetrievalResult.by_group`` does."""
        return self.retrieval.by_group(groups, figure, **arguments)

    def verdict(self) -> str:
        """Says in plain words whether the learned embedding is better than each baseline.

        The difference of MAP@R decides, with a paired 95 % interval from bootstrap draws of
        classes. "better than" where the interval lies above 0 and recall is not clearly lower;
        "WORSE than" where it lies below 0; else "no clear gain over".
        """
        sentences = [
            self._against(name, result)
            for name, result, _ in self._baselines()
            if result.num_queries
        ]
        if not sentences:
            return "There is no baseline to compare with."
        classes = len(np.unique(self.retrieval.query_classes))
        if classes < _FEW_CLASSES:
            sentences.append(
                f"With {classes} classes the intervals are too narrow: judge on more classes."
            )
        return "\n".join(sentences)

    def _baselines(self) -> Iterator[tuple[str, RetrievalResult, ClassificationResult | None]]:
        if self.raw is not None:
            yield self.raw_title, self.raw, self.raw_knn
        if self.untrained is not None:
            yield "untrained embedder", self.untrained, self.untrained_knn

    def _against(self, name, baseline):
        k = min(self.retrieval.ks)
        figures = ("map_at_r", f"recall_at_{k}")
        low, high = _paired_intervals(self.retrieval, baseline, figures)
        if high[0] < 0:
            word = "WORSE than"
        elif low[0] > 0 and not high[1] < 0:
            word = "better than"
        else:
            word = "no clear gain over"
        return (
            f"The learned embedding is {word} the {name}: recall@{k} {self.recall_at[k]:.3f} "
            f"against {baseline.recall_at[k]:.3f}, MAP@R {self.map_at_r:.3f} against "
            f"{baseline.map_at_r:.3f} (95 % interval of the difference {low[0]:+.3f} to "
            f"{high[0]:+.3f})."
        )

    def summary(self) -> str:
        """Returns the figures of the model, a table with the baselines, and the verdict."""
        lines = [self.retrieval.summary()]
        if self.distance_source != "as given":
            lines.append(f"  Distance: {self.retrieval.distance}, {self.distance_source}.")
        if self.knn is not None:
            lines.append(f"  {self.knn.method}: accuracy {self.knn.accuracy:.4f}")
        baselines = list(self._baselines())
        if baselines:
            lines += ["", *self._table([("learned", self.retrieval, self.knn), *baselines])]
            if self.untrained is not None:
                lines.append("  (untrained: fresh weights, batch normalisation in inference mode)")
        lines += [f"  Note: {note}." for note in self.notes]
        return "\n".join([*lines, self.verdict()])

    def _table(self, rows):
        k, width = min(self.retrieval.ks), max(len(name) for name, *_ in rows) + 4
        knn = f"{'k-NN':>10}" if self.knn is not None else ""
        yield f"{'':<{width}}{f'recall@{k}':>10}{'MAP@R':>10}{knn}{'queries':>10}"
        for name, result, by_neighbors in rows:
            knn = f"{by_neighbors.accuracy:>10.4f}" if by_neighbors is not None else ""
            yield (
                f"  {name:<{width - 2}}{result.recall_at[k]:>10.4f}{result.map_at_r:>10.4f}{knn}"
                f"{result.num_queries:>10,}"
            )

    def to_dict(self) -> dict:
        """Returns all figures as plain Python values, the model's at the top level."""
        return {
            **self.retrieval.to_dict(),
            "raw": self.raw and self.raw.to_dict(),
            "untrained": self.untrained and self.untrained.to_dict(),
            "raw_title": self.raw_title,
            "distance_source": self.distance_source,
            "knn": _accuracy(self.knn),
            "raw_knn": _accuracy(self.raw_knn),
            "untrained_knn": _accuracy(self.untrained_knn),
            "notes": [*self.retrieval.notes, *self.notes],
            "verdict": self.verdict(),
        }

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def _accuracy(result):
    return None if result is None else {"method": result.method, "accuracy": result.accuracy}


def _paired_intervals(learned, baseline, figures):
    """Returns 95 % intervals of differences of figures, over the queries of both results."""
    _, own, others = np.intersect1d(
        learned.per_query.query, baseline.per_query.query, return_indices=True
    )
    differences = np.stack(
        [learned.values(name)[own] - baseline.values(name)[others] for name in figures], axis=1
    )
    return bootstrap_intervals(differences, learned.query_classes[own])
