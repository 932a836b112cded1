"""Lifted structure loss, generalised: smooth comparison of an anchor's positives and negatives."""

import keras
from keras import ops

from tfmetric.losses.base import Terms, anchor_terms, check_margin
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Held, LogSumExp
from tfmetric.typing import Distance, Match, Tensor


def lifted_structure_terms(
    matrix: Tensor, positives: Tensor, negatives: Tensor, margin: float = 1.0
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`LiftedStructureLoss`; see there for the arguments.

    Args:
        matrix: ``(B, N)`` distances.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        margin: In units of the distance.
    """
    return _terms(Held(matrix, positives), Held(matrix, negatives), margin)


def _terms(positives, negatives, margin):
    (furthest,) = positives.reduce(LogSumExp(1.0))
    (nearest,) = negatives.reduce(LogSumExp(-1.0))
    valid = ops.logical_and(positives.number > 0, negatives.number > 0)
    return anchor_terms(ops.relu(furthest + (nearest + margin)), valid)


@keras.saving.register_keras_serializable(package="tfmetric")
class LiftedStructureLoss(PairLoss):
    """Lifted structure loss in its generalised form, with one term for each anchor.

    A smooth version of "the furthest positive is nearer than the nearest negative", in which all
    pairs of the batch take part. This is the form of Hermans et al.; the original has one term for
    each positive pair, with the negatives of both of its ends.

    Formula:
        With P and N the positives and negatives of an anchor and d their distances, an anchor costs

            max(0, log Σ_P exp(d) + log Σ_N exp(margin − d))

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    normalised here. The sums grow with the number of pairs: on embeddings of length 1, where
    distances end at 2, the loss cannot reach 0 in a large batch, but its gradient stays useful.

    Args:
        margin: At least 0, in units of the distance.
        distance: As in :class:`PairLoss`.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the anchors that have a positive and a
            negative.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = LiftedStructureLoss(margin=1.0)
    >>> embeddings = np.array([[0.0, 0.0], [0.0, 0.5], [0.6, 0.0]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.8095

    References:
        Oh Song, Xiang, Jegelka, Savarese: Deep Metric Learning via Lifted Structured Feature
        Embedding (2016); generalised in Hermans, Beyer, Leibe: In Defense of the Triplet Loss for
        Person Re-Identification (2017), section 2, L_LG.
    """

    def __init__(
        self,
        margin: float = 1.0,
        distance: Distance = "euclidean",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "lifted_structure_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.margin = check_margin(margin)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return _terms(positives, negatives, self.margin)
