"""Which positives and negatives an anchor is compared with: the in-graph selection core.

Everything here takes tensors and returns indices, masks and counts of static shape, so that it
compiles with XLA and runs on every Keras backend. Nothing here carries a gradient: what is chosen
is constant, and the losses recompute the distances of the choice.

A *ranking* is a ``(B, B)`` matrix that orders each anchor's row as the distance does; smaller is
nearer. ``positives`` and ``negatives`` are ``(B, B)`` boolean masks with an anchor a row.
"""

from tfmetric.mining.choice import Chosen, one_triplet
from tfmetric.mining.masks import label_masks
from tfmetric.mining.ordering import active_counts, nearest_further
from tfmetric.mining.strategies import NAMED, STRATEGIES, resolve

__all__ = [
    "NAMED",
    "STRATEGIES",
    "Chosen",
    "active_counts",
    "label_masks",
    "nearest_further",
    "one_triplet",
    "resolve",
]
