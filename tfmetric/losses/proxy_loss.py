"""The base of the losses on the cosines of embeddings and class proxies."""

from typing import Any

from keras import ops

from tfmetric._embedding_mark import is_marked
from tfmetric._errors import expected
from tfmetric.losses import _inputs
from tfmetric.losses.base import EmbeddingLoss, Terms
from tfmetric.typing import Tensor

# Vanishes in any sum of exponentials but stays finite: −∞ would turn the gradient into NaN.
LOWEST = -1e30


class ProxyLoss(EmbeddingLoss):
    """Base of the losses on class ids and the cosines of embeddings and class proxies.

    The loss has no weights. :class:`tfmetric.layers.ProxyHead` holds the proxies, one or several
    for each class, and emits the cosines, so the embedder stays a separate model. Train both with
    :func:`tfmetric.models.with_proxies`, or as ``keras.Sequential([embedder, head])``.

    Inputs: ``y_true`` ``(B,)`` or ``(B, 1)`` class ids from 0 to C − 1, the columns of ``y_pred``,
    the cosines ``(B, C)``, or ``(B, C, K)`` with K centres per class. Other class ids, and values
    that are not cosines, raise an error; where the backend cannot raise from a compiled step the
    loss is NaN. Every example has one value, so reductions are those of :class:`EmbeddingLoss` with
    a count of 1.

    A subclass implements :meth:`terms` on labels ``(B,)`` and cosines.

    Args:
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype, or dtype policy, of the result.
    """

    def __init__(
        self, reduction: str | None = "auto", name: str | None = None, dtype: str | None = None
    ):
        # Every replica holds all proxies, so nothing is gathered.
        super().__init__(reduction=reduction, name=name, dtype=dtype)

    # Proxies are the references.
    def call(  # type: ignore[override]
        self, y_true: Tensor, y_pred: Tensor, memory: Any = None
    ) -> Tensor:
        """Returns values ``(B,)`` whose plain mean, or sum, is the reduced loss."""
        if memory is not None:
            raise ValueError(
                expected("a loss that compares examples: proxies need no memory", loss=self.name)
            )
        if is_marked(y_pred):
            raise ValueError(
                expected(
                    "y_pred to be the cosines with class proxies, not embeddings: train "
                    "models.with_proxies(embedder, layers.ProxyHead(num_classes))",
                    y_pred_shape=tuple(y_pred.shape),
                    loss=self.name,
                )
            )
        compute = "float64" if self.dtype == "float64" else "float32"
        y_true, y_pred = _inputs.rows(y_true), ops.convert_to_tensor(y_pred)
        _inputs.one_label_each(y_true, y_pred)
        size = ops.shape(y_pred)[0] if _inputs.may_be_empty(y_pred) else None
        y_true, y_pred = map(_inputs.at_least_one_row, (y_true, y_pred))
        cosines, finite = _inputs.cosines(y_pred, compute)
        labels, known = _inputs.proxy_indices(y_true, cosines.shape[1])
        _inputs.one_label_each(labels, cosines)
        # A label vector of another length must not broadcast.
        labels = ops.reshape(labels, (ops.shape(cosines)[0],))
        right = ops.logical_and(finite, known)
        # Each example has one value, so the batch needs no sum or count.
        values = self.terms(labels, cosines).total
        return ops.where(right, values, ops.cast(float("nan"), values.dtype))[:size]


def one_value_each(values) -> Terms:
    """Returns :class:`Terms` with one value for each example, all valid and active.

    Softmax losses are positive even where float32 rounds them to 0.
    """
    return Terms(values, ops.ones_like(values), ops.ones_like(values))


def nearest_centers(cosines):
    """Reduces ``(B, C, K)`` to each class's best centre; returns ``(B, C)`` unchanged."""
    return ops.max(cosines, axis=-1) if len(cosines.shape) == 3 else cosines


def own_columns(labels, cosines):
    """Returns ``(B, C)`` booleans: the column of each example's own class."""
    columns = ops.arange(cosines.shape[1], dtype="int32")
    return ops.equal(ops.cast(labels, "int32")[:, None], columns[None, :])


def own_cosines(own, cosines):
    """Returns ``(B,)``: each example's cosine in its own column, from :func:`own_columns`."""
    return ops.sum(ops.where(own, cosines, ops.zeros_like(cosines)), axis=1)


def softmax_terms(own, cosines, own_logit, scale) -> Terms:
    """Returns −log of the own class's share in a softmax.

    Args:
        own: ``(B, C)`` booleans, the columns of the own classes.
        cosines: ``(B, C)``; ``scale`` times these are the logits of the other classes.
        own_logit: ``(B,)`` logits of the own classes.
        scale: The scale.
    """
    others = ops.logsumexp(ops.where(own, LOWEST, scale * cosines), axis=1)
    # A difference of logarithms would lose small losses in the rounding of the scale.
    return one_value_each(ops.softplus(others - own_logit))
