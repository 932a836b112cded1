"""Sigmoid loss on two sides: each pair of a batch is told to be a link or not, by itself."""

from typing import Any

import keras
from keras import ops

from tfmetric.losses import _arguments, _logit_columns
from tfmetric.losses._negative_logits import NegativeLogits
from tfmetric.losses.base import anchor_terms
from tfmetric.losses.streaming import Sum
from tfmetric.losses.two_sided_loss import TwoSidedLoss
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class SigmoidPairLoss(TwoSidedLoss):
    """Sigmoid loss (SigLIP): a binary decision for each query and each candidate of a batch.

    Needs no normalisation over the batch, so its gradient hangs less on the size of the batch
    than that of :class:`InBatchSoftmaxLoss`: for batches of some hundreds, and for data where
    several candidates suit a query.

    Formula:
        With z_ij = s(i, j) / τ + b, link i gives

            log(1 + exp(−z_ii)) + Σ_j log(1 + exp(z_ij))

        over all candidates j of the batch but those with the id of candidate i
        (``mask_accidental_hits``).

    Inputs: As in :class:`TwoSidedLoss`.

    Args:
        temperature: Greater than 0: τ.
        bias: b, a number; −10 begins with nearly all pairs told right, most being no links.
        mask_accidental_hits: As in :class:`InBatchSoftmaxLoss`.
        similarity: "cosine", or "inner_product" of the embeddings as they are.
        learned_temperature: Whether the last two columns of ``y_pred`` are 1/τ and b, as
            :class:`tfmetric.layers.LearnedTemperature` with a ``bias`` gives them; ``temperature``
            and ``bias`` are not used then.
        reduction: As in :class:`EmbeddingLoss`: a mean over the links.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range, or ``y_pred`` has another shape.

    Example:

    >>> import numpy as np
    >>> loss = SigmoidPairLoss(temperature=1.0, bias=0.0)
    >>> both = np.array([[[1.0, 0.0], [0.8, 0.6]], [[0.6, 0.8], [0.0, 1.0]]], "float32")
    >>> round(float(loss(np.array([7, 8]), both)), 4)
    1.3598

    References:
        Zhai, Mustafa, Kolesnikov, Beyer: Sigmoid Loss for Language Image Pre-Training (2023),
        eq. 1 and algorithm 1.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        bias: float = -10.0,
        mask_accidental_hits: bool = True,
        similarity: Tensor = "cosine",
        learned_temperature: Any = False,
        reduction: str | None = "auto",
        name: str | None = "sigmoid_pair_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(False, reduction, name, dtype, gather)
        self.temperature = _arguments.positive("temperature", temperature)
        self.bias = _arguments.number("bias", bias, -1e6, 1e6)
        self.mask_accidental_hits = bool(mask_accidental_hits)
        self.similarity = _logit_columns.check_similarity(similarity)
        self.learned_temperature = bool(learned_temperature)
        self._columns = ("scale", "bias") if self.learned_temperature else ()
        self._negatives = NegativeLogits(
            Sum(lambda d: ops.softplus(-d), lambda d: -ops.sigmoid(-d))
        )

    def link_terms(self, links: Any) -> Any:
        """See :class:`TwoSidedLoss`."""
        left, right = _logit_columns.factors(
            links, self._columns, self.similarity, 1.0 / self.temperature, self.bias
        )
        labels, references = _logit_columns.compared(links, right, self.mask_accidental_hits)
        others = self._negatives.terms(labels, left, references).total
        own = _logit_columns.own_logits(left, right, links.partner)
        every = ops.ones_like(own) > 0
        return anchor_terms(ops.softplus(-own) + others, every, every)
