"""Few-shot episodes: classifies new classes from a few examples each."""

import json
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.evaluation.distances import nearest_order
from tfmetric.evaluation.statistics.group_table import GroupTable, group_table
from tfmetric.typing import Array, Distance
from tfmetric.values import labels as read_labels
from tfmetric.values import plain


@dataclass(frozen=True, eq=False)
class FewShotResult:
    """Accuracy on few-shot episodes.

    Attributes:
        ways: Classes in an episode.
        shots: Examples of each class averaged to its prototype.
        episode_accuracies: (E,) accuracy of each episode, read-only.
        query: (E, ways × queries) index of each assigned example, read-only.
        correct: (E, ways × queries) whether it was assigned correctly, read-only.
        query_classes: (E, ways × queries) number of its class, read-only.
        num_classes: Classes with enough examples to be drawn.
        num_examples: Examples in all.
        distance: Name of the distance.
    """

    ways: int
    shots: int
    episode_accuracies: np.ndarray
    query: np.ndarray
    correct: np.ndarray
    query_classes: np.ndarray
    num_classes: int
    num_examples: int
    distance: str

    @property
    def accuracy(self) -> float:
        """Mean of the episodes' accuracies."""
        return float(self.episode_accuracies.mean())

    def figures(self) -> dict[str, float]:
        """Returns the accuracy by name."""
        return {"accuracy": self.accuracy}

    def interval(self, figure: str = "accuracy") -> tuple[float, float]:
        """Returns the 95 % interval over episodes, mean ± 1.96 · standard deviation / √episodes.

        The literature reports this interval. It covers other episodes of the same classes, not
        other classes. NaN for one episode.
        """
        if figure != "accuracy":
            raise ValueError(expected("figure to be accuracy", figure=figure))
        count = len(self.episode_accuracies)
        if count < 2:
            return float("nan"), float("nan")
        half = 1.96 * self.episode_accuracies.std(ddof=1) / np.sqrt(count)
        return float(max(self.accuracy - half, 0.0)), float(min(self.accuracy + half, 1.0))

    def by_group(
        self, groups: Array | None, figure: str = "accuracy", **arguments: Any
    ) -> GroupTable:
        """Returns the share of correct answers by groups of the examples.

        An example drawn by several episodes counts once, with its mean, because repeated draws add
        no evidence about its group.

        Args:
            groups: One value for each example: integers or strings.
            figure: ``"accuracy"``.
            **arguments: Arguments of :func:`tfmetric.evaluation.group_table`, such as ``small``.
        """
        groups = np.asarray(groups)
        if figure != "accuracy" or groups.shape[:1] != (self.num_examples,):
            raise ValueError(
                expected(
                    f"figure to be accuracy and groups of shape ({self.num_examples},)",
                    figure=figure,
                    groups_shape=groups.shape,
                )
            )
        drawn, first, which, times = np.unique(
            self.query, return_index=True, return_inverse=True, return_counts=True
        )
        share = np.bincount(which.ravel(), self.correct.ravel()) / times
        classes = self.query_classes.ravel()[first]
        return group_table(figure, share, groups[drawn], classes, **arguments)

    def summary(self) -> str:
        """Returns the accuracy as one line."""
        low, high = self.interval()
        return (
            f"{self.ways}-way {self.shots}-shot accuracy {self.accuracy:.4f} (95 % interval over "
            f"episodes {low:.4f} to {high:.4f}): {len(self.episode_accuracies):,} episodes of "
            f"{self.num_classes:,} classes, {self.distance} distance"
        )

    def to_dict(self) -> dict:
        """Returns figures as plain Python values; NaN becomes None."""
        return plain(
            {
                "accuracy": self.accuracy,
                "interval": self.interval(),
                "ways": self.ways,
                "shots": self.shots,
                "queries": self.query.shape[1] // self.ways,
                "episodes": len(self.episode_accuracies),
                "num_classes": self.num_classes,
                "distance": self.distance,
            }
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def few_shot(
    embeddings: Array,
    labels: Array,
    ways: int = 5,
    shots: int = 1,
    queries: int = 15,
    episodes: int = 600,
    seed: int = 0,
    *,
    distance: Distance = "euclidean",
) -> FewShotResult:
    """Assigns examples of N classes to the nearest prototype, over many random episodes.

    Each episode draws ``ways`` classes and ``shots`` + ``queries`` different examples of each. The
    prototype of a class is the mean of the shots. A query is right if its own class's prototype is
    strictly the nearest: ties, to float32 precision, count against the model.

    Args:
        embeddings: (N, D), finite, of classes not used in training.
        labels: (N,), integers or strings. Classes of fewer than ``shots`` + ``queries`` examples
            are not drawn.
        ways: Classes in an episode, at least 2.
        shots: Examples averaged to a prototype.
        queries: Examples of each class that are assigned.
        episodes: Number of episodes.
        seed: Seed of the draws.
        distance: Name or function, see :func:`tfmetric.distances.get`.

    Returns:
        A :class:`FewShotResult`.

    Raises:
        ValueError: If too few classes have enough examples, or an argument is out of its range.

    Example:

    >>> result = few_shot([[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1], 2, 1, 1, episodes=3)
    >>> result.accuracy
    1.0

    Reference: Snell, Swersky, Zemel: Prototypical networks for few-shot learning, NeurIPS 2017.
    """
    embeddings = check_embeddings(embeddings)
    labels = read_labels(labels, len(embeddings))
    for name, value, least in (
        ("ways", ways, 2),
        ("shots", shots, 1),
        ("queries", queries, 1),
        ("episodes", episodes, 1),
    ):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(
                expected(f"{name} to be an integer of at least {least}", **{name: value})
            )
    _, codes = np.unique(labels, return_inverse=True)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    drawable = [code for code, rows in enumerate(members) if len(rows) >= shots + queries]
    if not len(labels) or len(drawable) < ways:
        raise ValueError(
            expected(
                f"at least {ways} classes of {shots + queries} examples or more; ask for fewer "
                "ways, shots or queries",
                classes_with_so_many=len(drawable) if len(labels) else 0,
            )
        )
    rng = np.random.default_rng(seed)
    query = np.empty((episodes, ways * queries), np.int64)
    correct = np.empty(query.shape, bool)
    answers = np.repeat(np.arange(ways), queries)
    rows = np.arange(len(answers))
    for episode in range(episodes):
        drawn = np.stack(
            [
                rng.choice(members[code], shots + queries, replace=False)
                for code in rng.choice(drawable, ways, replace=False)
            ]
        )
        prototypes = embeddings[drawn[:, :shots]].mean(axis=1, dtype=np.float64)
        query[episode] = drawn[:, shots:].ravel()
        found = nearest_order.ordering(distance, embeddings[query[episode]], prototypes)(rows)
        own = found[rows, answers].copy()
        found[rows, answers] = np.inf
        correct[episode] = own < found.min(axis=1)
    accuracies = correct.mean(axis=1)
    query_classes = codes[query]
    for array in (accuracies, query, correct, query_classes):
        array.setflags(write=False)
    return FewShotResult(
        ways=int(ways),
        shots=int(shots),
        episode_accuracies=accuracies,
        query=query,
        correct=correct,
        query_classes=query_classes,
        num_classes=len(drawable),
        num_examples=len(embeddings),
        distance=distances.get(distance).name,
    )
