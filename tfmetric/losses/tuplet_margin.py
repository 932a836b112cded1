"""Tuplet margin loss: separates a positive from all negatives of its anchor by an angle."""

import math

import keras
from keras import ops

from tfmetric.distances import safe_sqrt
from tfmetric.losses import _arguments
from tfmetric.losses.base import Terms, gather_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Held, LogSumExp
from tfmetric.typing import Match, Tensor


def tuplet_margin_terms(
    matrix: Tensor, positives: Tensor, negatives: Tensor, margin: float = 5.73, scale: float = 64.0
) -> Terms:
    """Computes one term for each positive of an anchor.

    The function under :class:`TupletMarginLoss`; see there for the arguments.

    Args:
        matrix: ``(B, N)`` cosine distances.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        margin: In degrees.
        scale: Factor of the cosines.
    """
    return _terms(Held(matrix, positives), Held(matrix, negatives), margin, scale)


def _terms(positives, negatives, margin, scale):
    slack = math.radians(margin)
    distance = positives.distance
    # sin² = 1 − cos² without the cancellation.
    sine = safe_sqrt(ops.relu(distance * (2.0 - distance)))
    # scale · (cos θₙ − cos(θₚ − β)), the 1 of both cosines left out.
    eased = (math.cos(slack) - 1.0) - math.cos(slack) * distance + math.sin(slack) * sine
    (others,) = negatives.reduce(LogSumExp(-scale))
    valid = ops.logical_and(positives.mask, negatives.number[:, None] > 0)
    # The softened term is never 0.
    return gather_terms(ops.softplus(others[:, None] - scale * eased), valid, valid)


@keras.saving.register_keras_serializable(package="tfmetric")
class TupletMarginLoss(PairLoss):
    """Tuplet margin loss on angles.

    The slack β limits the pull of hard, perhaps mislabelled positives. Use it in place of N-pairs
    and triplet losses for retrieval with few examples of each class.

    The paper's further loss on the spread of distances within a class is not included.

    Formula:
        With θ the angles between embeddings, each positive p of an anchor is compared with all its
        negatives N:

            log(1 + Σ_{n∈N} exp(s·(cos θ_n − cos(θ_p − β))))

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised.

    Args:
        margin: β, from 0 to 90 degrees.
        scale: s, greater than 0.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the positives.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = TupletMarginLoss(scale=2.0)
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.9198

    References:
        Yu, Tao: Deep Metric Learning with Tuplet Margin Loss (2019), eq. 3.
    """

    def __init__(
        self,
        margin: float = 5.73,
        scale: float = 64.0,
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "tuplet_margin_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__("cosine", match, reduction, name, dtype, gather)
        self.margin = _arguments.number("margin", margin, 0, 90)
        self.scale = _arguments.positive("scale", scale)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return _terms(positives, negatives, self.margin, self.scale)
