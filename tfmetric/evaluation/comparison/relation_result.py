"""The result of `evaluate` on the links of two sides: the model beside its baselines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tfmetric.evaluation.graded_similarity import SimilarityResult
from tfmetric.evaluation.ranking.figures import figure_names
from tfmetric.evaluation.ranking.result import RankingResult

_FEW_QUERIES = 100


@dataclass(frozen=True, eq=False)
class RelationEvaluation:
    """The figures of two towers beside those of baselines, on the same links.

    Attributes:
        learned: The model's :class:`RankingResult`, or its :class:`SimilarityResult` on grades.
        baselines: The results of the baselines by their titles, of the same class.
        reverse: The ranking of the left side for each right element, or None.
        notes: Remarks on the data and the baselines.
        query_embeddings: ``(Q, D)``, the model's, of the left side.
        candidate_embeddings: ``(N, D)``, of the right side.
    """

    learned: RankingResult | SimilarityResult
    baselines: Mapping[str, RankingResult | SimilarityResult]
    reverse: RankingResult | None = None
    notes: tuple[str, ...] = ()
    query_embeddings: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    candidate_embeddings: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)

    def figures(self) -> dict[str, float]:
        """Returns all figures of the model by name."""
        return self.learned.figures()

    def interval(self, figure: str) -> tuple[float, float]:
        """Returns the 95 % interval of a figure of the model."""
        return self.learned.interval(figure)

    def verdict(self) -> str:
        """Says in plain words whether the model is better than each baseline.

        The difference of recall at the largest k up to 10 decides, or that of Spearman's
        correlation on grades, with a paired 95 % interval from bootstrap draws of queries or pairs.
        "better than" where the interval lies above 0; "WORSE than" where it lies below 0; else "no
        clear gain over".
        """
        figure, title = self._headline()
        sentences = []
        for name, other in self.baselines.items():
            _, low, high = self.learned.difference(other, figure)  # type: ignore[arg-type]
            word = "better than" if low > 0 else "WORSE than" if high < 0 else "no clear gain over"
            sentences.append(
                f"The model is {word} {name}: {title} {self.figures()[figure]:.3f} against"
                f" {other.figures()[figure]:.3f} (95 % interval of the difference {low:+.3f} to"
                f" {high:+.3f})."
            )
        if not sentences:
            return "There is no baseline to compare with."
        if isinstance(self.learned, RankingResult) and self.learned.num_queries < _FEW_QUERIES:
            sentences.append(
                f"With {self.learned.num_queries} queries the intervals are rough: judge on more."
            )
        return "\n".join(sentences)

    def _headline(self):
        if isinstance(self.learned, SimilarityResult):
            return "spearman", "Spearman"
        k = max([k for k in self.learned.ks if k <= 10], default=min(self.learned.ks))
        return f"recall_at_{k}", f"recall@{k}"

    def summary(self) -> str:
        """Returns the figures of the model, a table with the baselines, and the verdict."""
        lines = [self.learned.summary(), "", *self._table()]
        if self.reverse is not None:
            lines += ["", "From the right side to the left:", self.reverse.summary()]
        lines += [f"  Note: {note}." for note in self.notes]
        return "\n".join([*lines, self.verdict()])

    def _table(self):
        results = {"the model": self.learned, **self.baselines}
        if isinstance(self.learned, SimilarityResult):
            shown = {"spearman": "Spearman", "pearson": "Pearson"}
        else:
            titles = figure_names(self.learned.ks)
            shown = {n: t for n, t in titles.items() if n.startswith(("recall_at", "ndcg_at"))}
        width = max(map(len, results)) + 4
        yield f"{'':<{width}}" + "".join(f"{title:>12}" for title in shown.values())
        for name, result in results.items():
            figures = result.figures()
            yield f"  {name:<{width - 2}}" + "".join(f"{figures[n]:>12.4f}" for n in shown)

    def to_dict(self) -> dict:
        """Returns all figures as plain Python values, the model's at the top level."""
        return {
            **self.learned.to_dict(),
            "baselines": {name: result.to_dict() for name, result in self.baselines.items()},
            "reverse": self.reverse and self.reverse.to_dict(),
            "notes": list(self.notes),
            "verdict": self.verdict(),
        }

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)
