"""Margin MSE: a student learns by how much a teacher prefers a positive to each negative."""

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses._logit_columns import check_similarity
from tfmetric.losses._targets import TargetLoss, finite_targets, row_similarity
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class MarginMSELoss(TargetLoss):
    """Squared error between a student's and a teacher's margins of positives over negatives.

    Distils a slow, better model, such as a cross-encoder, into two towers. The student may score on
    another scale than the teacher, because margins count, not scores.

    Formula:
        With s the student's similarity and t the teacher's score, query q, positive p and H
        negatives n_h, an example costs

            Σ_h ((s(q,p) − s(q,n_h)) − (t(q,p) − t(q,n_h)))² / H

    Inputs: ``y_pred`` ``(B, 2 + H, D)``: query, positive and negatives, as
    ``models.two_tower(negatives=H)`` gives them. ``y_true`` ``(B, 1 + H)``, the teacher's scores of
    the positive and of each negative; or ``(B, H)``, its margins, ``(B,)`` too where H is 1.

    Args:
        similarity: "inner_product" of the embeddings as they are, or "cosine".
        reduction: "sum_over_batch_size", "sum" or None, as in Keras.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is unknown, a score is not finite, or a shape differs.

    Example:

    >>> import numpy as np
    >>> loss = MarginMSELoss()
    >>> triplets = np.array([[[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]], "float32")
    >>> round(float(loss(np.array([[9.0, 8.5]]), triplets)), 4)
    0.09

    References:
        Hofstätter, Althammer, Schröder, Sertkan, Hanbury: Improving Efficient Neural Ranking Models
        with Cross-Architecture Knowledge Distillation (2020), eq. 3.
    """

    columns = (3, 2**20)
    words = (
        "y_pred to be embeddings (batch, 2 + negatives, dim) of query, positive and negatives, as "
        "models.two_tower(negatives=...) gives"
    )

    def __init__(
        self,
        similarity: str = "inner_product",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "margin_mse_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction, name, dtype)
        self.similarity = check_similarity(similarity)

    def read_targets(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the teacher's margins ``(B, H)``."""
        size, columns = y_pred.shape[:2]
        if len(y_true.shape) == 1:
            margins, right = finite_targets(y_true, (size,), self.compute, _words(1))
            margins = margins[:, None]
        elif y_true.shape[1] == columns - 1:
            scores, right = finite_targets(y_true, (size, columns - 1), self.compute)
            margins = scores[:, :1] - scores[:, 1:]
        else:
            words = _words(columns - 2)
            margins, right = finite_targets(y_true, (size, columns - 2), self.compute, words)
        if margins.shape[1] != columns - 2:
            raise ValueError(expected(_words(columns - 2), y_true_shape=tuple(y_true.shape)))
        return margins, right

    def values(self, targets: Tensor, embeddings: Tensor, weight: Tensor | None = None) -> Tensor:
        """See :class:`TargetLoss`."""
        query, positive, negatives = embeddings[:, :1], embeddings[:, 1:2], embeddings[:, 2:]
        margins = row_similarity(query, positive, self.similarity) - row_similarity(
            query, negatives, self.similarity
        )
        return ops.mean(ops.square(margins - targets), axis=1)


def _words(number):
    return (
        f"the teacher's {number + 1} scores of the positive and the negatives, or its {number} "
        "margins, for each example"
    )
