"""The base of the losses on the cosines of embeddings and class proxies."""

from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import _inputs
from tfmetric.losses.base import EmbeddingLoss, Terms

# Out of any sum of exponentials, and still a number: −∞ would make NaN of the gradient.
LOWEST = -1e30


class ProxyLoss(EmbeddingLoss):
    """Base of the losses on class ids and the cosines of embeddings and class proxies.

    The weights, a vector or several for each class, live in :class:`tfmetric.layers.ProxyHead`,
    which emits the cosines; the loss has none. So the embedder stays a model of its own. Train
    the two with :func:`tfmetric.models.with_proxies`, or as ``keras.Sequential([embedder, head])``.

    Inputs: ``y_true`` ``(B,)`` or ``(B, 1)`` class ids from 0 to C − 1, the columns of
    ``y_pred``, the cosines ``(B, C)``, or ``(B, C, K)`` with K centres a class. Other class ids,
    and values that are no cosines, are an error; where the backend cannot raise from a compiled
    step the loss is NaN. Every example has one value, so all reductions over an ordinary batch
    are those of :class:`EmbeddingLoss` with a count of 1.

    A subclass implements :meth:`terms` on labels ``(B,)`` and cosines.

    Args:
        reduction: As in :class:`EmbeddingLoss`.
        name: Name of the loss.
        dtype: Dtype, or dtype policy, of the result.
    """

    def __init__(self, reduction="auto", name=None, dtype=None):
        # Proxies are on every replica, so there is nothing to gather.
        super().__init__(reduction=reduction, name=name, dtype=dtype)

    def call(self, y_true, y_pred, memory=None):
        """Values ``(B,)`` whose plain mean, or sum, is the reduced loss."""
        if memory is not None:
            raise ValueError(
                expected("a loss that compares examples: proxies need no memory", loss=self.name)
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
        # Each example has one value, so no sum or count of the batch enters.
        values = self.terms(labels, cosines).total
        return ops.where(right, values, ops.cast(float("nan"), values.dtype))[:size]


def one_value_each(values) -> Terms:
    """:class:`Terms` of a value for each example, every one of them valid and active.

    Softmax losses are positive also where float32 says 0.
    """
    return Terms(values, ops.ones_like(values), ops.ones_like(values))


def nearest_centers(cosines):
    """``(B, C)``: of ``(B, C, K)`` the best centre of each class; ``(B, C)`` as it is."""
    return ops.max(cosines, axis=-1) if len(cosines.shape) == 3 else cosines


def own_columns(labels, cosines):
    """``(B, C)`` booleans: the column of each example's own class."""
    columns = ops.arange(cosines.shape[1], dtype="int32")
    return ops.equal(ops.cast(labels, "int32")[:, None], columns[None, :])


def own_cosines(own, cosines):
    """``(B,)``: each example's cosine with its own class, whose column :func:`own_columns` says."""
    return ops.sum(ops.where(own, cosines, ops.zeros_like(cosines)), axis=1)


def softmax_terms(own, cosines, own_logit, scale) -> Terms:
    """−log of the share of the own class in a softmax.

    Args:
        own: ``(B, C)`` booleans, the columns of the own classes.
        cosines: ``(B, C)``; ``scale`` times these are the logits of the other classes.
        own_logit: ``(B,)`` logits of the own classes.
        scale: The scale.
    """
    others = ops.logsumexp(ops.where(own, LOWEST, scale * cosines), axis=1)
    # As a difference of logarithms a small loss would be rounding of the scale.
    return one_value_each(ops.softplus(others - own_logit))
