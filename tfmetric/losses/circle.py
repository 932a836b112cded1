"""Circle loss: each similarity weighted by how far it is from its own optimum."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses.base import Terms, anchor_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Held, LogSumExp
from tfmetric.typing import Match, Tensor


def circle_terms(
    similarity: Tensor,
    positives: Tensor,
    negatives: Tensor,
    margin: float = 0.25,
    gamma: float = 256.0,
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`CircleLoss`; see there for the arguments.

    Args:
        similarity: ``(B, N)`` cosines.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        margin: The relaxation m.
        gamma: The scale γ.
    """
    return _terms(
        Held(1.0 - similarity, positives), Held(1.0 - similarity, negatives), margin, gamma
    )


def _terms(positives, negatives, margin, gamma):
    def pull(distance):
        weight = gamma * ops.relu(ops.stop_gradient(distance) + margin)
        return weight * (distance - margin)

    # γ·αₙ·(sₙ − m) with sₙ − m = αₙ − 2m; the product is 0 where αₙ is 0.
    def push(distance):
        weight = ops.relu((1.0 + margin) - ops.stop_gradient(distance))
        return gamma * weight * ((1.0 - margin) - distance)

    def push_slope(distance):
        return -gamma * ops.relu((1.0 + margin) - distance)

    def largest_push(nearest):
        return ops.relu(push(nearest))

    # Similarities lie in −1 to 1; where αₙ is not 0 the exponent is smallest in the middle.
    reach = gamma * max(abs((1.0 + margin) * (1.0 - margin)), margin * margin)
    (own,) = positives.reduce(LogSumExp(pull))
    (others,) = negatives.reduce(LogSumExp(push, push_slope, float(reach), largest_push))
    valid = ops.logical_and(positives.number > 0, negatives.number > 0)
    # The formula is strictly positive, even where float32 rounds it to 0.
    return anchor_terms(ops.softplus(own + others), valid, valid)


@keras.saving.register_keras_serializable(package="tfmetric")
class CircleLoss(PairLoss):
    """Circle loss: weighs each pair of an anchor by its distance from its optimum.

    Use it for retrieval on class ids and for verification, like :class:`MultiSimilarityLoss`.

    Formula:
        With P and N the positives and negatives of an anchor and s their cosines, an anchor gives

            log(1 + Σ_N exp(γ·αₙ·(sₙ − m)) · Σ_P exp(−γ·αₚ·(sₚ − 1 + m)))

        with the weights αₙ = max(0, sₙ + m) and αₚ = max(0, 1 + m − sₚ), which get no gradient.
        One margin stands for all four thresholds of the paper.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised. The formula needs cosines, so no other distance is offered.

    Args:
        margin: From -1 to 1: m. The paper has 0.25 for faces and persons, and 0.4 for fine-grained
            retrieval.
        gamma: Greater than 0: γ, how strongly the worst pairs dominate. The paper has 256 for
            faces, 128 for persons, and 80 for fine-grained retrieval.
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
    >>> loss = CircleLoss(margin=0.4, gamma=80)
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    49.664

    References:
        Sun, Cheng, Zhang, Zhang, Zheng, Wang, Wei: Circle Loss: A Unified Perspective of Pair
        Similarity Optimization (2020), eq. 5 to 8.
    """

    def __init__(
        self,
        margin: float = 0.25,
        gamma: float = 256.0,
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "circle_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__("cosine", match, reduction, name, dtype, gather)
        self.margin = _arguments.number("margin", margin, -1, 1)
        self.gamma = _arguments.positive("gamma", gamma)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return _terms(positives, negatives, self.margin, self.gamma)
