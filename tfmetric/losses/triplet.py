"""Triplet losses: keep an anchor nearer to its positive than to its negative by a margin."""

from typing import Any

import keras
from keras import ops

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.losses._all_triplets import all_triplets
from tfmetric.losses._mined import Mined
from tfmetric.losses._one_negative import with_one_negative
from tfmetric.losses._penalty import Penalty
from tfmetric.losses._siamese import SiameseLoss
from tfmetric.losses.base import EmbeddingLoss, Terms
from tfmetric.mining import (
    FALLBACKS,
    Chosen,
    at,
    nearest_further,
    resolve,
)
from tfmetric.typing import Array, Distance, Tensor


def triplet_terms(
    labels: Array,
    embeddings: Array,
    margin: float = 0.2,
    mining: Any = "hard",
    distance: Distance = "euclidean",
    power: int = 1,
    fallback: str | None = None,
    warmup: bool = False,
    references: Any = None,
) -> Terms:
    """Computes max(0, d(a,p) − d(a,n) + margin)^power of the mined triplets for each anchor.

    The function under :class:`TripletLoss`; see there for the arguments.

    Args:
        labels: ``(B,)`` integer class ids.
        embeddings: ``(B, D)`` floats.
        margin: Margin, or None for log(1 + exp(d(a,p) − d(a,n))).
        mining: As in :class:`TripletLoss`.
        distance: As in :class:`TripletLoss`.
        power: As in :class:`TripletLoss`.
        fallback: As in :class:`TripletLoss`.
        warmup: As in :class:`TripletLoss`.
        references: :class:`References` that the anchors are compared with; by default each other.
            Every strategy then holds the whole matrix of distances.

    Returns:
        Sum, count and active count of each anchor's terms, ``(B,)`` each.
    """
    positive, negative = resolve(mining)
    distance, penalty = distances.get(distance), Penalty(margin, power)
    if positive == negative == "all":
        return all_triplets(labels, embeddings, distance, penalty, references)
    if positive == "all" and negative in ("semi-hard", "distance-weighted"):
        return with_one_negative(
            labels, embeddings, distance, penalty, negative, fallback, references
        )
    batch = Mined(labels, embeddings, distance, references)
    if "all" in (positive, negative):
        return _all_of_one_side(batch, positive, negative, penalty, fallback)
    chosen = batch.chosen(positive, negative, fallback)
    difference, found = batch.differences(chosen)
    if warmup:
        chosen = chosen[0], _easier(batch, positive, chosen, difference, found)
        difference, found = batch.differences(chosen)
    return penalty.terms(difference[:, None], found[:, None])


def _easier(batch, positive, chosen, difference, found):
    """Takes the hardest negatives if their mean lies beyond the positives, else semi-hard ones."""
    inside = batch.across(ops.sum(ops.where(found, ops.stop_gradient(difference), 0.0))) >= 0

    def semi_hard():
        return tuple(batch.chosen(positive, "semi-hard", "easy")[1])

    return Chosen(*ops.cond(inside, semi_hard, lambda: tuple(chosen[1])))


def _all_of_one_side(batch, positive, negative, penalty, fallback):
    """Pairs all positives with the easiest or hardest negative, or one positive with all."""
    ones, others = batch.masks
    sign, asked = 1.0, {"positive": None, "negative": negative}
    if negative == "all":
        ones, others = others, ones
        sign, asked = -1.0, {"positive": positive, "negative": None}
    if positive == "semi-hard":
        partner = nearest_further(-batch.ranking, ones, others, fallback)
        partner_distance = at(batch.matrix, partner.index)
        valid = partner.found
    else:
        (partner,) = filter(None, batch.chosen(**asked))
        partner_distance = batch.paired(partner)[:, None]
        valid = ops.logical_and(ones, partner.found[:, None])
    return penalty.terms(sign * (batch.matrix - partner_distance), valid)


@keras.saving.register_keras_serializable(package="tfmetric")
class TripletLoss(EmbeddingLoss):
    """Triplet loss with mining inside the batch.

    The default choice for retrieval, re-identification and verification, with batches of P
    classes × K examples (:func:`tfmetric.datasets.balanced_batches`). The soft margin,
    ``margin=None``, never stops pulling and rarely collapses.

    Formula:
        With d the distance, a mined triplet of anchor a, positive p and negative n costs the first
        term; with ``margin=None``, the soft margin, the second:

            max(0, d(a,p) − d(a,n) + margin)^power
            log(1 + exp(d(a,p) − d(a,n)))

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)`` of any integer type (float labels must be
    whole), ``y_pred`` embeddings ``(B, D)``. Nothing is normalised silently: end the embedder with
    :class:`tfmetric.layers.L2Normalization` if the margin is meant for the unit sphere.

    Args:
        margin: At least 0, in units of the distance; None for the soft margin. On unit-length
            embeddings 0.1 to 0.5 is usual.
        mining: Which triplets an anchor forms. ``"hard"``: its furthest positive with its nearest
            negative (batch-hard), O(B·D) backward. ``"semi-hard"``: every positive with the nearest
            negative that is further away than the positive; see ``fallback``. ``"all"``: every
            triplet. ``"distance-weighted"``: every positive with a negative drawn so that all
            distances beyond 0.5 are equally likely, for unit-length embeddings; the draw is a
            function of the batch alone. Or a pair (positive, negative), each "easy" (nearest
            positive, furthest negative), "hard", "semi-hard" (on the right side of the other one's
            choice, and closest to it) or "all".
        distance: "euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan", "snr",
            "hamming", "jaccard" or a function (register it with Keras to save or copy the loss);
            see :func:`tfmetric.distances.get`.
        power: 1 for the hinge, 2 for its square, whose pull fades as a triplet comes right.
        fallback: What a semi-hard side takes where it has no choice: None, nothing, so that the
            triplet is not formed; ``"hard"``, the hardest negative (or positive) there is;
            ``"easy"``, the easiest, which other libraries call the largest negative inside.
        warmup: For mining "hard" and ("easy", "hard"): take semi-hard negatives (the easiest where
            there is none) in every batch whose hardest negatives are on average no further than
            its positives. There the quickest way to a smaller loss is to make all embeddings one,
            and batch-hard from scratch may stay at the margin for hundreds of steps or for good.
            As training gets on, batches pass to the hardest by themselves.
        reduction: As in :class:`EmbeddingLoss`; "auto" is "mean_over_active" for mining "all" and
            "sum_over_batch_size" otherwise.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

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
        * Wu, Manmatha, Smola, Krähenbühl: Sampling Matters in Deep Embedding Learning (2017),
          sec. 4 (distance-weighted).
    """

    def __init__(
        self,
        margin: float = 0.2,
        mining: Any = "hard",
        distance: Distance = "euclidean",
        power: int = 1,
        fallback: str | None = None,
        warmup: bool = False,
        reduction: str | None = "auto",
        name: str | None = "triplet_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype, gather=gather)
        penalty = Penalty(margin, power)
        self.margin, self.power = penalty.margin, penalty.power
        self._pair = resolve(mining)
        self.mining = mining if isinstance(mining, str) else tuple(mining)
        self.distance = distances.get(distance)
        if fallback not in FALLBACKS:
            names = ", ".join(map(str, FALLBACKS))
            raise ValueError(expected(f"fallback to be one of {names}", fallback=fallback))
        self.fallback = fallback
        if warmup and self._pair not in (("hard", "hard"), ("easy", "hard")):
            raise ValueError(expected("warmup with one hardest negative an anchor", mining=mining))
        self.warmup = bool(warmup)

    @property
    def auto_reduction(self) -> str:
        """Returns the mean over active triplets if all are formed, else over all valid ones."""
        return "mean_over_active" if self._pair == ("all", "all") else "sum_over_batch_size"

    def terms(self, labels: Array, embeddings: Array, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        return triplet_terms(
            labels,
            embeddings,
            self.margin,
            self._pair,
            self.distance,
            self.power,
            self.fallback,
            self.warmup,
            references,
        )


@keras.saving.register_keras_serializable(package="tfmetric")
class SiameseTripletLoss(SiameseLoss):
    """Triplet loss on the two distances that a triplet model emits.

    Use it with :func:`tfmetric.models.triplet`, which takes explicit (anchor, positive, negative).
    With class labels, :class:`TripletLoss` learns more from a batch.

    Formula:
        With d the distance, each row (a, p, n) costs the first term; with ``margin=None``, the soft
        margin, the second:

            max(0, d(a,p) − d(a,n) + margin)
            log(1 + exp(d(a,p) − d(a,n)))

    Inputs: ``y_pred`` ``(B, 2)`` = (d(a,p), d(a,n)); ``y_true`` is ignored.

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
        margin: float = 0.2,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "siamese_triplet_loss",
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self._penalty = Penalty(margin)
        self.margin = self._penalty.margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Values ``(B,)``."""
        if len(y_pred.shape) != 2 or y_pred.shape[1] != 2:
            raise ValueError(
                expected(
                    "y_pred of shape (batch, 2), the distances anchor-positive and anchor-negative",
                    y_pred_shape=tuple(y_pred.shape),
                )
            )
        return self._penalty.value(y_pred[:, 0] - y_pred[:, 1] + self._penalty.offset)
