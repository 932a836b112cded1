"""Contrastive losses: positives within one distance, negatives beyond another."""

from numbers import Real

import keras
from keras import ops

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.losses import matching
from tfmetric.losses._mined import Mined
from tfmetric.losses._siamese import SiameseLoss, pairs_given
from tfmetric.losses.base import Terms, check_margin, gather_terms
from tfmetric.losses.pair_loss import PairLoss

MINING = ("all", "hard")


def contrastive_terms(
    labels,
    embeddings,
    margin=1.0,
    positive_margin=0.0,
    mining="all",
    distance="euclidean",
    power=2,
    match=None,
    references=None,
    balanced=False,
) -> Terms:
    """The terms of the pairs of each anchor.

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
        references: :class:`References`, what the anchors are compared with; by default each other.
        balanced: As in :class:`ContrastiveLoss`.

    Returns:
        Sum, count and active count of each anchor's terms, ``(B,)`` each.
    """
    batch = Mined(labels, embeddings, distances.get(distance), references, matching.get(match))
    if mining == "all":
        positives, negatives = batch.masks
        values = ops.where(positives, batch.matrix - positive_margin, margin - batch.matrix)
        return _terms(values, positives, negatives, power, balanced)
    positive, negative = batch.chosen("hard", "hard")
    to_positive, to_negative = batch.paired(positive), batch.paired(negative)
    values = ops.stack([to_positive - positive_margin, margin - to_negative], axis=1)
    nobody = ops.zeros_like(positive.found)
    positives = ops.stack([positive.found, nobody], axis=1)
    negatives = ops.stack([nobody, negative.found], axis=1)
    return _terms(values, positives, negatives, power, balanced)


def _terms(values, positives, negatives, power, balanced):
    # Active before the power: the square of a small positive number may be 0 in float32.
    active = values > 0
    values = ops.relu(values)
    powered = values if power == 1 else ops.square(values) if power == 2 else values**power
    if not balanced:
        valid = ops.logical_or(positives, negatives)
        return gather_terms(powered, valid, ops.logical_and(valid, active))
    total = found = some = 0.0
    for side in (positives, negatives):
        part = gather_terms(powered, side, ops.logical_and(side, active))
        total += part.total / ops.maximum(part.active, 1.0)
        found, some = ops.maximum(found, part.count), ops.maximum(some, part.active)
    return Terms(total, ops.minimum(found, 1.0), ops.minimum(some, 1.0))


@keras.saving.register_keras_serializable(package="tfmetric")
class ContrastiveLoss(PairLoss):
    """Contrastive loss over the pairs of a batch.

    A good start for verification, where an absolute threshold on the distance decides; for ranking,
    :class:`TripletLoss` asks for less.

    Formula:
        With d the distance of a pair, a pair of one class gives the first, any other the second:

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
        match: Who belongs together, if not equal ids; see :class:`PairLoss`.
        balanced: Whether an anchor's term is the mean over its active positives plus the mean over
            its active negatives. Else each pair is a term, and in a batch of many classes the many
            negatives outweigh the few positives.
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
        margin=1.0,
        positive_margin=0.0,
        mining="all",
        distance="euclidean",
        power=2,
        reduction="auto",
        name="contrastive_loss",
        dtype=None,
        gather="local",
        match=None,
        balanced=False,
    ):
        super().__init__(
            distance, match, reduction=reduction, name=name, dtype=dtype, gather=gather
        )
        if mining not in MINING:
            raise ValueError(expected(f"mining to be one of {', '.join(MINING)}", mining=mining))
        if isinstance(power, bool) or not isinstance(power, Real) or not 1 <= power < 1e3:
            raise ValueError(expected("power to be a number of at least 1", power=power))
        self.margin = check_margin(margin)
        self.positive_margin = check_margin(positive_margin, "positive_margin")
        self.mining = mining
        self.power = int(power) if power == int(power) else float(power)
        self.balanced = bool(balanced)

    @property
    def auto_reduction(self):
        """Mean over active pairs where each of all pairs is a term, else over all valid terms."""
        pairs = self.mining == "all" and not self.balanced
        return "mean_over_active" if pairs else "sum_over_batch_size"

    def terms(self, labels, embeddings, references=None):
        """See :class:`EmbeddingLoss`."""
        return contrastive_terms(
            labels,
            embeddings,
            self.margin,
            self.positive_margin,
            self.mining,
            self.distance,
            self.power,
            self.match,
            references,
            self.balanced,
        )


@keras.saving.register_keras_serializable(package="tfmetric")
class SiameseContrastiveLoss(SiameseLoss):
    """Contrastive loss on the distance that a Siamese model emits.

    For :func:`tfmetric.models.siamese`, which takes explicit pairs. With class labels at hand
    :class:`ContrastiveLoss` forms all pairs of a batch by itself.

    Formula:
        With d the distance of a pair, and y 1 where it is similar and 0 where not:

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
        margin=1.0,
        reduction="sum_over_batch_size",
        name="siamese_contrastive_loss",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = check_margin(margin)

    def call(self, y_true, y_pred):
        """Values ``(B,)``."""
        similar, distance = pairs_given(y_true, y_pred)
        apart = ops.square(ops.relu(self.margin - distance))
        return similar * ops.square(distance) + (1.0 - similar) * apart
