"""SphereFace: multiplies the angle to the own class's proxy."""

import math
from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses._arguments import positive
from tfmetric.losses.base import Terms
from tfmetric.losses.proxy_loss import (
    ProxyLoss,
    nearest_centers,
    own_columns,
    own_cosines,
    softmax_terms,
)
from tfmetric.typing import Array, Tensor


def sphereface_terms(
    labels: Array, cosines: Tensor, margin: float = 4, scale: float = 30.0
) -> Terms:
    """Computes the value of each example; the function under :class:`SphereFaceLoss`.

    Args:
        labels: ``(B,)`` integers from 0 to C − 1.
        cosines: ``(B, C)``, or ``(B, C, K)`` with K centres per class.
        margin: Factor of the angle, a whole number.
        scale: Greater than 0.
    """
    cosines = nearest_centers(cosines)
    own = own_columns(labels, cosines)
    return softmax_terms(own, cosines, scale * _psi(own_cosines(own, cosines), margin), scale)


def _psi(cosine, margin):
    """Extends cos(mθ) to a falling function: (−1)^k·cos(mθ) − 2k on θ from kπ/m to (k + 1)π/m."""
    # cos(mθ) is a polynomial of cos θ (Chebyshev), so no angle is needed.
    before, multiple = ops.ones_like(cosine), cosine
    for _ in range(margin - 1):
        before, multiple = multiple, 2.0 * cosine * multiple - before
    k = sum(
        (ops.cast(cosine < math.cos(j * math.pi / margin), cosine.dtype) for j in range(1, margin)),
        ops.zeros_like(cosine),
    )
    return (1.0 - 2.0 * (k % 2.0)) * multiple - 2.0 * k


@keras.saving.register_keras_serializable(package="tfmetric")
class SphereFaceLoss(ProxyLoss):
    """Softmax over class proxies that multiplies the angle to the own proxy by ``margin``.

    The first angular margin. :class:`ArcFaceLoss` and :class:`CosFaceLoss` train more easily; use
    SphereFace to compare with work that used it. With a margin of 4 the own logit falls to
    −7·scale, so early losses are large; try a margin of 2 if training fails.

    Formula:
        With θ_j the angle to proxy j, y the own class, m the margin and s the scale:

            ψ(θ) = (−1)^k·cos(mθ) − 2k  for θ from kπ/m to (k + 1)π/m
            −log(exp(s·ψ(θ_y)) / (exp(s·ψ(θ_y)) + Σ_{j≠y} exp(s·cos θ_j)))

        The paper uses the length of the embedding as s; on cosines s is a constant. With several
        centres per class the nearest centre counts.

    Inputs: as in :class:`ProxyLoss`.

    Args:
        margin: A whole number from 1 to 10.
        scale: Greater than 0.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is out of range, a label has no column, or ``y_pred`` is not
            cosines.

    Example:

    >>> import numpy as np
    >>> loss = SphereFaceLoss(margin=2, scale=4.0)
    >>> round(float(loss(np.array([0]), np.array([[0.8, 0.1, -0.3]], "float32"))), 4)
    0.4606

    Reference: Liu et al.: SphereFace: Deep Hypersphere Embedding for Face Recognition (2017),
    eq. 7; a fixed scale as in Liu et al.: SphereFace Revived (2022).
    """

    def __init__(
        self,
        margin: float = 4,
        scale: float = 30.0,
        reduction: str | None = "auto",
        name: str | None = "sphereface_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        if isinstance(margin, bool) or margin not in range(1, 11):
            raise ValueError(expected("margin to be a whole number from 1 to 10", margin=margin))
        self.margin = int(margin)
        self.scale = positive("scale", scale)

    def terms(self, labels: Array, cosines: Tensor, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        return sphereface_terms(labels, cosines, self.margin, self.scale)
