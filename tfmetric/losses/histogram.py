"""Histogram loss: the probability that a negative pair is more similar than a positive pair."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._histogram import between_nodes, row_histograms
from tfmetric.losses.base import Terms, gather_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.typing import Array, Match, Tensor


def histogram_terms(
    similarity: Tensor,
    negatives: Tensor,
    positive_similarity: Tensor,
    positives: Tensor,
    num_bins: int = 100,
    across: Callable[[Tensor], Tensor] | None = None,
) -> Terms:
    """Computes one term for each negative of an anchor: the share of positive pairs below it.

    The function under :class:`HistogramLoss`; see there for the arguments.

    Args:
        similarity: ``(B, N)`` cosines.
        negatives: ``(B, N)`` booleans.
        positive_similarity: ``(M, N)`` cosines that include all positive pairs.
        positives: ``(M, N)`` booleans: which of these cosines are positive pairs.
        num_bins: Number of bins from -1 to 1.
        across: Function that turns a sum over these positive pairs into the sum over those of all
            replicas; None where these are all of them.
    """
    across = across or (lambda value: value)
    count = across(ops.sum(ops.cast(positives, similarity.dtype)))
    position = ops.reshape((positive_similarity + 1.0) * (num_bins / 2.0), (1, -1))
    histogram = across(row_histograms(position, ops.reshape(positives, (1, -1)), num_bins)[0])
    below = ops.cumsum(histogram) / ops.maximum(count, 1.0)
    before, part = between_nodes((similarity + 1.0) * (num_bins / 2.0), num_bins)
    share = (1.0 - part) * ops.take(below, before) + part * ops.take(below, before + 1)
    valid = ops.logical_and(negatives, count > 0)
    return gather_terms(share, valid)


@keras.saving.register_keras_serializable(package="tfmetric")
class HistogramLoss(PairLoss):
    """Histogram loss: the overlap of the similarities of positive and negative pairs.

    It has no margin and no mining, and almost nothing to tune. Use it for verification, where one
    threshold separates all pairs, and with large batches, because a histogram needs many pairs.

    Formula:
        The similarities of all positive pairs of a batch make one histogram h⁺, the similarities of
        all negative pairs another, h⁻, both of sum 1. The loss is the probability that a random
        negative pair is more similar than a random positive pair:

            Σ_r h⁻_r · Φ⁺_r  with  Φ⁺_r = Σ_{q≤r} h⁺_q

    A batch has one value, split for the reductions of :class:`EmbeddingLoss`: each negative pair is
    a term with the value of Φ⁺ at its similarity, and the mean of the terms is the loss above.
    ``sample_weight`` weighs the anchor's negative pairs.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, scaled to
    length 1 here. With references, Φ⁺ covers all positive pairs among the references; if the
    anchors are not among the references, it covers the pairs of anchors and references.

    Args:
        num_bins: At least 1: bins from -1 to 1. The paper finds no difference from 50 to 200, and
            wants fewer for smaller batches.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = HistogramLoss()
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    1.0

    References:
        Ustinova, Lempitsky: Learning Deep Embeddings with Histogram Loss (2016), eq. 1 to 4.
    """

    def __init__(
        self,
        num_bins: int = 100,
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "histogram_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__("cosine", match, reduction, name, dtype, gather)
        self.num_bins = _arguments.whole("num_bins", num_bins, 1)

    def terms(self, labels: Array, embeddings: Array, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        matrix, positives, negatives = self.pairs(labels, embeddings, references)
        among, across = matrix, None
        if references is not None and references.own is None:
            # The anchors of the other replicas have positive pairs too.
            across = references.across
        elif references is not None:
            own = ops.arange(ops.shape(references.embeddings)[0], dtype="int32")
            all_of_them = references._replace(own=own)
            among, positives, _ = self.pairs(references.labels, references.embeddings, all_of_them)
            if references.valid is not None:
                positives = ops.logical_and(positives, references.valid[:, None])
        return histogram_terms(
            1.0 - matrix, negatives, 1.0 - among, positives, self.num_bins, across
        )
