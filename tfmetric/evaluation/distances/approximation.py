"""A matrix product in float32 that stands for exact distances, with a proven bound of its error."""

from typing import NamedTuple

import numpy as np


class Approximation(NamedTuple):
    """A float32 product in place of scores; within a row the scores differ by a constant.

    Attributes:
        queries: (Q, D), float32.
        gallery: (N, D), float32.
        error: (Q,), float64. What ``queries @ gallery.T`` is off by at most, however it is
            summed up, from the float32 scores less a constant of the row.
        exact: Function from indexes of queries and of gallery examples, both (P,), to the float32
            scores of the pairs.
    """

    queries: np.ndarray
    gallery: np.ndarray
    error: np.ndarray
    exact: object
