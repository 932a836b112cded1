"""SoftTriple: several centres per class, weighted by a softmax."""

from typing import Any

import keras
from keras import ops

from tfmetric.losses._arguments import number, positive
from tfmetric.losses.base import Terms
from tfmetric.losses.proxy_loss import ProxyLoss, own_columns, own_cosines, softmax_terms
from tfmetric.typing import Array, Tensor


def soft_triple_terms(
    labels: Array, cosines: Tensor, margin: float = 0.01, scale: float = 20.0, gamma: float = 0.1
) -> Terms:
    """Computes the value of each example; the function under :class:`SoftTripleLoss`.

    Args:
        labels: ``(B,)`` integers from 0 to C − 1.
        cosines: ``(B, C, K)`` with K centres per class, or ``(B, C)`` with one.
        margin: δ.
        scale: λ.
        gamma: γ.
    """
    if len(cosines.shape) == 3:
        cosines = ops.sum(ops.softmax(cosines / gamma, axis=-1) * cosines, axis=-1)
    own = own_columns(labels, cosines)
    return softmax_terms(own, cosines, scale * (own_cosines(own, cosines) - margin), scale)


@keras.saving.register_keras_serializable(package="tfmetric")
class SoftTripleLoss(ProxyLoss):
    """Softmax over classes, each a softly weighted set of centres.

    Use it for classes with distinct subgroups, such as one product in several colours. Put it
    behind ``ProxyHead(num_classes, centers_per_class=10, center_regularization=0.2)``:
    ``center_regularization``, τ in the paper, merges unneeded centres.

    Formula:
        With c_jk the cosine with centre k of class j, S_j the similarity of a class, and y the own
        class:

            S_j = Σ_k softmax_k(c_jk / γ)·c_jk
            −log(exp(λ(S_y − δ)) / (exp(λ(S_y − δ)) + Σ_{j≠y} exp(λ·S_j)))

    Inputs: as in :class:`ProxyLoss`.

    Args:
        margin: δ, from 0 to 2.
        scale: λ, greater than 0.
        gamma: γ, greater than 0: a smaller γ concentrates on the nearest centre.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is out of range, a label has no column, or ``y_pred`` is not
            cosines.

    Example:

    >>> import numpy as np
    >>> loss = SoftTripleLoss(scale=4.0)
    >>> cosines = np.array([[[0.8, 0.2], [0.1, 0.0]]], "float32")
    >>> round(float(loss(np.array([0]), cosines)), 4)
    0.0556

    Reference: Qian et al.: SoftTriple Loss: Deep Metric Learning Without Triplet Sampling (2019),
    eq. 7 and 10.
    """

    def __init__(
        self,
        margin: float = 0.01,
        scale: float = 20.0,
        gamma: float = 0.1,
        reduction: str | None = "auto",
        name: str | None = "soft_triple_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.margin = number("margin", margin, 0.0, 2.0)
        self.scale = positive("scale", scale)
        self.gamma = positive("gamma", gamma)

    def terms(self, labels: Array, cosines: Tensor, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        return soft_triple_terms(labels, cosines, self.margin, self.scale, self.gamma)
