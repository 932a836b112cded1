"""Multi-similarity loss: pairs mined and weighted by how they stand to the others."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._masked import any_of, in_both, masked_logsumexp
from tfmetric.losses.base import Terms, anchor_terms
from tfmetric.losses.pair_loss import PairLoss, similarities


def multi_similarity_terms(
    similarity, positives, negatives, alpha=2.0, beta=50.0, threshold=0.5, epsilon=0.1
) -> Terms:
    """One term an anchor.

    The function under :class:`MultiSimilarityLoss`; see there for the arguments.

    Args:
        similarity: ``(B, N)`` similarities.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        alpha: Sharpness among positives.
        beta: Sharpness among negatives.
        threshold: The similarity that both are pushed away from.
        epsilon: Slack of the mining; None takes all pairs.
    """
    if epsilon is None:
        valid = ops.logical_or(any_of(positives), any_of(negatives))
    else:
        valid = in_both(positives, negatives)
        far = ops.cast(1e30, similarity.dtype)
        worst = ops.min(ops.where(positives, similarity, far), axis=1, keepdims=True)
        best = ops.max(ops.where(negatives, similarity, -far), axis=1, keepdims=True)
        positives = ops.logical_and(positives, similarity < best + epsilon)
        negatives = ops.logical_and(negatives, similarity > worst - epsilon)
    offset = similarity - threshold
    pull = ops.softplus(masked_logsumexp(-alpha * offset, positives)) / alpha
    push = ops.softplus(masked_logsumexp(beta * offset, negatives)) / beta
    # Strictly positive by the formula, also where float32 says 0, as long as a pair was mined.
    active = ops.logical_or(any_of(positives), any_of(negatives))
    return anchor_terms(pull + push, valid, active)


@keras.saving.register_keras_serializable(package="tfmetric")
class MultiSimilarityLoss(PairLoss):
    """Multi-similarity loss: pairs weighed by all others of their anchor, with its own mining.

    One of the strongest losses for retrieval on class ids, and not sensitive to its numbers; a
    good second try after :class:`TripletLoss`. It wants some examples of each class in a batch.

    Formula:
        Of an anchor's pairs only those are kept that some pair of the other kind comes close to:
        the negatives more similar than its least similar positive less ε, and the positives less
        similar than its most similar negative plus ε. With P and N what is left and s the
        similarity, an anchor gives

            log(1 + Σ_P exp(−α(s − λ))) / α + log(1 + Σ_N exp(β(s − λ))) / β

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised: the cosine distance does that.

    Args:
        alpha: α, greater than 0: how much the least similar positives count before others.
        beta: β, greater than 0: how much the most similar negatives count before others.
        threshold: λ, from -1 to 1 for cosines: the similarity that positives are to be above and
            negatives below. 0.5 as in its authors' code; the text of the paper has 1.
        epsilon: ε, at least 0, in units of similarity: slack of the mining. None takes all pairs,
            and then also anchors that have only positives or only negatives.
        distance: As in :class:`PairLoss`; similarity is 1 − d for the cosine distance, −d else.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the anchors that have a positive and a
            negative, of which those that mining leaves nothing give 0.
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
        alpha=2.0,
        beta=50.0,
        threshold=0.5,
        epsilon=0.1,
        distance="cosine",
        match=None,
        reduction="auto",
        name="multi_similarity_loss",
        dtype=None,
        gather="local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.alpha = _arguments.positive("alpha", alpha)
        self.beta = _arguments.positive("beta", beta)
        self.threshold = _arguments.number("threshold", threshold, -1e6, 1e6)
        self.epsilon = _arguments.number("epsilon", epsilon, 0, 1e6, optional=True)

    def pair_terms(self, matrix, positives, negatives):
        """See :class:`PairLoss`."""
        return multi_similarity_terms(
            similarities(matrix, self.distance),
            positives,
            negatives,
            self.alpha,
            self.beta,
            self.threshold,
            self.epsilon,
        )
