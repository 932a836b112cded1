"""Circle loss: each similarity weighted by how far it is from its own optimum."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._masked import in_both, masked_logsumexp
from tfmetric.losses.base import Terms, anchor_terms
from tfmetric.losses.pair_loss import PairLoss, similarities


def circle_terms(similarity, positives, negatives, margin=0.25, gamma=256.0) -> Terms:
    """One term an anchor.

    The function under :class:`CircleLoss`; see there for the arguments.

    Args:
        similarity: ``(B, N)`` cosines.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        margin: The relaxation m.
        gamma: The scale γ.
    """
    constant = ops.stop_gradient(similarity)
    pull = -gamma * ops.relu(1.0 + margin - constant) * (similarity - (1.0 - margin))
    push = gamma * ops.relu(constant + margin) * (similarity - margin)
    total = masked_logsumexp(pull, positives) + masked_logsumexp(push, negatives)
    valid = in_both(positives, negatives)
    # Strictly positive by the formula, also where float32 says 0.
    return anchor_terms(ops.softplus(total), valid, valid)


@keras.saving.register_keras_serializable(package="tfmetric")
class CircleLoss(PairLoss):
    """Circle loss: the pairs of an anchor, each weighed by how far it is from its optimum.

    For retrieval on class ids and for verification, beside :class:`MultiSimilarityLoss`.

    Formula:
        With P and N the positives and negatives of an anchor and s their cosines, an anchor gives

            log(1 + Σ_N exp(γ·αₙ·(sₙ − m)) · Σ_P exp(−γ·αₚ·(sₚ − 1 + m)))

        with the weights αₙ = max(0, sₙ + m) and αₚ = max(0, 1 + m − sₚ), which get no gradient.
        One margin stands for all four thresholds of the paper.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised. The formula is one of cosines; there is no other distance.

    Args:
        margin: From -1 to 1: m. The paper has 0.25 for faces and persons, and 0.4 for fine-grained
            retrieval.
        gamma: Greater than 0: γ, how much the worst pairs count before others. The paper has 256
            for faces, 128 for persons, and 80 for fine-grained retrieval.
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
        margin=0.25,
        gamma=256.0,
        match=None,
        reduction="auto",
        name="circle_loss",
        dtype=None,
        gather="local",
    ):
        super().__init__("cosine", match, reduction, name, dtype, gather)
        self.margin = _arguments.number("margin", margin, -1, 1)
        self.gamma = _arguments.positive("gamma", gamma)

    def pair_terms(self, matrix, positives, negatives):
        """See :class:`PairLoss`."""
        similarity = similarities(matrix, self.distance)
        return circle_terms(similarity, positives, negatives, self.margin, self.gamma)
