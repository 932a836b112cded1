"""Multi-class N-pair loss: separates each positive from all negatives by the inner product."""

from typing import Any

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses.ntxent import ntxent_of
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.typing import Array, Distance, Match, Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class NPairsLoss(PairLoss):
    """Multi-class N-pair loss, with its regulariser of the embeddings' length.

    The embeddings are not normalised: their length decides how sharp the loss is, and ``l2`` keeps
    it from growing. The paper takes two examples of each class, and one negative of each other
    class. Here each example is an anchor and every negative of the batch counts. With
    ``distance="cosine"`` it is :class:`NTXentLoss` at temperature 1, a temperature too high for
    cosines.

    Formula:
        A positive pair (a, p) costs, over all negatives n of a,

            log(1 + Σ_n exp(a·n − a·p)) + l2·‖a‖²

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    normalised. TensorFlow Addons' loss of this name takes a matrix of similarities ``(B, B)``; give
    this one the embeddings, because it cannot tell such a matrix from embeddings with D = B.

    Args:
        l2: At least 0: weight of the squared length. The paper states no value; 0.001 to 0.01 suits
            embeddings without another bound.
        distance: As in :class:`PairLoss`; similarity is 1 − d for the cosine distance, −d else:
            the inner product by default.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the positive pairs of anchors that
            have a negative.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = NPairsLoss(l2=0.01)
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.8537

    References:
        Sohn: Improved Deep Metric Learning with Multi-class N-pair Loss Objective (2016), eq. 6 to
        8, and section 3.2.2 for the regulariser.
    """

    def __init__(
        self,
        l2: float = 0.0,
        distance: Distance = "inner_product",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "n_pairs_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.l2 = _arguments.number("l2", l2, 0, 1e6)

    def terms(self, labels: Array, embeddings: Array, references: Any = None) -> Any:
        """See :class:`EmbeddingLoss`."""
        terms = super().terms(labels, embeddings, references)
        if not self.l2:
            return terms
        length = self.l2 * ops.sum(ops.square(embeddings), axis=1)
        return terms._replace(total=terms.total + terms.count * length)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Any:
        """See :class:`PairLoss`."""
        return ntxent_of(positives, negatives, temperature=1.0)
