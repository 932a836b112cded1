"""Recall at k, made differentiable by two sigmoids."""

from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import _arguments
from tfmetric.losses._masked import any_of
from tfmetric.losses._soft_ranks import sum_of_gains
from tfmetric.losses.base import Terms, anchor_terms
from tfmetric.losses.pair_loss import PairLoss, similarities
from tfmetric.typing import Distance, Match, Tensor


def recall_at_k_terms(
    similarity: Tensor,
    positives: Tensor,
    negatives: Tensor,
    k: Any = (1, 2, 4, 8),
    rank_temperature: float = 1.0,
    temperature: float = 0.01,
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`RecallAtKLoss`; see there for the arguments.

    Args:
        similarity: ``(B, N)`` similarities.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        k: Lengths of the list.
        rank_temperature: Of the sigmoid on ranks.
        temperature: Of the sigmoid on similarities.
    """
    lengths = ops.cast(k, similarity.dtype)[None, :]
    number = ops.sum(ops.cast(positives, similarity.dtype), axis=1, keepdims=True)
    share = 1.0 / (len(k) * ops.maximum(ops.minimum(lengths, number), 1.0))

    def listed(among_positives, among_all):
        inside = ops.sigmoid((lengths - among_all) / rank_temperature)
        slope = -inside * (1.0 - inside) / rank_temperature
        value, by_all = (ops.sum(share * x, axis=1, keepdims=True) for x in (inside, slope))
        return value, ops.zeros_like(value), by_all

    others = ops.logical_or(positives, negatives)
    total = sum_of_gains(similarity, positives, others, temperature, listed)
    return anchor_terms(1.0 - total, any_of(positives))


@keras.saving.register_keras_serializable(package="tfmetric")
class RecallAtKLoss(PairLoss):
    """One minus a smooth recall at k, averaged over several k.

    Each anchor is a query, for which the rest of the batch is ranked. Use it for retrieval judged
    by the share of positives among the first k, with batches as large as possible (the paper:
    4096). Like :class:`SmoothAPLoss` it refines an embedding that already ranks well. The smallest
    value is not 0, because a positive at rank k counts half. A batch whose positives all tie may
    fall a little below 0.

    Formula:
        With σ the sigmoid, s the similarity and P the positives, a positive i has the rank r_i, and
        the anchor gives

            r_i = 1 + Σ_{j≠i} σ((s_j − s_i)/τ₂)
            1 − mean over k of Σ_{i∈P} σ((k − r_i)/τ₁) / min(k, |P|)

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised: the cosine distance does that. The time is O(B²·K) for classes of K
    examples, the memory O(B²).

    Args:
        k: Lengths of the list, whole numbers of at least 1.
        rank_temperature: τ₁, greater than 0, in ranks.
        temperature: τ₂, greater than 0, in units of similarity; 0.01 for cosines.
        distance: As in :class:`PairLoss`; similarity is 1 − d for the cosine distance, −d else.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the anchors that have a positive.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = RecallAtKLoss(k=(1, 2))
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.6155

    References:
        Patel, Tolias, Matas: Recall@k Surrogate Loss with Large Batches and Similarity Mixup
        (2022), sec. 3.2; the anchor itself is not ranked.
    """

    def __init__(
        self,
        k: Any = (1, 2, 4, 8),
        rank_temperature: float = 1.0,
        temperature: float = 0.01,
        distance: Distance = "cosine",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "recall_at_k_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        if not isinstance(k, (tuple, list)) or not k:
            raise ValueError(expected("k to be a tuple of whole numbers of at least 1", k=k))
        self.k = tuple(_arguments.whole("each k", length, 1) for length in k)
        self.rank_temperature = _arguments.positive("rank_temperature", rank_temperature)
        self.temperature = _arguments.positive("temperature", temperature)

    def pair_terms(self, matrix: Tensor, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return recall_at_k_terms(
            similarities(matrix, self.distance),
            positives,
            negatives,
            self.k,
            self.rank_temperature,
            self.temperature,
        )
