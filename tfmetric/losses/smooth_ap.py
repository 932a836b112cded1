"""Smooth-AP: average precision, with a sigmoid in place of each comparison."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._masked import any_of
from tfmetric.losses._soft_ranks import sum_of_gains
from tfmetric.losses.base import Terms, anchor_terms
from tfmetric.losses.pair_loss import PairLoss, similarities
from tfmetric.typing import Distance, Match, Tensor


def smooth_ap_terms(
    similarity: Tensor, positives: Tensor, negatives: Tensor, temperature: float = 0.01
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`SmoothAPLoss`; see there for the arguments.

    Args:
        similarity: ``(B, N)`` similarities.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        temperature: Of the sigmoid.
    """

    def precision(among_positives, among_all):
        value = among_positives / among_all
        return value, 1.0 / among_all, -value / among_all

    others = ops.logical_or(positives, negatives)
    total = sum_of_gains(similarity, positives, others, temperature, precision)
    number = ops.sum(ops.cast(positives, similarity.dtype), axis=1)
    # The best value is 1; the sum of rounded shares may exceed it.
    return anchor_terms(ops.relu(1.0 - total / ops.maximum(number, 1.0)), any_of(positives))


@keras.saving.register_keras_serializable(package="tfmetric")
class SmoothAPLoss(PairLoss):
    """Smooth-AP: one minus the average precision of each anchor, with soft ranks.

    Each anchor is a query, for which the rest of the batch is ranked. Use it for retrieval judged
    by mean average precision, with large batches (the paper: 112 to 384) and several examples of
    each class. Only similarities that differ by a few τ have a gradient, so the loss refines an
    embedding that already ranks well; do not start with it. :class:`FastAPLoss` is faster and
    coarser.

    Formula:
        R(i, S) is the rank of a positive i in a set S. With s the similarity, P the positives and Ω
        all ranked examples, the anchor costs

            R(i, S) = 1 + Σ_{j∈S, j≠i} sigmoid((s_j − s_i)/τ)
            1 − (1/|P|) Σ_{i∈P} R(i, P) / R(i, Ω)

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised: the cosine distance does that. The time is O(B²·K) for classes of K
    examples, the memory O(B²); classes may be of different sizes.

    Args:
        temperature: τ, greater than 0, in units of similarity. A smaller τ is closer to the true
            average precision but leaves fewer pairs with a gradient; 0.01 for cosines.
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
    >>> loss = SmoothAPLoss(temperature=0.01)
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.5

    References:
        Brown, Xie, Kalogeiton, Zisserman: Smooth-AP: Smoothing the Path Towards Large-Scale Image
        Retrieval (2020), eq. 6 to 8; the anchor itself is not ranked.
    """

    def __init__(
        self,
        temperature: float = 0.01,
        distance: Distance = "cosine",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "smooth_ap_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.temperature = _arguments.positive("temperature", temperature)

    def pair_terms(self, matrix: Tensor, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        similarity = similarities(matrix, self.distance)
        return smooth_ap_terms(similarity, positives, negatives, self.temperature)
