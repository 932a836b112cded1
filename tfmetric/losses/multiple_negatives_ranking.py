"""Multiple negatives ranking loss: ranks each positive before all others of the batch."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._log_sum_exp import log_sum_exp_over_all
from tfmetric.losses.base import Terms, gather_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Held
from tfmetric.typing import Distance, Match, Tensor


def multiple_negatives_ranking_terms(
    similarity: Tensor, positives: Tensor, negatives: Tensor, scale: float = 20.0
) -> Terms:
    """Computes one term for each positive pair.

    The function under :class:`MultipleNegativesRankingLoss`; see there for the arguments.

    Args:
        similarity: ``(B, N)`` similarities.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        scale: Multiplies the similarities.
    """
    return _terms(Held(-similarity, positives), Held(-similarity, negatives), scale)


def _terms(positives, negatives, scale):
    own, added, several = log_sum_exp_over_all(positives, negatives, scale)
    values = added[:, None] + (own[:, None] + scale * positives.distance)
    # The formula is strictly positive, even where float32 rounds it to 0.
    active = ops.logical_and(positives.mask, several[:, None])
    return gather_terms(values, positives.mask, active)


@keras.saving.register_keras_serializable(package="tfmetric")
class MultipleNegativesRankingLoss(PairLoss):
    """Multiple negatives ranking loss: ranks the positive first among the whole batch.

    Made for pairs that belong together, such as a question and its answer: stack the B anchors on
    their B positives, with labels 0 … B−1 twice. Both directions are then trained, and the other
    anchors count as negatives beside the other positives. In larger classes each positive also
    competes with the other members of its class. :class:`SupConLoss` differs in its mean over
    anchors; :class:`NTXentLoss` excludes competitors of the same class.

    Formula:
        With s the similarity, a positive pair (a, p) costs the cross-entropy of picking p among all
        k other than a:

            −log(exp(scale·s(a,p)) / Σ_{k≠a} exp(scale·s(a,k)))

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised: the cosine distance does that.

    Args:
        scale: Greater than 0: the inverse of a temperature. 20 for cosines; 1 for the inner
            product.
        distance: As in :class:`PairLoss`; similarity is 1 − d for the cosine distance, −d else.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the positive pairs.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> questions = np.array([[1.0, 0.0], [0.6, 0.8]], "float32")
    >>> answers = np.array([[0.8, 0.6], [0.0, 1.0]], "float32")
    >>> loss = MultipleNegativesRankingLoss()
    >>> round(float(loss(np.array([0, 1, 0, 1]), np.concatenate([questions, answers]))), 4)
    1.6294

    References:
        Henderson, Al-Rfou, Strope, Sung, Lukács, Guo, Kumar, Miklos, Kurzweil: Efficient Natural
        Language Response Suggestion for Smart Reply (2017), section 4.4; scaled cosines as in
        Reimers, Gurevych: Sentence-BERT (2019) and its library.
    """

    def __init__(
        self,
        scale: float = 20.0,
        distance: Distance = "cosine",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "multiple_negatives_ranking_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.scale = _arguments.positive("scale", scale)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return _terms(positives, negatives, self.scale)
