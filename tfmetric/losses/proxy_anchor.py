"""Proxy-Anchor: each proxy pulls its own class and pushes the others, the hardest most."""

from typing import Any

import keras
from keras import ops

from tfmetric.losses._arguments import number, positive
from tfmetric.losses.base import Terms
from tfmetric.losses.proxy_loss import (
    LOWEST,
    ProxyLoss,
    nearest_centers,
    one_value_each,
    own_columns,
    own_cosines,
)
from tfmetric.typing import Array, Tensor


def proxy_anchor_terms(
    labels: Array, cosines: Tensor, margin: float = 0.1, scale: float = 32.0
) -> Terms:
    """Computes the value of each example; the function under :class:`ProxyAnchorLoss`.

    Args:
        labels: ``(B,)`` integers from 0 to C − 1.
        cosines: ``(B, C)``, or ``(B, C, K)`` with K centres per class.
        margin: δ.
        scale: α.
    """
    cosines = nearest_centers(cosines)
    own = own_columns(labels, cosines)
    batch = ops.cast(ops.shape(cosines)[0], cosines.dtype)
    pulled = -scale * (own_cosines(own, cosines) - margin)
    same = ops.equal(labels[:, None], labels[None, :])
    size = ops.sum(ops.cast(same, cosines.dtype), axis=1)
    # Each example reads its proxy's term by a (B, B) sum instead of a sum over all proxies.
    pull = ops.softplus(ops.logsumexp(ops.where(same, pulled[None, :], LOWEST), axis=1))
    pull = pull / size / ops.sum(1.0 / size)
    others = batch - ops.sum(ops.cast(own, cosines.dtype), axis=0)
    push = ops.logsumexp(ops.where(own, LOWEST, scale * (cosines + margin)), axis=0)
    push = ops.softplus(push) / ops.maximum(others, 1.0)
    push = ops.sum(ops.where(own, 0.0, push[None, :]), axis=1) / cosines.shape[1]
    return one_value_each(batch * (pull + push))


@keras.saving.register_keras_serializable(package="tfmetric")
class ProxyAnchorLoss(ProxyLoss):
    """Each class proxy is an anchor for all examples of the batch.

    Unlike in the softmax losses, the gradient of an example depends on how hard the other examples
    of its class are. The loss learns fast on fine-grained retrieval and tolerates noise. Use
    balanced batches.

    Formula:
        With s(x, p) the cosine, X_p⁺ the examples of proxy p's class, X_p⁻ the others, P all
        proxies and P⁺ those with examples in the batch, the loss is

            1/|P⁺| · Σ_{p∈P⁺} log(1 + Σ_{x∈X_p⁺} exp(−α(s(x, p) − δ)))
            + 1/|P| · Σ_{p∈P} log(1 + Σ_{x∈X_p⁻} exp(α(s(x, p) + δ)))

        With several centres per class the nearest centre counts. Each term is divided equally among
        its examples. An example's value is B times the sum of its shares, so that the mean of the
        values is the loss above.

    ``sample_weight`` weighs the shares, so a term counts by the mean weight of its examples. To
    exclude an example, drop it from the batch. Under a ``tf.distribute`` strategy each replica's
    shard is a separate batch.

    Inputs: as in :class:`ProxyLoss`.

    Args:
        margin: δ, from 0 to 1.
        scale: α, greater than 0.
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is out of range, a label has no column, or ``y_pred`` is not
            cosines.

    Example:

    >>> import numpy as np
    >>> loss = ProxyAnchorLoss(scale=4.0)
    >>> cosines = np.array([[0.8, 0.1, -0.3], [-0.2, 0.6, 0.1]], "float32")
    >>> round(float(loss(np.array([0, 1]), cosines)), 4)
    1.0882

    Reference: Kim et al.: Proxy Anchor Loss for Deep Metric Learning (2020), eq. 4.
    """

    def __init__(
        self,
        margin: float = 0.1,
        scale: float = 32.0,
        reduction: str | None = "auto",
        name: str | None = "proxy_anchor_loss",
        dtype: str | None = None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.margin = number("margin", margin, 0.0, 1.0)
        self.scale = positive("scale", scale)

    def terms(self, labels: Array, cosines: Tensor, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        return proxy_anchor_terms(labels, cosines, self.margin, self.scale)
