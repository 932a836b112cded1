"""The answers of a served model, in process or over a network."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The result of a search; unpacks into ``ids, distances``.

    Attributes:
        ids: (B, k), integers or strings of the gallery, nearest first.
        distances: (B, k), float32.
        labels: (B, k), the labels of the gallery, or None if it has none.
        same: (B, k), whether each is of the query's class by the calibrated threshold; None without
            a calibration, and over a network.
        probabilities: (B, k), the probability of the query's class; None like ``same``.
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
    """The result of comparing pairs.

    Attributes:
        distances: (B,), float32.
        same: (B,), whether both are of one class by the calibrated threshold; None without a
            calibration.
        probabilities: (B,), the probability of one class; None if the calibration has none.
    """

    distances: np.ndarray
    same: np.ndarray | None = None
    probabilities: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Classified:
    """The result of a vote of neighbours.

    Attributes:
        labels: (B,), labels of the gallery; if not ``known`` "unknown", or −1 for integers.
        known: (B,), whether the nearest is within the calibrated threshold; without a
            calibration always true.
        shares: (B,), share of the neighbours with this label.
        distances: (B,), distance to the nearest.
    """

    labels: np.ndarray
    known: np.ndarray
    shares: np.ndarray
    distances: np.ndarray
