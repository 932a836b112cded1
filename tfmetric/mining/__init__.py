"""Selects the positives and negatives of each anchor, inside the compiled graph.

Everything here takes tensors and returns indices, masks and counts of static shape, so that it
compiles with XLA and runs on every Keras backend.

Nothing here carries a gradient: the choice is constant, and the losses recompute the distances of
the chosen examples. A *ranking* is a ``(B, N)`` matrix that orders each anchor's row as the
distance does; smaller is nearer. ``positives`` and ``negatives`` are ``(B, N)`` boolean masks with
one row for each anchor.
"""

from tfmetric._foreign_names import answering
from tfmetric.mining.among import Among, among
from tfmetric.mining.choice import Chosen, one_triplet
from tfmetric.mining.classes import Classes, by_class
from tfmetric.mining.masks import label_masks
from tfmetric.mining.one_of_each import one_of_each
from tfmetric.mining.ordering import (
    added_at,
    ascending,
    at,
    nearest_further,
    number_below,
)
from tfmetric.mining.positives import Anchors, Positives, each_positive, nth_positive
from tfmetric.mining.sampling import drawn_negatives, row_hash, sampling_sums, uniform
from tfmetric.mining.strategies import FALLBACKS, NAMED, STRATEGIES, resolve

__all__ = [
    "FALLBACKS",
    "NAMED",
    "STRATEGIES",
    "Among",
    "Anchors",
    "Chosen",
    "Classes",
    "Positives",
    "added_at",
    "among",
    "ascending",
    "at",
    "by_class",
    "drawn_negatives",
    "each_positive",
    "label_masks",
    "nearest_further",
    "nth_positive",
    "number_below",
    "one_of_each",
    "one_triplet",
    "resolve",
    "row_hash",
    "sampling_sums",
    "uniform",
]

__getattr__ = answering(__name__)
