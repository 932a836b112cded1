"""Softmax over the cosines with class proxies, without a margin: NormalizedSoftmax, ProxyNCA++."""

from typing import Any

import keras

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


def normalized_softmax_terms(labels: Array, cosines: Tensor, temperature: float = 0.05) -> Terms:
    """Computes the value of each example; the function under :class:`NormalizedSoftmaxLoss`.

    Args:
        labels: ``(B,)`` integers from 0 to C − 1.
        cosines: ``(B, C)``, or ``(B, C, K)`` with K centres per class.
        temperature: Greater than 0.
    """
    cosines = nearest_centers(cosines)
    own = own_columns(labels, cosines)
    return softmax_terms(own, cosines, own_cosines(own, cosines) / temperature, 1 / temperature)


@keras.saving.register_keras_serializable(package="tfmetric")
class NormalizedSoftmaxLoss(ProxyLoss):
    """Cross entropy of the cosines with class proxies, divided by a temperature.

    The plain baseline among the losses with proxies: hard to beat, with only the temperature to
    tune. :class:`CosFaceLoss` and :class:`ArcFaceLoss` add a margin.

    Formula:
        With c_j the cosine with proxy j, y the own class and t the temperature:

            −log(exp(c_y / t) / Σ_j exp(c_j / t))

        With several centres per class the nearest centre counts.

    Inputs: as in :class:`ProxyLoss`.

    Args:
        temperature: Greater than 0; usually 0.02 to 0.2. A smaller value concentrates on the
            nearest proxies.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is out of range, a label has no column, or ``y_pred`` is not
            cosines.

    Example:

    >>> import numpy as np
    >>> loss = NormalizedSoftmaxLoss(temperature=0.25)
    >>> round(float(loss(np.array([0]), np.array([[0.8, 0.1, -0.3]], "float32"))), 4)
    0.0705

    Reference: Zhai, Wu: Classification is a Strong Baseline for Deep Metric Learning (2019), eq. 4.
    """

    def __init__(
        self,
        temperature: float = 0.05,
        reduction: str | None = "auto",
        name: str | None = "normalized_softmax_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.temperature = positive("temperature", temperature)

    def terms(self, labels: Array, cosines: Tensor, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        return normalized_softmax_terms(labels, cosines, self.temperature)


def proxy_nca_terms(labels: Array, cosines: Tensor, temperature: float = 1 / 9) -> Terms:
    """Computes the value of each example; the function under :class:`ProxyNCALoss`.

    Args:
        labels: ``(B,)`` integers from 0 to C − 1.
        cosines: ``(B, C)``, or ``(B, C, K)`` with K centres per class.
        temperature: Greater than 0.
    """
    # The squared distance of unit vectors is 2 − 2·cosine, and the 2 cancels in the softmax.
    return normalized_softmax_terms(labels, cosines, temperature / 2)


@keras.saving.register_keras_serializable(package="tfmetric")
class ProxyNCALoss(ProxyLoss):
    """ProxyNCA++: neighbourhood components analysis with class proxies for neighbours.

    Use it for fine-grained retrieval with few examples per class. The paper trains its proxies at a
    higher learning rate; see ``initial_norm`` of :class:`tfmetric.layers.ProxyHead`.

    Formula:
        With d_j the Euclidean distance of the normalised embedding to proxy j, y the own class and
        t the temperature:

            −log(exp(−d_y² / t) / Σ_j exp(−d_j² / t))

        Unlike in the first ProxyNCA, the own proxy is in the denominator, so the value is minus the
        logarithm of a probability and never negative. It equals :class:`NormalizedSoftmaxLoss` at
        half the temperature. With several centres per class the nearest centre counts.

    Inputs: as in :class:`ProxyLoss`.

    Args:
        temperature: Greater than 0; 1/9 as in the paper.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is out of range, a label has no column, or ``y_pred`` is not
            cosines.

    Example:

    >>> import numpy as np
    >>> loss = ProxyNCALoss(temperature=0.5)
    >>> round(float(loss(np.array([0]), np.array([[0.8, 0.1, -0.3]], "float32"))), 4)
    0.0705

    Reference: Teh, DeVries, Taylor: ProxyNCA++: Revisiting and Revitalizing Proxy Neighborhood
    Component Analysis (2020), eq. 6.
    """

    def __init__(
        self,
        temperature: float = 1 / 9,
        reduction: str | None = "auto",
        name: str | None = "proxy_nca_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.temperature = positive("temperature", temperature)

    def terms(self, labels: Array, cosines: Tensor, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        return proxy_nca_terms(labels, cosines, self.temperature)
