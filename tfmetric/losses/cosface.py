"""CosFace: softmax with a margin on the cosine between an example and its class proxy."""

from typing import Any

import keras

from tfmetric.losses._arguments import number, positive
from tfmetric.losses.base import Terms
from tfmetric.losses.proxy_loss import (
    ProxyLoss,
    nearest_centers,
    own_columns,
    own_cosines,
    softmax_terms,
)
from tfmetric.typing import Array, Tensor


def cosface_terms(
    labels: Array, cosines: Tensor, margin: float = 0.35, scale: float = 64.0
) -> Terms:
    """Computes the value of each example; the function under :class:`CosFaceLoss`.

    Args:
        labels: ``(B,)`` integers from 0 to C − 1.
        cosines: ``(B, C)``, or ``(B, C, K)`` with K centres per class.
        margin: Amount by which the own class's cosine must be greater.
        scale: Greater than 0.
    """
    cosines = nearest_centers(cosines)
    own = own_columns(labels, cosines)
    return softmax_terms(own, cosines, scale * (own_cosines(own, cosines) - margin), scale)


@keras.saving.register_keras_serializable(package="tfmetric")
class CosFaceLoss(ProxyLoss):
    """Softmax over class proxies, with a margin subtracted from the own class's cosine.

    Like :class:`ArcFaceLoss`, but its gradient does not depend on the angle. It trains more stably,
    so try it before ArcFace.

    Formula:
        With c_j the cosine with proxy j, y the own class, m the margin and s the scale:

            −log(exp(s·(c_y − m)) / (exp(s·(c_y − m)) + Σ_{j≠y} exp(s·c_j)))

        With several centres per class the nearest centre counts.

    Inputs: as in :class:`ProxyLoss`.

    Args:
        margin: From 0 to 2. The paper's 0.35 was found on faces.
        scale: Greater than 0; 64 for thousands of classes, 16 to 32 for few.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is out of range, a label has no column, or ``y_pred`` is not
            cosines.

    Example:

    >>> import numpy as np
    >>> loss = CosFaceLoss(margin=0.35, scale=4.0)
    >>> round(float(loss(np.array([0]), np.array([[0.8, 0.1, -0.3]], "float32"))), 4)
    0.2596

    Reference: Wang et al.: CosFace: Large Margin Cosine Loss for Deep Face Recognition (2018),
    eq. 4.
    """

    def __init__(
        self,
        margin: float = 0.35,
        scale: float = 64.0,
        reduction: str | None = "auto",
        name: str | None = "cosface_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.margin = number("margin", margin, 0.0, 2.0)
        self.scale = positive("scale", scale)

    def terms(self, labels: Array, cosines: Tensor, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        return cosface_terms(labels, cosines, self.margin, self.scale)
