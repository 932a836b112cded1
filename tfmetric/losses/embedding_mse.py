"""Embedding MSE: a student learns the embeddings of a teacher."""

import keras
from keras import ops

from tfmetric.losses._targets import TargetLoss, finite_targets
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class EmbeddingMSELoss(TargetLoss):
    """Mean squared error between a student's embeddings and a teacher's.

    Distils a large embedder into a small one, or one language into another: embed the data with the
    teacher once and train on ``(x, teacher's embeddings)``.

    Formula:
        With x the student's and t the teacher's embedding, an example costs

            ‖x − t‖² / D

    Inputs: ``y_true`` ``(B, D)`` the teacher's embeddings; ``y_pred`` ``(B, D)`` the student's. A
    student of another width needs a dense layer of D units at its end.

    Args:
        reduction: "sum_over_batch_size", "sum" or None, as in Keras.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If a value is not finite, or the shapes differ.

    Example:

    >>> import numpy as np
    >>> loss = EmbeddingMSELoss()
    >>> student = np.array([[1.0, 0.0], [0.6, 0.8]], "float32")
    >>> round(float(loss(np.array([[0.8, 0.6], [0.6, 0.8]]), student)), 4)
    0.1

    References:
        Reimers, Gurevych: Making Monolingual Sentence Embeddings Multilingual using Knowledge
        Distillation (2020), eq. 1.
    """

    rank = 2
    words = "y_pred to be embeddings of shape (batch, dim)"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "embedding_mse_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction, name, dtype)

    def read_targets(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the teacher's embeddings."""
        words = "the teacher's embeddings, as wide as the student's"
        return finite_targets(y_true, tuple(y_pred.shape), self.compute, words)

    def values(self, targets: Tensor, embeddings: Tensor, weight: Tensor | None = None) -> Tensor:
        """See :class:`TargetLoss`."""
        return ops.mean(ops.square(embeddings - targets), axis=1)
