"""The subject of a report: figures, evidence, and values derived from them."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from tfmetric import distances
from tfmetric._whole_numbers import whole_number
from tfmetric.evaluation import knn, retrieval, verification
from tfmetric.report.evidence import Evidence

# All pairs of this many examples are compared in about a second.
_VERIFIED, _MAPPED = 2000, 500
_MAPPED_CLASSES = 25


@dataclass(frozen=True, eq=False)
class Subject:
    """The subject of a report: a run, or a model evaluated without a run.

    Attributes:
        directory: The directory of the run, or None.
        metrics: Contents of ``metrics.json``.
        evidence: The evaluated examples with their embeddings, or None.
        model: The embedder, or None.
    """

    directory: Path | None
    metrics: dict
    evidence: Evidence | None = None
    model: object = None
    notes: list = field(default_factory=list)

    @property
    def distance(self) -> str:
        """The distance of the evaluation; the default if it was a user's function."""
        name = self.metrics["result"].get("distance")
        return name if name in distances.names() else "euclidean"

    @property
    def name(self) -> str:
        """Short name of the data set: the last part of a path."""
        text = str(self.metrics.get("dataset") or (self.directory and self.directory.name))
        return text if text.startswith("tfds:") else text.rstrip("/\\").split("/")[-1] or text

    @cached_property
    def complete(self) -> bool:
        """Whether the evidence is of all examples that were judged and searched."""
        kept = self.evidence
        return (
            kept is not None and kept.judged == kept.total and kept.searched == kept.searched_total
        )

    @property
    def closed(self) -> bool:
        """Whether test examples were searched in the training part, whose classes they have."""
        return bool(self.metrics.get("closed_set") or (self.evidence and self.evidence.searched))

    @property
    def _held(self) -> Evidence:
        assert self.evidence is not None, "sections of examples need evidence"
        return self.evidence

    @cached_property
    def judged(self) -> Evidence:
        """The evidence of the examples that are judged, without those that are searched."""
        return self._held.of_judged()

    @property
    def _sides(self) -> tuple:
        """Queries and their labels, gallery and its labels; None for a gallery of the queries."""
        kept, own = self._held, self.judged
        searched = kept.gallery
        if searched is None:
            return own.embeddings, own.labels, None, None
        return own.embeddings, own.labels, kept.embeddings[searched], kept.labels[searched]

    @cached_property
    def retrieval(self):
        """Retrieval figures of the evidence, query by query."""
        names = [name for name in self.metrics["result"] if name.startswith("recall_at_")]
        ks = sorted(filter(None, (whole_number(name[10:]) for name in names)))
        return retrieval(*self._sides, distance=self.distance, ks=ks or (1, 5), progress=False)

    @cached_property
    def verified(self) -> np.ndarray:
        """Indexes of the examples for verification: all, or those of some classes."""
        return self._classes_up_to(_VERIFIED)

    @cached_property
    def mapped(self) -> np.ndarray:
        """Indexes of the examples on the map: whole classes, or some examples of 25 large ones."""
        labels = self.judged.labels
        whole = self._classes_up_to(_MAPPED)
        if len(np.unique(labels[whole])) >= min(_MAPPED_CLASSES, len(np.unique(labels))):
            return whole
        rng = np.random.default_rng(0)
        classes = rng.permutation(np.unique(labels))[:_MAPPED_CLASSES]
        each = _MAPPED // len(classes)
        some = [rng.permutation(np.flatnonzero(labels == label))[:each] for label in classes]
        return np.sort(np.concatenate(some))

    @cached_property
    def verification(self):
        """Verification figures of the evidence."""
        kept = self.judged
        return verification(
            kept.embeddings[self.verified],
            kept.labels[self.verified],
            distance=self.distance,
        )

    @cached_property
    def nearest(self):
        """The class of each example's nearest neighbour."""
        return knn(*self._sides, k=1, distance=self.distance, progress=False)

    @cached_property
    def halves(self) -> tuple:
        """Verification figures of one half of the classes, and of the other half."""
        kept, chosen = self.judged, self.verified
        labels = kept.labels[chosen]
        order = np.random.default_rng(1).permutation(np.unique(labels))
        first = np.isin(labels, order[: len(order) // 2])
        return tuple(
            verification(
                kept.embeddings[chosen[half]],
                labels[half],
                distance=self.distance,
            )
            for half in (first, ~first)
        )

    def _classes_up_to(self, number):
        labels = self.judged.labels
        values, counts = np.unique(labels, return_counts=True)
        order = np.random.default_rng(0).permutation(len(values))
        fitting = max(2, int((np.cumsum(counts[order]) <= number).sum()))
        return np.flatnonzero(np.isin(labels, values[order[:fitting]]))
