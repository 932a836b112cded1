"""NT-Xent, also called InfoNCE: separates each positive from all negatives."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses.base import Terms, gather_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Held, LogSumExp
from tfmetric.typing import Distance, Match, Tensor


def ntxent_terms(
    similarity: Tensor, positives: Tensor, negatives: Tensor, temperature: float = 0.1
) -> Terms:
    """Computes one term for each positive pair.

    The function under :class:`NTXentLoss` and :class:`NPairsLoss`; see there.

    Args:
        similarity: ``(B, N)`` similarities.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        temperature: Divides the similarities.
    """
    return ntxent_of(Held(-similarity, positives), Held(-similarity, negatives), temperature)


def ntxent_of(positives, negatives, temperature) -> Terms:
    """Computes the same from the positives and negatives of :meth:`PairLoss.anchor_terms`."""
    # A similarity is the negated distance plus a constant, which cancels.
    (others,) = negatives.reduce(LogSumExp(-1.0 / temperature))
    # log(exp(p) + Σ exp(n)) − p, with the sum over the negatives taken once an anchor.
    values = ops.softplus(others[:, None] + positives.distance / temperature)
    valid = ops.logical_and(positives.mask, negatives.number[:, None] > 0)
    # The formula is strictly positive, even where float32 rounds it to 0.
    return gather_terms(values, valid, valid)


@keras.saving.register_keras_serializable(package="tfmetric")
class NTXentLoss(PairLoss):
    """NT-Xent (normalised temperature-scaled cross-entropy), also known as InfoNCE.

    With two views of each image, labelled by the image's number, it is the loss of SimCLR. More
    negatives help, so use large batches.

    Formula:
        With s the similarity, a positive pair (a, p) costs, over all negatives n of a,

            −log(exp(s(a,p)/τ) / (exp(s(a,p)/τ) + Σ_n exp(s(a,n)/τ)))

        The sum excludes the other positives of a, unlike in :class:`SupConLoss`.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised: the cosine distance does that.

    Args:
        temperature: Greater than 0: τ; a lower value gives the hardest negatives more weight.
            Usually 0.05 to 0.5.
        distance: As in :class:`PairLoss`; similarity is 1 − d for the cosine distance, −d else.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the positive pairs of anchors that
            have a negative.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = NTXentLoss(temperature=0.5)
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    1.0148

    References:
        Chen, Kornblith, Norouzi, Hinton: A Simple Framework for Contrastive Learning of Visual
        Representations (2020), eq. 1; van den Oord, Li, Vinyals: Representation Learning with
        Contrastive Predictive Coding (2018), eq. 4.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        distance: Distance = "cosine",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "ntxent_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.temperature = _arguments.positive("temperature", temperature)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return ntxent_of(positives, negatives, self.temperature)
