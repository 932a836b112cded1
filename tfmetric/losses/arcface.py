"""ArcFace: softmax with a margin on the angle between an example and its class proxy."""

import math
from numbers import Real
from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.distances import safe_sqrt
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


def arcface_terms(
    labels: Array, cosines: Tensor, margin: float = 0.5, scale: float = 64.0
) -> Terms:
    """Computes the value of each example; the function under :class:`ArcFaceLoss`.

    Args:
        labels: ``(B,)`` integers from 0 to C − 1.
        cosines: ``(B, C)``, or ``(B, C, K)`` with K centres per class.
        margin: Radians.
        scale: Greater than 0.
    """
    cosines = nearest_centers(cosines)
    own = own_columns(labels, cosines)
    cosine = own_cosines(own, cosines)
    # cos(θ + m) is expanded as a sum, because arccos has no finite derivative at a cosine of 1.
    sine = safe_sqrt((1.0 - cosine) * (1.0 + cosine))
    turned = cosine * math.cos(margin) - sine * math.sin(margin)
    beyond = cosine <= -math.cos(margin)
    turned = ops.where(beyond, cosine - margin * math.sin(margin), turned)
    return softmax_terms(own, cosines, scale * turned, scale)


@keras.saving.register_keras_serializable(package="tfmetric")
class ArcFaceLoss(ProxyLoss):
    """Softmax over class proxies, with a margin added to the angle to the own class's proxy.

    The usual loss of face recognition, and a strong choice for many labelled classes. It needs
    neither pairs nor balanced batches. With several centres per class in
    :class:`tfmetric.layers.ProxyHead` it is sub-center ArcFace, which tolerates noisy labels: an
    example is compared with the nearest centre of each class.

    Formula:
        With θ_j the angle to proxy j, y the own class, m the margin and s the scale:

            −log(exp(s·cos(θ_y + m)) / (exp(s·cos(θ_y + m)) + Σ_{j≠y} exp(s·cos θ_j)))

        Beyond θ_y = π − m the cosine of the sum would rise again, so cos θ_y − m·sin m, which keeps
        falling, replaces it. At a cosine of exactly ±1 the gradient is that of cos θ_y · cos m
        alone, and finite. With several centres per class the nearest centre counts.

    Inputs: as in :class:`ProxyLoss`.

    Args:
        margin: Radians, from 0 to π/2; 0.5 is 28.6°. If training does not start, begin with less.
        scale: Greater than 0; 64 for thousands of classes, 16 to 32 for few.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is out of range, a label has no column, or ``y_pred`` is not
            cosines.

    Example:

    >>> import numpy as np
    >>> loss = ArcFaceLoss(margin=0.5, scale=4.0)
    >>> round(float(loss(np.array([0]), np.array([[0.8, 0.1, -0.3]], "float32"))), 4)
    0.294

    References:
        Deng et al.: ArcFace: Additive Angular Margin Loss for Deep Face Recognition (2019), eq. 3;
        several centres as in Deng et al.: Sub-center ArcFace (2020).
    """

    def __init__(
        self,
        margin: float = 0.5,
        scale: float = 64.0,
        reduction: str | None = "auto",
        name: str | None = "arcface_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        if isinstance(margin, Real) and math.pi / 2 < margin <= 90:
            raise ValueError(
                expected(
                    "margin in radians, from 0 to 1.57; convert degrees by "
                    f"math.radians({margin:g}), which is {math.radians(margin):.3g}",
                    margin=margin,
                )
            )
        self.margin = number("margin", margin, 0.0, math.pi / 2)
        self.scale = positive("scale", scale)

    def terms(self, labels: Array, cosines: Tensor, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        return arcface_terms(labels, cosines, self.margin, self.scale)
