"""Supervised contrastive loss: separates an anchor's positives from all other examples."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._log_sum_exp import log_sum_exp_over_all
from tfmetric.losses.base import Terms, anchor_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Held
from tfmetric.typing import Distance, Match, Tensor


def sup_con_terms(
    similarity: Tensor, positives: Tensor, negatives: Tensor, temperature: float = 0.1
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`SupConLoss`; see there for the arguments.

    Args:
        similarity: ``(B, N)`` similarities.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        temperature: Divides the similarities.
    """
    return _terms(Held(-similarity, positives), Held(-similarity, negatives), temperature)


def _terms(positives, negatives, temperature):
    own, added, several = log_sum_exp_over_all(positives, negatives, 1.0 / temperature)
    mean = ops.sum(positives.masked(positives.distance), axis=1)
    mean = mean / (temperature * ops.maximum(positives.number, 1.0))
    # The formula is strictly positive, even where float32 rounds it to 0.
    return anchor_terms(added + (own + mean), positives.number > 0, several)


@keras.saving.register_keras_serializable(package="tfmetric")
class SupConLoss(PairLoss):
    """Supervised contrastive loss, in the form with the sum outside the logarithm.

    The denominator includes the other positives, which push each other apart while the numerator
    pulls; so the loss does not reach 0 and classes stay spread out. Use it with large batches and
    several examples of each class; compare :class:`NTXentLoss`.

    Formula:
        With P the positives of an anchor a, A all examples but a and s the similarity, a costs

            −1/|P| · Σ_{p∈P} log(exp(s(a,p)/τ) / Σ_{k∈A} exp(s(a,k)/τ))

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised: the cosine distance does that.

    Args:
        temperature: Greater than 0: τ; a lower value gives the hardest negatives more weight.
        distance: As in :class:`PairLoss`; similarity is 1 − d for the cosine distance, −d else.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the anchors that have a positive.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = SupConLoss(temperature=0.5)
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    1.0148

    References:
        Khosla, Teterwak, Wang, Sarna, Tian, Isola, Maschinot, Liu, Krishnan: Supervised
        Contrastive Learning (2020), eq. 2.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        distance: Distance = "cosine",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "sup_con_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.temperature = _arguments.positive("temperature", temperature)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return _terms(positives, negatives, self.temperature)
