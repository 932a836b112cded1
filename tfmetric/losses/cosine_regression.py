"""Cosine regression: trains the cosine of a graded pair to be its score."""

import keras
from keras import ops

from tfmetric import distances
from tfmetric.losses import _inputs
from tfmetric.losses._targets import TargetLoss, finite_targets
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class CosineRegressionLoss(TargetLoss):
    """Squared error between the cosine of a pair and its score.

    Use it where the cosine itself is to be read as a score. For ranking alone
    :class:`CoSENTLoss` demands less and usually ranks better.

    Formula:
        With s_i the cosine of pair i:

            (s_i − score_i)²

    Inputs: ``y_true`` scores ``(B,)`` or ``(B, 1)`` from −1 to 1: divide grades from 0 to 5 by 5.
    ``y_pred`` ``(B, 2, D)``, the two sides of each pair, as :func:`tfmetric.models.two_tower` gives
    them.

    Args:
        reduction: "sum_over_batch_size", "sum" or None, as in Keras.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If a score is no cosine, or a shape differs.

    Example:

    >>> import numpy as np
    >>> loss = CosineRegressionLoss()
    >>> pairs = np.array([[[1.0, 0.0], [0.8, 0.6]], [[0.6, 0.8], [0.0, 1.0]]], "float32")
    >>> round(float(loss(np.array([0.2, 0.9]), pairs)), 4)
    0.185

    References:
        Reimers, Gurevych: Sentence-BERT (2019), section 3, regression objective.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_regression_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction, name, dtype)

    def read_targets(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Checks also that the scores lie in the range of cosines."""
        shape = tuple(y_pred.shape[:1])
        scores, finite = finite_targets(y_true, shape, self.compute, "one score for each pair")
        # 16-bit floats round to a hundredth.
        inside = ops.all(ops.abs(scores) < 1.01)
        _inputs.require(ops.logical_or(inside, ops.logical_not(finite)), _NO_COSINES)
        return scores, ops.logical_and(finite, inside)

    def values(self, targets: Tensor, embeddings: Tensor, weight: Tensor | None = None) -> Tensor:
        """See :class:`TargetLoss`."""
        away = distances.get("cosine").paired(embeddings[:, 0], embeddings[:, 1])
        return ops.square((1.0 - targets) - away)


_NO_COSINES = (
    "Expected scores from -1 to 1, the range of cosines; divide grades from 0 to 5 by 5. Received: "
    "y_true with larger scores"
)
