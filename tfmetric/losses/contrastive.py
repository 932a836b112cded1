"""Contrastive losses: keep positives within one distance and negatives beyond another."""

from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses._mined import Mined
from tfmetric.losses._siamese import SiameseLoss, pairs_given
from tfmetric.losses.base import Terms, anchor_terms, check_margin, gather_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Count, Sum
from tfmetric.typing import Array, Distance, Match, Tensor
from tfmetric.values.scalars import is_number

MINING = ("all", "hard")


def contrastive_terms(
    labels: Array,
    embeddings: Array,
    margin: float = 1.0,
    positive_margin: float = 0.0,
    mining: Any = "all",
    distance: Distance = "euclidean",
    power: int = 2,
    match: Match | None = None,
    references: Any = None,
    balanced: bool = False,
) -> Terms:
    """Computes the terms of the pairs of each anchor.

    The function under :class:`ContrastiveLoss`; see there for the arguments.

    Args:
        labels: ``(B,)`` integer class ids.
        embeddings: ``(B, D)`` floats.
        margin: Distance beyond which a negative costs nothing.
        positive_margin: Distance within which a positive costs nothing.
        mining: "all" or "hard".
        distance: As in :class:`ContrastiveLoss`.
        power: Exponent of the hinge.
        match: As in :class:`ContrastiveLoss`.
        references: :class:`References` that the anchors are compared with; by default each other.
        balanced: As in :class:`ContrastiveLoss`.

    Returns:
        Sum, count and active count of each anchor's terms, ``(B,)`` each.
    """
    loss = ContrastiveLoss(
        margin, positive_margin, mining, distance, power, match=match, balanced=balanced
    )
    return loss.terms(labels, embeddings, references)


def _hinge(excess, power):
    excess = ops.relu(excess)
    return excess if power == 1 else ops.square(excess) if power == 2 else excess**power


def _hinge_slope(excess, power):
    if power == 1:
        return ops.cast(excess > 0, excess.dtype)
    excess = ops.relu(excess)
    return 2.0 * excess if power == 2 else power * excess ** (power - 1)


def _each_pair(positives, negatives, margin, positive_margin, power, balanced) -> Terms:
    """Takes every pair of an anchor as a term."""
    # Count active terms before the power: the square of a small positive number may be 0 in
    # float32.
    pulled = positives.distance - positive_margin
    pull = gather_terms(
        _hinge(pulled, power), positives.mask, ops.logical_and(positives.mask, pulled > 0)
    )
    push, active = negatives.reduce(
        Sum(
            lambda distance: _hinge(margin - distance, power),
            lambda distance: -_hinge_slope(margin - distance, power),
        ),
        Count(lambda distance: distance < margin),
    )
    push = Terms(push, negatives.number, active)
    return _both_sides(pull, push) if balanced else Terms(*map(ops.add, pull, push))


def _both_sides(pull, push):
    """Adds the mean over an anchor's active positives and the mean over its active negatives."""
    total = sum(side.total / ops.maximum(side.active, 1.0) for side in (pull, push))
    found, active = ops.maximum(pull.count, push.count), ops.maximum(pull.active, push.active)
    return Terms(total, ops.minimum(found, 1.0), ops.minimum(active, 1.0))


def _hardest(batch: Mined, margin, positive_margin, power, balanced) -> Terms:
    """Takes the furthest positive and the nearest negative of an anchor as its terms."""
    chosen = batch.chosen("hard", "hard")
    to_positive, to_negative = map(batch.paired, chosen)
    sides = []
    excesses = to_positive - positive_margin, margin - to_negative
    for excess, side in zip(excesses, chosen, strict=True):
        active = ops.logical_and(side.found, excess > 0)
        sides.append(anchor_terms(_hinge(excess, power), side.found, active))
    return _both_sides(*sides) if balanced else Terms(*map(ops.add, *sides))


@keras.saving.register_keras_serializable(package="tfmetric")
class ContrastiveLoss(PairLoss):
    """Contrastive loss over the pairs of a batch.

    A good start for verification, where an absolute threshold on the distance decides. For ranking,
    :class:`TripletLoss` demands less.

    Formula:
        With d the distance of a pair, a pair of one class costs the first term, any other pair the
        second:

            max(0, d − positive_margin)^power
            max(0, margin − d)^power

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)`` of any integer type (float labels must be
    whole), ``y_pred`` embeddings ``(B, D)``, not normalised here. For explicit pairs through a
    Siamese model use :class:`SiameseContrastiveLoss`.

    With ``distance="snr"`` and ``power=1`` it is the contrastive loss of Yuan et al.: Signal-to-
    noise Ratio (2019), without their pull of the mean of each embedding to 0.

    Args:
        margin: At least 0, in units of the distance: how far apart negatives must be.
        positive_margin: At least 0: how far apart positives may be.
        mining: "all" pairs of an anchor, or "hard": its furthest positive and nearest negative.
        distance: "euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan", "snr",
            "hamming", "jaccard" or a function; see :func:`tfmetric.distances.get`.
        power: Exponent of at least 1; 2 as in the paper.
        match: Which pairs are positive, if not equal ids; see :class:`PairLoss`.
        balanced: Whether an anchor's term is the mean over its active positives plus the mean over
            its active negatives. Otherwise each pair is a term, and in a batch of many classes the
            many negatives outweigh the few positives.
        reduction: As in :class:`EmbeddingLoss`; "auto" is "mean_over_active" for mining "all" and
            "sum_over_batch_size" for "hard" and where balanced.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = ContrastiveLoss(margin=1.0)
    >>> embeddings = np.array([[0.0, 0.0], [0.0, 0.5], [0.6, 0.0]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.1527

    References:
        Hadsell, Chopra, LeCun: Dimensionality Reduction by Learning an Invariant Mapping (2006),
        eq. 4, without its factor 1/2; the margin on positives as in Lin et al.: DeepHash (2015).
    """

    def __init__(
        self,
        margin: float = 1.0,
        positive_margin: float = 0.0,
        mining: Any = "all",
        distance: Distance = "euclidean",
        power: int = 2,
        reduction: str | None = "auto",
        name: str | None = "contrastive_loss",
        dtype: str | None = None,
        gather: str = "local",
        match: Match | None = None,
        balanced: bool = False,
    ):
        super().__init__(
            distance, match, reduction=reduction, name=name, dtype=dtype, gather=gather
        )
        if mining not in MINING:
            raise ValueError(expected(f"mining to be one of {', '.join(MINING)}", mining=mining))
        if not is_number(power) or not 1 <= power < 1e3:
            raise ValueError(expected("power to be a number of at least 1", power=power))
        self.margin = check_margin(margin)
        self.positive_margin = check_margin(positive_margin, "positive_margin")
        self.mining = mining
        self.power = int(power) if power == int(power) else float(power)
        self.balanced = bool(balanced)

    @property
    def auto_reduction(self) -> str:
        """Returns the mean over active pairs if every pair is a term, else over all valid terms."""
        pairs = self.mining == "all" and not self.balanced
        return "mean_over_active" if pairs else "sum_over_batch_size"

    def terms(self, labels: Array, embeddings: Array, references: Any = None) -> Terms:
        """See :class:`EmbeddingLoss`."""
        if self.mining == "all":
            return super().terms(labels, embeddings, references)
        batch = Mined(labels, embeddings, self.distance, references, self.match)
        return _hardest(batch, self.margin, self.positive_margin, self.power, self.balanced)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        margins = self.margin, self.positive_margin
        return _each_pair(positives, negatives, *margins, self.power, self.balanced)


@keras.saving.register_keras_serializable(package="tfmetric")
class SiameseContrastiveLoss(SiameseLoss):
    """Contrastive loss on the distance that a Siamese model emits.

    Use it with :func:`tfmetric.models.siamese`, which takes explicit pairs. With class labels,
    :class:`ContrastiveLoss` forms all pairs of a batch itself.

    Formula:
        With d the distance of a pair, and y 1 for similar pairs and 0 for others:

            y·d² + (1 − y)·max(0, margin − d)²

    Inputs: ``y_true`` ``(B,)`` or ``(B, 1)``, 1 = similar and 0 = not; ``y_pred`` distances
    ``(B,)`` or ``(B, 1)``.

    Args:
        margin: At least 0, in units of the distance.
        reduction: As in Keras; a plain mean over the batch by default.
        name: Name of the loss.
        dtype: Dtype of the computation.

    Raises:
        ValueError: If the margin is negative or a shape is not as above.

    Example:

    >>> import numpy as np
    >>> loss = SiameseContrastiveLoss(margin=1.0)
    >>> round(float(loss(np.array([1, 0]), np.array([0.5, 0.6], "float32"))), 4)
    0.205

    References:
        Hadsell, Chopra, LeCun: Dimensionality Reduction by Learning an Invariant Mapping (2006),
        eq. 4, without its factor 1/2 and with 1 = similar.
    """

    def __init__(
        self,
        margin: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "siamese_contrastive_loss",
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = check_margin(margin)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Values ``(B,)``."""
        similar, distance = pairs_given(y_true, y_pred)
        apart = ops.square(ops.relu(self.margin - distance))
        return similar * ops.square(distance) + (1.0 - similar) * apart
