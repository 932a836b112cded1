"""Triplet losses: an anchor nearer to its positive than to its negative by a margin."""

import keras
from keras import ops

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.losses._pairs import all_pairs
from tfmetric.losses.base import EmbeddingLoss, Terms, check_margin, gather_terms
from tfmetric.mining import (
    active_counts,
    label_masks,
    nearest_further,
    one_triplet,
    resolve,
)


def triplet_terms(labels, embeddings, margin=0.2, mining="hard", distance="euclidean") -> Terms:
    """The terms max(0, d(a,p) − d(a,n) + margin) of the mined triplets, anchor by anchor.

    The function under :class:`TripletLoss`; see there for the arguments.

    Args:
        labels: ``(B,)`` integer class ids.
        embeddings: ``(B, D)`` floats.
        margin: Margin, or None for log(1 + exp(d(a,p) − d(a,n))).
        mining: As in :class:`TripletLoss`.
        distance: As in :class:`TripletLoss`.

    Returns:
        Sum, count and active count of each anchor's terms, ``(B,)`` each.
    """
    positive, negative = resolve(mining)
    distance = distances.get(distance)
    if positive != "all" and negative != "all":
        constant = ops.stop_gradient(embeddings)
        chosen = one_triplet(labels, constant, distance, positive, negative)
        to_positive, to_negative = (
            distance.paired(embeddings, ops.take(embeddings, side.index, axis=0)) for side in chosen
        )
        found = ops.logical_and(chosen[0].found, chosen[1].found)
        return _terms((to_positive - to_negative)[:, None], found[:, None], margin)
    if positive == negative == "all":
        return _all_triplets(labels, embeddings, margin, distance)
    return _all_of_one_side(labels, embeddings, positive, negative, margin, distance)


def _terms(difference, valid, margin):
    return gather_terms(_term(difference, margin), valid, valid if margin is None else None)


def _term(difference, margin):
    return ops.softplus(difference) if margin is None else ops.relu(difference + margin)


def _all_of_one_side(labels, x, positive, negative, margin, distance):
    """All positives with one negative each, or all negatives with one positive each."""
    ones, others = label_masks(labels)
    sign, asked = 1.0, {"positive": None, "negative": negative}
    if negative == "all":
        ones, others = others, ones
        sign, asked = -1.0, {"positive": positive, "negative": None}
    matrix, constant = all_pairs(labels, x, distance), ops.stop_gradient(x)
    if "semi-hard" in asked.values():
        ranking = distance.ranking(constant)
        partner = nearest_further(sign * ranking, ones, others)
        partner_distance = ops.take_along_axis(matrix, partner.index, axis=1)
        valid = partner.found
    else:
        (partner,) = filter(None, one_triplet(labels, constant, distance, **asked))
        partner_distance = distance.paired(x, ops.take(x, partner.index, axis=0))[:, None]
        valid = ops.logical_and(ones, partner.found[:, None])
    return _terms(sign * (matrix - partner_distance), valid, margin)


def _all_triplets(labels, x, margin, distance):
    positives, negatives = label_masks(labels)
    matrix = all_pairs(labels, x, distance)
    number = ops.sum(ops.cast(positives, x.dtype), axis=1)
    number = number * ops.sum(ops.cast(negatives, x.dtype), axis=1)
    if margin is None:
        return Terms(_soft_total(matrix, positives, negatives), number, number)
    constant = ops.stop_gradient(matrix)
    count = active_counts(constant, positives, negatives, margin)
    # The counts of both sides sum to the same, so any shift of the row cancels; one near the
    # distances at stake keeps the two large sums from cancelling in its place.
    mean = ops.sum(ops.where(positives, constant, 0.0), axis=1, keepdims=True)
    mean = mean / ops.maximum(ops.sum(ops.cast(positives, x.dtype), axis=1, keepdims=True), 1.0)
    shifted = matrix - mean
    of_positives = ops.where(positives, count * (shifted + margin), 0.0)
    of_negatives = ops.where(negatives, count * shifted, 0.0)
    active = ops.sum(ops.where(positives, count, 0.0), axis=1)
    return Terms(ops.sum(of_positives - of_negatives, axis=1), number, active)


def _soft_total(matrix, positives, negatives):
    """Σ softplus(d(a,p) − d(a,n)), one positive an anchor at a time: never B×B×B in memory."""
    constant = ops.stop_gradient(matrix)
    order = ops.argsort(ops.cast(positives, "int32") * -1, axis=1)
    number = ops.sum(ops.cast(positives, "int32"), axis=1)
    column = ops.arange(ops.shape(matrix)[0])[None, :]

    def more(i, total, weight):
        return i < ops.max(number)

    def add(i, total, weight):
        index = ops.take(order, i, axis=1)[:, None]
        difference = ops.take_along_axis(constant, index, axis=1) - constant
        valid = ops.logical_and(negatives, (i < number)[:, None])
        total = total + ops.sum(ops.where(valid, ops.softplus(difference), 0.0), axis=1)
        slope = ops.where(valid, ops.sigmoid(difference), 0.0)
        of_positive = ops.where(column == index, ops.sum(slope, axis=1, keepdims=True), 0.0)
        return i + 1, total, weight + of_positive - slope

    zero = ops.zeros_like(constant)
    start = (ops.convert_to_tensor(0, dtype="int32"), zero[:, 0], zero)
    _, total, weight = ops.while_loop(more, add, start)
    # The loop is a constant; the slopes it found carry the gradient back to the distances.
    total, weight = ops.stop_gradient(total), ops.stop_gradient(weight)
    return total + ops.sum(weight * (matrix - constant), axis=1)


@keras.saving.register_keras_serializable(package="tfmetric")
class TripletLoss(EmbeddingLoss):
    """Triplet loss with mining inside the batch.

    The default choice for retrieval, re-identification and verification, with batches of P
    classes × K examples (:func:`tfmetric.datasets.balanced_batches`). Each mined triplet (a, p, n)
    gives max(0, d(a,p) − d(a,n) + margin), or log(1 + exp(d(a,p) − d(a,n))) with
    ``margin=None``, the soft margin, which never stops pulling and rarely collapses.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)`` of any integer type (float labels must be
    whole), ``y_pred`` embeddings ``(B, D)``. Nothing is normalised silently: end the embedder with
    :class:`tfmetric.layers.L2Normalization` if the margin is meant for the unit sphere.

    Args:
        margin: At least 0, in units of the distance; None for the soft margin. On unit-length
            embeddings 0.1 to 0.5 is usual.
        mining: Which triplets an anchor forms.
            ``"hard"``: its furthest positive with its nearest negative (batch-hard), O(B·D)
            backward. ``"semi-hard"``: every positive with the nearest negative that is further
            away than it; a positive without such a negative forms none. ``"all"``: every triplet.
            Or a pair (positive, negative), each "easy" (nearest positive, furthest negative),
            "hard", "semi-hard" (on the right side of the other one's choice, and closest to it)
            or "all".
        distance: "euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan" or a
            function; see :func:`tfmetric.distances.get`.
        reduction: As in :class:`EmbeddingLoss`; "auto" is "mean_over_active" for mining "all" and
            "sum_over_batch_size" otherwise.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = TripletLoss(margin=0.2, mining="hard")
    >>> embeddings = np.array([[0.0, 0.0], [0.0, 0.3], [0.4, 0.0], [0.4, 0.1]], "float32")
    >>> round(float(loss(np.array([1, 1, 2, 2]), embeddings)), 4)
    0.0382

    References:
        * Schroff, Kalenichenko, Philbin: FaceNet (2015), eq. 1 and sec. 3.2 (semi-hard).
        * Hermans, Beyer, Leibe: In Defense of the Triplet Loss for Person Re-Identification
          (2017), eq. 5 (batch-hard), eq. 6 (batch-all), sec. 2 (soft margin).
    """

    def __init__(
        self,
        margin=0.2,
        mining="hard",
        distance="euclidean",
        reduction="auto",
        name="triplet_loss",
        dtype=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.margin = check_margin(margin, optional=True)
        self._pair = resolve(mining)
        self.mining = mining if isinstance(mining, str) else tuple(mining)
        self.distance = distances.get(distance)

    @property
    def auto_reduction(self):
        """Mean over active triplets where all are formed, else over all valid ones."""
        return "mean_over_active" if self._pair == ("all", "all") else "sum_over_batch_size"

    def terms(self, labels, embeddings):
        """See :class:`EmbeddingLoss`."""
        return triplet_terms(labels, embeddings, self.margin, self._pair, self.distance)

    def get_config(self):
        """Every argument."""
        return {
            **super().get_config(),
            "margin": self.margin,
            "mining": self.mining,
            "distance": distances.serialize(self.distance),
        }


@keras.saving.register_keras_serializable(package="tfmetric")
class SiameseTripletLoss(keras.losses.Loss):
    """Triplet loss on the two distances that a triplet model emits.

    For :func:`tfmetric.models.triplet`, which takes explicit (anchor, positive, negative): each
    row gives max(0, d(a,p) − d(a,n) + margin), or log(1 + exp(d(a,p) − d(a,n))) with
    ``margin=None``. With class labels at hand :class:`TripletLoss` learns more from a batch.

    Inputs: ``y_pred`` ``(B, 2)`` = (d(a,p), d(a,n)); ``y_true`` is not looked at.

    Args:
        margin: At least 0, in units of the distance; None for the soft margin.
        reduction: As in Keras; a plain mean over the batch by default.
        name: Name of the loss.
        dtype: Dtype of the computation.

    Raises:
        ValueError: If the margin is negative or ``y_pred`` is not ``(B, 2)``.

    Example:

    >>> import numpy as np
    >>> loss = SiameseTripletLoss(margin=0.2)
    >>> round(float(loss(np.zeros(2), np.array([[0.5, 0.4], [0.1, 0.9]], "float32"))), 4)
    0.15

    References:
        Schroff, Kalenichenko, Philbin: FaceNet (2015), eq. 1.
    """

    def __init__(
        self,
        margin=0.2,
        reduction="sum_over_batch_size",
        name="siamese_triplet_loss",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = check_margin(margin, optional=True)

    def call(self, y_true, y_pred):
        """Values ``(B,)``."""
        if len(y_pred.shape) != 2 or y_pred.shape[1] != 2:
            raise ValueError(
                expected(
                    "y_pred of shape (batch, 2), the distances anchor-positive and anchor-negative",
                    y_pred_shape=tuple(y_pred.shape),
                )
            )
        return _term(y_pred[:, 0] - y_pred[:, 1], self.margin)

    def get_config(self):
        """Every argument, the dtype included."""
        return {**super().get_config(), "dtype": self.dtype, "margin": self.margin}
