"""The k-fold protocol of Labeled Faces in the Wild: accuracy at thresholds from the other folds."""

import json
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from tfmetric import distances as distances_module
from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.evaluation.distances import pair_distances
from tfmetric.evaluation.statistics.group_table import GroupTable, group_table
from tfmetric.evaluation.verification.given_pairs import check_booleans, check_pairs
from tfmetric.evaluation.verification.operating_points import Counts
from tfmetric.evaluation.verification.threshold_choice import choose
from tfmetric.typing import Array, Distance
from tfmetric.values import labels as read_labels
from tfmetric.values import plain


@dataclass(frozen=True, eq=False)
class FoldsResult:
    """Accuracy of a k-fold verification.

    Attributes:
        accuracies: Read-only (k,), accuracy on each fold at the threshold of the other folds.
        thresholds: Read-only (k,), the threshold of the other folds.
        folds: Names of the folds.
        correct: Read-only (P,), whether each pair was classified correctly.
        distance: Name of the distance.
        fold_of: Read-only (P,), the fold of each pair, an index into ``folds``.
    """

    accuracies: np.ndarray
    thresholds: np.ndarray
    folds: tuple
    correct: np.ndarray
    distance: str
    fold_of: np.ndarray

    @property
    def accuracy(self) -> float:
        """Mean of the folds' accuracies."""
        return float(self.accuracies.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean: standard deviation of the folds (over k − 1) over √k."""
        return float(self.accuracies.std(ddof=1) / np.sqrt(len(self.accuracies)))

    def figures(self) -> dict[str, float]:
        """Returns ``accuracy`` and ``standard_error``."""
        return {"accuracy": self.accuracy, "standard_error": self.standard_error}

    def interval(self, figure: str = "accuracy", level: float = 0.95) -> tuple[float, float]:
        """Returns the interval of Student's t with k − 1 degrees of freedom, clipped to 0..1."""
        from scipy.stats import t

        if figure != "accuracy":
            raise ValueError(expected("figure to be accuracy", figure=figure))
        half = float(t.ppf((1 + level) / 2, len(self.accuracies) - 1)) * self.standard_error
        return max(self.accuracy - half, 0.0), min(self.accuracy + half, 1.0)

    def by_group(
        self, groups: Array | None, figure: str = "accuracy", **arguments: Any
    ) -> GroupTable:
        """Returns the share of correctly classified pairs, by groups of the pairs.

        Args:
            groups: (P,), integers or strings, one for each pair.
            figure: ``"accuracy"``.
            **arguments: Arguments of :func:`tfmetric.evaluation.group_table`, such as ``small``, a
                number of pairs. Intervals draw folds, because folds share no class.
        """
        if figure != "accuracy":
            raise ValueError(expected("figure to be accuracy", figure=figure))
        return group_table(figure, self.correct, groups, self.fold_of, **arguments)

    def summary(self) -> str:
        """Returns the figures as one line."""
        return (
            f"Verification by {len(self.folds)} folds: accuracy {self.accuracy:.4f} ± "
            f"{self.standard_error:.4f} (standard error), {len(self.correct):,} pairs, "
            f"{self.distance} distance, worst fold {self.accuracies.min():.4f}, thresholds "
            f"{self.thresholds.min():.4g} to {self.thresholds.max():.4g}"
        )

    def to_dict(self) -> dict:
        """Returns figures and folds as plain Python values."""
        return plain(
            {
                "distance": self.distance,
                "num_pairs": len(self.correct),
                **self.figures(),
                "interval": self.interval(),
                "accuracies": self.accuracies.tolist(),
                "thresholds": self.thresholds.tolist(),
                "folds": list(self.folds),
            }
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def kfold_verification(
    distances: Array,
    same: Array | None,
    folds: Any = 10,
    *,
    distance: Distance = "euclidean",
    shuffle: bool = False,
    seed: int = 0,
) -> FoldsResult:
    """Measures accuracy on each fold of pairs at the best threshold of the other folds.

    This is the usual protocol of face verification: ten folds that share no person, with 300
    genuine and 300 impostor pairs each. If several thresholds are best, the middle one is used.

    Args:
        distances: (P,), smaller is more similar; or two arrays (P, D) of embeddings, the left and
            the right of each pair.
        same: (P,), booleans or 0 and 1: whether the pair is of one class.
        folds: Number of folds, cut from the pairs in order, as in ``pairs.txt`` of LFW; or (P,)
            integers or strings, the fold of each pair.
        distance: Distance of embeddings; name, function or ``Distance``.
        shuffle: Whether to cut folds at random, with the same share of genuine pairs in each. Folds
            then share classes, and the accuracy is for known classes.
        seed: Seed of the shuffle.

    Returns:
        A :class:`FoldsResult`: mean accuracy and its standard error.

    Raises:
        ValueError: If shapes do not fit, or all folds but one lack a kind of pair.

    Example:

    >>> result = kfold_verification([0.1, 0.9, 0.2, 0.8, 0.3, 0.6], [1, 0, 1, 0, 1, 0], folds=3)
    >>> result.accuracy, result.standard_error
    (1.0, 0.0)

    Reference: Huang, Ramesh, Berg, Learned-Miller: Labeled faces in the wild, UMass Amherst
    technical report 07-49, 2007, section on reporting results.
    """
    found, same, name = _pairs(distances, same, distance)
    fold_of, names = _folds(folds, same, shuffle, seed)
    accuracies, thresholds = np.zeros((2, len(names)))
    correct = np.zeros(len(found), bool)
    for fold in range(len(names)):
        left_out = fold_of == fold
        counts = Counts.of(found[~left_out], same[~left_out])
        if not (counts.num_positives and counts.num_negatives):
            raise ValueError(
                expected(
                    "pairs of both kinds outside of each fold; give folds as a column, or "
                    "shuffle=True",
                    fold=names[fold],
                    genuine=int(counts.num_positives),
                    impostors=int(counts.num_negatives),
                )
            )
        thresholds[fold] = choose(counts, "accuracy", None)
        correct[left_out] = (found[left_out] <= thresholds[fold]) == same[left_out]
        accuracies[fold] = correct[left_out].mean()
    for array in (accuracies, thresholds, correct, fold_of):
        array.setflags(write=False)
    return FoldsResult(accuracies, thresholds, tuple(names), correct, name, fold_of)


def _pairs(distances, same, distance):
    if not (isinstance(distances, (tuple, list)) and len(distances) == 2 and np.ndim(distances[0])):
        return *check_pairs(distances, same), "given"
    left = check_embeddings(distances[0], "left embeddings")
    right = check_embeddings(distances[1], "right embeddings")
    if left.shape != right.shape:
        raise ValueError(
            expected("left and right of the same shape", left=left.shape, right=right.shape)
        )
    found = pair_distances.paired(distance, left, right)
    return found, check_booleans(same, len(found)), distances_module.get(distance).name


def _folds(folds, same, shuffle, seed):
    count = len(same)
    if not isinstance(folds, Integral) or isinstance(folds, bool):
        if shuffle:
            raise ValueError(expected("a number of folds with shuffle", folds=type(folds).__name__))
        names, fold_of = np.unique(read_labels(folds, count, "folds"), return_inverse=True)
        names = names.tolist()
    else:
        names = list(range(int(folds)))
        order = np.arange(count)
        if shuffle:  # Deal out pairs in turn, genuine pairs first.
            order = np.random.default_rng(seed).permutation(count)
            order = order[np.argsort(~same[order], kind="stable")]
        fold_of = np.zeros(count, np.int64)
        turns = np.arange(count)
        fold_of[order] = turns % max(folds, 1) if shuffle else turns * folds // max(count, 1)
    if not 2 <= len(names) <= count:
        raise ValueError(expected("2 folds or more, and no more than pairs", folds=len(names)))
    return fold_of, names
