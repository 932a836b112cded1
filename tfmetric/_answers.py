"""What a served model answers, in process or over a network."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Neighbors:
    """What a search found; unpacks into ``ids, distances``.

    Attributes:
        ids: (B, k), integers or strings as they were given, nearest first.
        distances: (B, k), float32.
        labels: (B, k), the labels of the gallery, or None if it has none.
        same: (B, k), whether each is of the query's class by the calibrated threshold, or None if
            the version has no calibration, or where it is not at hand, as over a network.
        probabilities: (B, k), the probability that it is, or None, as ``same``.
    """

    ids: np.ndarray
    distances: np.ndarray
    labels: np.ndarray | None = None
    same: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.ids, self.distances))


@dataclass(frozen=True, eq=False)
class Verified:
    """What comparing pairs found.

    Attributes:
        distances: (B,), float32.
        same: (B,), whether the two are of one class by the calibrated threshold, or None if the
            version has no calibration.
        probabilities: (B,), the probability that they are, or None if the calibration has none.
    """

    distances: np.ndarray
    same: np.ndarray | None = None
    probabilities: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Classified:
    """What a vote of neighbours found.

    Attributes:
        labels: (B,), as the gallery has them; where not ``known`` "unknown", of integers −1.
        known: (B,), whether the nearest is within the calibrated threshold; without a
            calibration always true.
        shares: (B,), of the neighbours that have this label.
        distances: (B,), to the nearest.
    """

    labels: np.ndarray
    known: np.ndarray
    shares: np.ndarray
    distances: np.ndarray
