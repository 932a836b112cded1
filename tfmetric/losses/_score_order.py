"""Similarities in the order of scores: the loss that CoSENT and AnglE share."""

import keras
import numpy as np
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import _arguments, _inputs
from tfmetric.losses._masked import LOG_ZERO, masked_logsumexp
from tfmetric.losses._targets import NOT_FINITE_TARGETS, TargetLoss, numbers
from tfmetric.losses.streaming import in_blocks
from tfmetric.typing import Tensor


class ScoreOrderLoss(TargetLoss):
    """Base of the losses that put similarities in the order of the scores.

    A subclass implements :meth:`similarity`.

    Args:
        scale: Greater than 0: multiplies the similarities.
        reduction: As in :class:`TargetLoss`.
        name: Name of the loss.
        dtype: Dtype of the result.
    """

    weighs_itself = True

    def __init__(self, scale, reduction, name, dtype):
        super().__init__(reduction, name, dtype)
        self.scale = _arguments.positive("scale", scale)

    def similarity(self, left: Tensor, right: Tensor) -> Tensor:
        """Computes the similarity ``(B,)`` of each pair, up to a constant."""
        raise NotImplementedError

    def read_targets(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Returns scores that compare as the given ones do; see :class:`TargetLoss`."""
        scores, right = ordered(y_true)
        sizes = scores.shape[0], y_pred.shape[0]
        if None not in sizes and sizes[0] != sizes[1]:
            raise ValueError(
                expected(
                    "one score for each pair",
                    y_true_shape=tuple(y_true.shape),
                    y_pred_shape=tuple(y_pred.shape),
                )
            )
        return scores, right

    def values(self, targets, embeddings, weight=None):
        """See :class:`TargetLoss`: the value of the batch, for each of its pairs."""
        similarity = self.similarity(embeddings[:, 0], embeddings[:, 1])
        value = order_loss(similarity, targets, self.scale, weight)
        return ops.broadcast_to(value, ops.shape(similarity))


def order_loss(similarity, scores, scale, weight=None):
    """Returns log(1 + Σ w_i·w_j·exp(scale·(s_j − s_i))) over all pairs with score_i > score_j.

    O(B²) time, and the memory of a block of rows.

    Args:
        similarity: ``(B,)`` s.
        scores: ``(B,)``, of any type that compares.
        scale: A number.
        weight: ``(B,)`` w, at least 0; None for ones. NaN results from a negative weight.
    """
    counts, log_weight = None, 0.0
    if weight is not None:
        counts = weight > 0
        log_weight = ops.log(ops.where(counts, weight, 1.0))

    def lower(x, y, score):
        logits = scale * (ops.transpose(y) - x)
        mask = scores[None, :] < score[:, None]
        if counts is not None:
            logits, mask = logits + log_weight[None, :], ops.logical_and(mask, counts[None, :])
        return (masked_logsumexp(logits, mask),)

    column = similarity[:, None]
    (each,) = in_blocks(lower, column, column, (scores,), outputs=1)
    found = each > LOG_ZERO / 2
    if counts is not None:
        found = ops.logical_and(found, counts)
    value = ops.softplus(masked_logsumexp((each + log_weight)[None, :], found[None, :])[0])
    if weight is None:
        return value
    right = ops.all(weight >= 0)
    _inputs.require(right, "Expected sample_weight of at least 0. Received: negative weights")
    return ops.where(right, value, ops.cast(float("nan"), value.dtype))


def ordered(y_true):
    """Returns scores ``(B,)`` that compare as the given ones do, and whether all are finite.

    Scores are never rounded: known ones become the numbers of their ranks, others keep their type.

    Raises:
        ValueError: If the shape is neither ``(B,)`` nor ``(B, 1)``, or known scores are not finite.
        TypeError: If they are no numbers that every backend compares.
    """
    shape = tuple(numbers(y_true).shape)
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise ValueError(
            expected("y_true to be scores of shape (batch,) or (batch, 1)", y_true_shape=shape)
        )
    values = _inputs.at_hand(y_true)
    if values is not None:
        values = values.reshape(-1)
        if "float" in values.dtype.name and not np.isfinite(values.astype("float64")).all():
            raise ValueError(NOT_FINITE_TARGETS)
        ranks = np.unique(values, return_inverse=True)[1].reshape(-1).astype("int32")
        return ops.convert_to_tensor(ranks), ops.convert_to_tensor(True)
    scores = ops.convert_to_tensor(y_true)
    scores = scores[:, 0] if len(shape) == 2 else scores
    dtype = keras.backend.standardize_dtype(scores.dtype)
    if dtype == "uint64":
        # Keras would compare them as uint32.
        raise TypeError(expected("scores of a signed or a float type", y_true_dtype=dtype))
    if "float" not in dtype:
        return _inputs.comparable(scores), ops.convert_to_tensor(True)
    finite = ops.all(ops.isfinite(scores))
    _inputs.require(finite, NOT_FINITE_TARGETS)
    return scores, finite
