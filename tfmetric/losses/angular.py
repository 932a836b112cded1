"""Angular loss: the angle at the negative of each triangle stays below a bound."""

import math
from typing import Any

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._masked import any_of
from tfmetric.losses.base import Terms, gather_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.typing import Array, Match, Tensor


def angular_terms(
    cosines: Tensor, among: Tensor, positives: Tensor, negatives: Tensor, alpha: float = 45.0
) -> Terms:
    """Computes one term for each positive of an anchor.

    The function under :class:`AngularLoss`; see there for the arguments.

    Args:
        cosines: ``(B, N)`` cosines of the anchors and the references.
        among: ``(N, N)`` cosines of the references with each other.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        alpha: In degrees.
    """
    steep = math.tan(math.radians(alpha)) ** 2
    # Σ_n exp(4t(a·n + p·n)) over the negatives is one matrix product for all a and p. A cosine is
    # at most 1, so subtracting 8t before the sum prevents overflow; the terms stay above exp(−16t).
    anchor = ops.where(negatives, ops.exp(4.0 * steep * (cosines - 1.0)), 0.0)
    total = ops.matmul(anchor, ops.transpose(ops.exp(4.0 * steep * (among - 1.0))))
    valid = ops.logical_and(positives, any_of(negatives)[:, None])
    logarithm = 8.0 * steep + ops.log(ops.where(valid, total, 1.0))
    return gather_terms(ops.softplus(logarithm - 2.0 * (1.0 + steep) * cosines), valid, valid)


@keras.saving.register_keras_serializable(package="tfmetric")
class AngularLoss(PairLoss):
    """Angular loss over all triangles of a batch.

    The loss bounds the angle at the negative rather than a distance, so it does not depend on the
    scale of the classes. Use it for retrieval and clustering where classes differ in spread. The
    paper also adds it to an N-pairs loss; use :class:`WeightedSum` for that.

    Formula:
        With unit vectors a, p and n of an anchor, a positive and a negative, and t = tan²α, each
        positive of an anchor is compared with all its negatives N:

            log(1 + Σ_{n∈N} exp(4t·(a + p)·n − 2(1 + t)·a·p))

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, scaled to
    length 1 here. One product of B×B matrices sums the triangles: O(B³) multiplications and O(B²)
    memory.

    Args:
        alpha: α, greater than 0 and at most 60 degrees; the paper takes 36 to 55.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the pairs of anchor and positive.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = AngularLoss(alpha=45.0)
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    4.6496

    References:
        Wang, Zhou, Wen, Liu, Lin: Deep Metric Learning with Angular Loss (2017), eq. 8.
    """

    def __init__(
        self,
        alpha: float = 45.0,
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "angular_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__("cosine", match, reduction, name, dtype, gather)
        self.alpha = _arguments.number("alpha", _arguments.positive("alpha", alpha), 0, 60)

    def terms(self, labels: Array, embeddings: Array, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        matrix, positives, negatives = self.pairs(labels, embeddings, references)
        among = matrix
        if references is not None:
            among = self.distance.pairwise(references.embeddings, references.embeddings)
        return angular_terms(1.0 - matrix, 1.0 - among, positives, negatives, self.alpha)
