"""Pair losses without a matrix of all pairs.

In the order of the labels an anchor's few positives stand together: their distances are taken by
direct difference, exact and exactly 0 for equal embeddings (``class_pairs``). What a loss asks of
the many negatives, sums, counts, log-sum-exps and extremes (``reductions``), is found strip by
strip of the product of two matrices (``factors``, ``layout``, ``strips``), nothing of which is
kept: the backward pass computes the strips again. A loss that needs whole rows gets them, some
anchors at a time (``blocks``).
"""

from tfmetric.losses.streaming.blocks import in_blocks
from tfmetric.losses.streaming.either import streamed_or_held
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
