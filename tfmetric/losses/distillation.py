"""Distillation: a student learns a teacher's probabilities of the candidates of a query."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._logit_columns import check_similarity
from tfmetric.losses._targets import TargetLoss, finite_targets, row_similarity
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class DistillationLoss(TargetLoss):
    """Kullback-Leibler divergence from a teacher's to a student's softmax over candidates.

    Distils the whole ranking of a query's candidates; :class:`MarginMSELoss` distils differences.

    Formula:
        With t the teacher's scores and s the student's similarities of the C candidates of a query,
        p = softmax(t / T) and r = softmax(s / T), a query costs

            T² · Σ_c p_c · log(p_c / r_c)

    Inputs: ``y_pred`` ``(B, 1 + C, D)``: query and candidates, C at least 2, as
    ``models.two_tower(negatives=C - 1)`` gives them. ``y_true`` ``(B, C)`` the teacher's scores.

    Args:
        temperature: Greater than 0: T.
        similarity: "inner_product" of the embeddings as they are, or "cosine".
        reduction: "sum_over_batch_size", "sum" or None, as in Keras.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is unknown or out of range, a score is not finite, or a shape
            differs.

    Example:

    >>> import numpy as np
    >>> loss = DistillationLoss()
    >>> triplets = np.array([[[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]], "float32")
    >>> round(float(loss(np.array([[2.0, 0.0]]), triplets)), 4)
    0.1011

    References:
        Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network (2015), section 2; on
        queries and candidates as in Lin, Yang, Lin: In-Batch Negatives for Knowledge Distillation
        with Tightly-Coupled Teachers (2021), eq. 4.
    """

    columns = (3, 2**20)
    words = (
        "y_pred to be embeddings (batch, 1 + candidates, dim) of a query and at least 2 "
        "candidates, as models.two_tower(negatives=...) gives"
    )

    def __init__(
        self,
        temperature: float = 1.0,
        similarity: str = "inner_product",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "distillation_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction, name, dtype)
        self.temperature = _arguments.positive("temperature", temperature)
        self.similarity = check_similarity(similarity)

    def read_targets(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the teacher's scores ``(B, C)``."""
        size, columns = y_pred.shape[:2]
        words = "the teacher's score of each candidate"
        return finite_targets(y_true, (size, columns - 1), self.compute, words)

    def values(self, targets: Tensor, embeddings: Tensor, weight: Tensor | None = None) -> Tensor:
        """See :class:`TargetLoss`."""
        query, candidates = embeddings[:, :1], embeddings[:, 1:]
        student = row_similarity(query, candidates, self.similarity)
        teacher, student = (
            ops.log_softmax(each / self.temperature, axis=-1) for each in (targets, student)
        )
        # A logarithm far below 0 stays finite: its probability is exactly 0.
        divergence = ops.sum(ops.exp(teacher) * (teacher - student), axis=1)
        return self.temperature**2 * divergence
