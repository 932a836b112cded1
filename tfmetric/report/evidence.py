"""The evidence of a run: what is kept besides its figures, so that pictures can be drawn later."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tfmetric.visualization import Thumbnails


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """Evaluated examples with their embeddings.

    Attributes:
        embeddings: (N, D) float32.
        labels: (N,) int64, indexes into ``class_names``.
        class_names: (C,) text.
        ids: (N,) text: origin of each example.
        groups: (N,) text, or None.
        thumbnails: Thumbnails of the examples, or None if they would take too much memory.
        total: Number of evaluated examples: more than N for a sample.
        pairs: (P, 2) indexes of examples for the saliency pictures.
        pair_inputs: (P, 2, ...) their model inputs; None except for images.
        sounds: (N, samples) int8 recordings for playing, or None.
        sound_rate: Their sampling rate in hertz.
        searched: How many of the examples, the last ones, are not judged and are searched in their
            place: the gallery of a closed set. 0 where each is searched among all others.
        searched_total: How many examples the model was searched in: more, where these are a sample.
    """

    embeddings: np.ndarray
    labels: np.ndarray
    class_names: np.ndarray
    ids: np.ndarray
    groups: np.ndarray | None
    thumbnails: Thumbnails | None
    total: int
    pairs: np.ndarray
    pair_inputs: np.ndarray | None
    sounds: np.ndarray | None = None
    sound_rate: int = 0
    searched: int = 0
    searched_total: int = 0

    @property
    def judged(self) -> int:
        """How many of the examples, the first ones, are judged."""
        return len(self.labels) - self.searched

    @property
    def gallery(self) -> np.ndarray | None:
        """The indexes of the examples that the judged ones are searched in; None for themselves."""
        return np.arange(self.judged, len(self.labels)) if self.searched else None

    def of_judged(self) -> Evidence:
        """The evidence of the examples that are judged, without a gallery."""
        if not self.searched:
            return self
        rows = {
            name: getattr(self, name)
            for name in ("embeddings", "labels", "ids", "groups", "thumbnails", "sounds")
        }
        cut: dict[str, Any] = {
            name: None if held is None else held[: self.judged] for name, held in rows.items()
        }
        return dataclasses.replace(self, **cut, searched=0, searched_total=0)

    @property
    def pictures(self) -> bool:
        """Whether the thumbnails are pictures."""
        return self.thumbnails is not None and self.thumbnails.look == "picture"

    def names(self, indices: Any) -> list[str]:
        """Returns the class names of some examples."""
        return [str(self.class_names[label]) for label in self.labels[indices]]
