"""A float32 matrix product in place of exact distances, with a proven error bound."""

from typing import NamedTuple

import numpy as np


class Approximation(NamedTuple):
    """A float32 product in place of scores; within a row the scores differ by a constant.

    Attributes:
        queries: (Q, D), float32.
        gallery: (N, D), float32.
        error: (Q,), float64. Bound on the error of ``queries @ gallery.T``, for any order of
            summation, relative to the float32 scores minus a constant for each row.
        exact: Function of indexes of queries and of gallery examples, both (P,), that returns the
            float32 scores of the pairs.
    """

    queries: np.ndarray
    gallery: np.ndarray
    error: np.ndarray
    exact: object
