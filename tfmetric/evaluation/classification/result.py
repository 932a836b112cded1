"""The result of a classification by neighbours: answers, accuracies, confusions, the open set."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.statistics.class_bootstrap import bootstrap_interval
from tfmetric.evaluation.statistics.group_table import (
    GroupTable,
    draw_weights,
    group_table,
    percentiles,
)
from tfmetric.typing import Array
from tfmetric.values import plain

_MOST_CLASSES = 10_000
_REPEATS = 1000


@dataclass(frozen=True, eq=False)
class ClassificationResult:
    """Answers of a classifier on an embedding, and their accuracies.

    A query is *known* if its class is among the gallery, else *unknown*. Without a threshold every
    answer is a class, so accuracies cover known queries only. With a threshold, a query further
    than it from the assigned class is answered "unknown".

    Attributes:
        method: The method, in words.
        distance: Name of the distance.
        classes: The classes of the gallery, sorted.
        actual: (Q,) the class of each query as an index into ``classes``, −1 for unknown.
        predicted: (Q,) the answer as an index into ``classes``, −1 for "unknown".
        distances: (Q,) distance of each query to its nearest example or mean; a larger distance
            makes a known class less likely.
        threshold: The distance beyond which the answer is "unknown", or None.
        query_classes: (Q,) number of each query's class, distinct for each unknown class.
    """

    method: str
    distance: str
    classes: tuple
    actual: np.ndarray
    predicted: np.ndarray
    distances: np.ndarray
    threshold: float | None
    query_classes: np.ndarray

    @property
    def num_queries(self) -> int:
        """All queries."""
        return len(self.actual)

    @property
    def num_unknown(self) -> int:
        """Queries whose class is not among the gallery."""
        return int((self.actual < 0).sum())

    @property
    def open_set(self) -> bool:
        """Whether there are unknown queries, or a threshold that can call a query unknown."""
        return self.threshold is not None or self.num_unknown > 0

    @property
    def answers(self) -> list:
        """The answers as labels; None for "unknown"."""
        return [self.classes[code] if code >= 0 else None for code in self.predicted.tolist()]

    @property
    def accuracy(self) -> float:
        """Share of correct answers: over all queries with a threshold, else over known queries."""
        return _mean(self.values("accuracy")[self._counting("accuracy")])

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the known classes of the share of correctly assigned queries."""
        return _mean(self._class_recalls()[1])

    @property
    def known_accuracy(self) -> float:
        """Share of the known queries that are assigned to their class."""
        return _mean(self.values("known_accuracy")[self._counting("known_accuracy")])

    @property
    def unknown_detection_rate(self) -> float:
        """Share of the unknown queries that are answered "unknown"."""
        figure = "unknown_detection_rate"
        return _mean(self.values(figure)[self._counting(figure)])

    @property
    def false_unknown_rate(self) -> float:
        """Share of the known queries that are answered "unknown"."""
        return _mean(self.values("false_unknown_rate")[self._counting("false_unknown_rate")])

    @cached_property
    def auroc(self) -> float:
        """Probability that an unknown query is further away than a known one, ties counting half.

        It is the area under the ROC curve of known against unknown, independent of the threshold;
        NaN without known or without unknown queries.
        """
        return float(self._auroc(np.ones((1, self.num_queries)))[0])

    def figures(self) -> dict[str, float]:
        """Returns all figures by name; open-set figures only in an open set."""
        names = ["accuracy", "balanced_accuracy"]
        if self.open_set:
            names += ["known_accuracy", "unknown_detection_rate", "false_unknown_rate", "auroc"]
        return {name: getattr(self, name) for name in names}

    def values(self, figure: str = "accuracy") -> np.ndarray:
        """Returns a figure's value for each query, 0 or 1 (Q,).

        Args:
            figure: ``"accuracy"``, ``"known_accuracy"``, ``"unknown_detection_rate"`` or
                ``"false_unknown_rate"``; NumPy's NaN where a query does not count.
        """
        if figure in ("accuracy", "known_accuracy"):
            right = (self.predicted == self.actual).astype(np.float64)
        elif figure in ("unknown_detection_rate", "false_unknown_rate"):
            right = (self.predicted < 0).astype(np.float64)
        else:
            raise ValueError(
                expected(
                    "figure to be accuracy, known_accuracy, unknown_detection_rate or "
                    "false_unknown_rate",
                    figure=figure,
                )
            )
        right[~self._counting(figure)] = np.nan
        return right

    def _counting(self, figure):
        known = self.actual >= 0
        if figure == "unknown_detection_rate":
            return ~known
        return known | (figure == "accuracy" and self.threshold is not None)

    def interval(self, figure: str = "accuracy") -> tuple[float, float]:
        """Returns the 95 % interval of a figure for new classes like these.

        Args:
            figure: One of :meth:`figures`.

        Returns:
            Lower and upper end from 1000 bootstrap draws of whole classes; NaN if the figure is
            NaN.
        """
        if figure == "balanced_accuracy":
            return bootstrap_interval(*self._class_recalls()[::-1])
        if figure == "auroc":
            if not np.isfinite(self.auroc):
                return float("nan"), float("nan")
            _, unit = np.unique(self.query_classes, return_inverse=True)
            rng = np.random.default_rng(0)
            step = max(1, 2**22 // (unit.max() + 1 + self.num_queries))
            draws = [
                self._auroc(draw_weights(rng, min(step, _REPEATS - start), unit.max() + 1)[:, unit])
                for start in range(0, _REPEATS, step)
            ]
            return percentiles(np.concatenate(draws))
        counting = self._counting(figure)
        return bootstrap_interval(self.values(figure)[counting], self.query_classes[counting])

    def _class_recalls(self):
        known = self.actual >= 0
        codes, number = np.unique(self.actual[known], return_inverse=True)
        right = (self.predicted == self.actual)[known]
        return codes, np.bincount(number, right, len(codes)) / np.bincount(number, None, len(codes))

    def _auroc(self, weights):
        """Returns the AUROC for each row of query weights."""
        order = np.argsort(self.distances, kind="stable")
        _, place = np.unique(self.distances[order], return_inverse=True)
        unknown = (self.actual < 0)[order]
        starts = np.flatnonzero(np.diff(place, prepend=-1))
        if not unknown.any() or unknown.all():
            return np.full(len(weights), np.nan)
        weights = weights[:, order]
        known_here, unknown_here = (
            np.add.reduceat(weights * mask, starts, axis=1) for mask in (~unknown, unknown)
        )
        nearer = np.cumsum(known_here, axis=1) - known_here / 2
        total = known_here.sum(axis=1) * unknown_here.sum(axis=1)
        with np.errstate(invalid="ignore"):
            return (unknown_here * nearer).sum(axis=1) / total

    def confusion(self) -> np.ndarray:
        """Counts the answers (columns) to queries of each class (rows).

        Returns:
            Counts (C, C) in the order of ``classes``; in an open set (C + 1, C + 1), with
            "unknown" last.

        Raises:
            ValueError: If there are so many classes that the table would take gigabytes.
        """
        count = len(self.classes)
        if count > _MOST_CLASSES:
            raise ValueError(
                expected(
                    f"at most {_MOST_CLASSES:,} classes for a confusion matrix; see most_confused",
                    classes=count,
                )
            )
        size = count + self.open_set
        # "Unknown" is −1, which becomes the last row and column.
        cell = (self.actual % size) * size + self.predicted % size
        return np.bincount(cell, minlength=size * size).reshape(size, size)

    def most_confused(self, n: int = 10) -> list[tuple]:
        """Returns the most frequent wrong answers.

        Args:
            n: How many.

        Returns:
            (class, answer, count), most frequent first; None for "unknown".
        """
        wrong = (self.predicted != self.actual) & self._counting("accuracy")
        pairs = np.stack([self.actual[wrong], self.predicted[wrong]])
        pairs, counts = np.unique(pairs, axis=1, return_counts=True)
        order = np.argsort(-counts, kind="stable")[: max(0, n)]
        names = (*self.classes, None)
        return [(*(names[code] for code in pairs[:, i]), int(counts[i])) for i in order]

    def by_group(
        self, groups: Array | None, figure: str = "accuracy", **arguments: Any
    ) -> GroupTable:
        """Returns a figure by groups of the queries.

        Args:
            groups: (Q,), integers or strings.
            figure: As in :meth:`values`.
            **arguments: Arguments of :func:`tfmetric.evaluation.group_table`, such as ``small``.
        """
        groups = np.asarray(groups)
        if groups.shape[:1] != self.actual.shape:
            raise ValueError(
                expected(f"groups of shape {self.actual.shape}", groups_shape=groups.shape)
            )
        counting = self._counting(figure)
        values, classes = self.values(figure)[counting], self.query_classes[counting]
        arguments.setdefault("higher_is_better", figure != "false_unknown_rate")
        return group_table(figure, values, groups[counting], classes, **arguments)

    def summary(self) -> str:
        """Returns the figures as a few lines of text."""
        unknown = f", {self.num_unknown:,} of them of unknown classes" if self.num_unknown else ""
        lines = [
            f"Classification by {self.method}: {self.num_queries:,} queries, "
            f"{len(self.classes):,} classes, {self.distance} distance{unknown}"
        ]
        if self.threshold is not None:
            lines.append(f'  "unknown" beyond the distance {self.threshold:.6g}')
        for name, value in self.figures().items():
            low, high = self.interval(name)
            title = "AUROC, known against unknown" if name == "auroc" else name.replace("_", " ")
            lines.append(f"  {title:<29}{value:.4f}  (95 % interval {low:.4f} to {high:.4f})")
        for one, other, count in self.most_confused(3):
            one, other = ('"unknown"' if name is None else name for name in (one, other))
            times = "once" if count == 1 else f"{count:,} times"
            lines.append(f"  {one} taken for {other}: {times}")
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Returns figures, counts and intervals as plain Python values; NaN becomes None."""
        figures = self.figures()
        return plain(
            {
                "method": self.method,
                "distance": self.distance,
                "num_queries": self.num_queries,
                "num_unknown": self.num_unknown,
                "num_classes": len(self.classes),
                "threshold": self.threshold,
                **figures,
                "intervals": {name: self.interval(name) for name in figures},
                "most_confused": self.most_confused(),
            }
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def _mean(values):
    return float(np.mean(values)) if len(values) else float("nan")
