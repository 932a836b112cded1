"""Multi-similarity loss: mines and weighs each pair relative to its anchor's other pairs."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses.base import Terms, anchor_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import FAR, Held, Largest, LogSumExp, Smallest
from tfmetric.typing import Distance, Match, Tensor


def multi_similarity_terms(
    similarity: Tensor,
    positives: Tensor,
    negatives: Tensor,
    alpha: float = 2.0,
    beta: float = 50.0,
    threshold: float | None = 0.5,
    epsilon: float = 0.1,
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`MultiSimilarityLoss`; see there for the arguments.

    Args:
        similarity: ``(B, N)`` similarities.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        alpha: Sharpness among positives.
        beta: Sharpness among negatives.
        threshold: The similarity that positives are pushed above and negatives below.
        epsilon: Slack of the mining; None takes all pairs.
    """
    sides = Held(-similarity, positives), Held(-similarity, negatives)
    return _terms(*sides, alpha, beta, threshold, epsilon, 0.0)


def _terms(positives, negatives, alpha, beta, threshold, epsilon, highest):
    """``highest``: the similarity at distance 0."""
    distance = positives.distance
    has_positive, has_negative = positives.number > 0, negatives.number > 0
    chosen = positives
    if epsilon is None:
        valid = ops.logical_or(has_positive, has_negative)
        (push,) = negatives.reduce(LogSumExp(-beta))
        active = valid
    else:
        valid = ops.logical_and(has_positive, has_negative)
        (furthest,) = positives.reduce(Largest())
        bound = ops.where(has_positive, furthest + epsilon, -FAR)
        nearest, push = negatives.reduce(Smallest(), LogSumExp(-beta, nearer=bound))
        limit = ops.where(has_negative, nearest - epsilon, FAR)[:, None]
        chosen = Held(distance, ops.logical_and(positives.mask, distance > limit))
        active = ops.logical_or(chosen.number > 0, nearest < bound)
    (pull,) = chosen.reduce(LogSumExp(alpha))
    # The exponents use s − λ, where s is ``highest`` minus the distance.
    offset = highest - threshold
    pull = ops.softplus(pull - alpha * offset) / alpha
    push = ops.softplus(push + beta * offset) / beta
    # The formula is strictly positive if a pair was mined, even where float32 rounds it to 0.
    return anchor_terms(pull + push, valid, active)


@keras.saving.register_keras_serializable(package="tfmetric")
class MultiSimilarityLoss(PairLoss):
    """Multi-similarity loss: weighs pairs relative to their anchor's others, with its own mining.

    One of the strongest losses for retrieval on class ids, and not sensitive to its parameters; try
    it after :class:`TripletLoss`. It needs several examples of each class in a batch.

    Formula:
        Mining keeps an anchor's negatives that are more similar than its least similar positive
        minus ε, and its positives that are less similar than its most similar negative plus ε. With
        P and N the kept positives and negatives and s the similarity, an anchor costs

            log(1 + Σ_P exp(−α(s − λ))) / α + log(1 + Σ_N exp(β(s − λ))) / β

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised: the cosine distance does that.

    Args:
        alpha: α, greater than 0: how strongly the least similar positives dominate.
        beta: β, greater than 0: how strongly the most similar negatives dominate.
        threshold: λ, from -1 to 1 for cosines: positives are pushed above this similarity and
            negatives below it. 0.5 as in the authors' code; the paper states 1.
        epsilon: ε, at least 0, in units of similarity: slack of the mining. None takes all pairs,
            including anchors with only positives or only negatives.
        distance: As in :class:`PairLoss`; similarity is 1 − d for the cosine distance, −d else.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the anchors that have a positive and a
            negative; an anchor without mined pairs counts as 0.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = MultiSimilarityLoss()
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.6791

    References:
        Wang, Han, Huang, Dong, Scott: Multi-Similarity Loss with General Pair Weighting for Deep
        Metric Learning (2019), mining by eq. 11 and 12, loss by eq. 15.
    """

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        threshold: float | None = 0.5,
        epsilon: float = 0.1,
        distance: Distance = "cosine",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "multi_similarity_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.alpha = _arguments.positive("alpha", alpha)
        self.beta = _arguments.positive("beta", beta)
        self.threshold = _arguments.number("threshold", threshold, -1e6, 1e6)
        self.epsilon = _arguments.number("epsilon", epsilon, 0, 1e6, optional=True)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        highest = 1.0 if self.distance.builtin == "cosine" else 0.0
        numbers = self.alpha, self.beta, self.threshold, self.epsilon
        return _terms(positives, negatives, *numbers, highest)
