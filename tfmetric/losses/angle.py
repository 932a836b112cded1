"""AnglE loss: the angles of graded pairs in a complex plane, in the order of their scores."""

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.distances import l2_normalize
from tfmetric.losses._score_order import ScoreOrderLoss
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class AngleLoss(ScoreOrderLoss):
    """AnglE loss: the order of the scores, demanded of angles between complex vectors.

    Cosines near 1 and −1 have hardly a gradient; this similarity has one there. Use it beside
    :class:`CoSENTLoss` on the same scores, as the paper does. :class:`AngularLoss` is another loss,
    of classes.

    Formula:
        The first half of a vector is the real part of D/2 complex numbers, the second half the
        imaginary part. With x = a + ib and y = c + id, lengths ‖x‖ and ‖y‖ over all components, the
        similarity of a pair is the absolute sum of the real and imaginary parts of the normalised
        quotient, and a batch costs, over all i and j with score_i > score_j, the second line:

            s = |Σ (a·c + b·d) + Σ (b·c − a·d)| / (‖x‖·‖y‖)
            log(1 + Σ exp(scale·(s_j − s_i)))

        The order is that of the authors' code and of Sentence-Transformers, where s counts as a
        similarity; the paper writes the difference the other way round.

    One value a batch, weights, cost and replicas as in :class:`CoSENTLoss`.

    Inputs: ``y_true`` scores ``(B,)`` or ``(B, 1)``; ``y_pred`` ``(B, 2, D)`` with D even.

    Args:
        scale: Greater than 0: the inverse of the temperature.
        reduction: "sum_over_batch_size", "sum" or None, as in Keras.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is out of range, D is odd, a score is not finite, or a shape
            differs.

    Example:

    >>> import numpy as np
    >>> loss = AngleLoss(scale=1.0)
    >>> pairs = np.array([[[1.0, 0.0], [0.8, 0.6]], [[0.8, 0.6], [1.0, 0.0]]], "float32")
    >>> round(float(loss(np.array([0.2, 0.9]), pairs)), 4)
    0.2633

    References:
        Li, Li: AnglE-optimized Text Embeddings (2023), eq. 4 to 8.
    """

    def __init__(
        self,
        scale: float = 20.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "angle_loss",
        dtype: str | None = None,
    ):
        super().__init__(scale, reduction, name, dtype)

    def similarity(self, left: Tensor, right: Tensor) -> Tensor:
        """Returns |x̂·ŷ + b̂·ĉ − â·d̂|."""
        if left.shape[1] % 2:
            raise ValueError(
                expected(
                    "embeddings of an even number of values, the real and the imaginary parts",
                    dim=left.shape[1],
                )
            )
        x, y = l2_normalize(left), l2_normalize(right)
        a, b = ops.split(x, 2, axis=1)
        c, d = ops.split(y, 2, axis=1)
        return ops.abs(ops.sum(a * (c - d) + b * (c + d), axis=1))
