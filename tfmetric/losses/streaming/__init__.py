"""Pair losses without a matrix of all pairs.

Sorting by label puts an anchor's few positives next to each other. Their distances are computed by
direct difference: exact, and exactly 0 for equal embeddings (``class_pairs``). A loss reduces the
many negatives to sums, counts, log-sum-exps and extremes (``reductions``), strip by strip of the
product of two matrices (``factors``, ``layout``, ``strips``). No strip is kept: the backward pass
computes the strips again. A loss that needs whole rows gets a block of anchors at a time
(``blocks``).
"""

from tfmetric.losses.streaming.blocks import in_blocks
from tfmetric.losses.streaming.factors import FACTORS
from tfmetric.losses.streaming.reductions import (
    FAR,
    Count,
    Held,
    Largest,
    LogSumExp,
    Smallest,
    Sum,
)
from tfmetric.losses.streaming.streamed_or_held import streamed_or_held

__all__ = [
    "FACTORS",
    "FAR",
    "Count",
    "Held",
    "Largest",
    "LogSumExp",
    "Smallest",
    "Sum",
    "in_blocks",
    "streamed_or_held",
]
