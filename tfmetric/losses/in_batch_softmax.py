"""In-batch softmax: the candidate of each query, picked among all candidates of the batch."""

from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import _arguments, _logit_columns
from tfmetric.losses._masked import LOG_ZERO
from tfmetric.losses._negative_logits import LargestLogits, NegativeLogits
from tfmetric.losses.base import anchor_terms
from tfmetric.losses.streaming import LogSumExp
from tfmetric.losses.two_sided_loss import TwoSidedLoss
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class InBatchSoftmaxLoss(TwoSidedLoss):
    """In-batch softmax (InfoNCE on two sides): cross-entropy of picking each query's candidate.

    The first choice for two towers: questions and answers, images and captions, users and items.
    The more links in a batch, the better; memory is that of a tile of the matrix of logits, so a
    batch of 16,384 fits easily.

    Formula:
        With s the similarity, τ the temperature and q_j the probability that candidate j is in a
        batch, the logit of query i and candidate j is z_ij = s(i, j) / τ − log q_j, and link i
        gives

            −log(exp(z_ii) / (exp(z_ii) + Σ_j exp(z_ij)))

        over all candidates j of the batch but those with the id of candidate i
        (``mask_accidental_hits``), and but those that are suspiciously similar to the query
        (``false_negative_margin``). With ``symmetric`` it is the mean with the same from the other
        side, without q.

    Inputs: As in :class:`TwoSidedLoss`: ``y_true`` ``(B,)`` ids of the candidates, ``y_pred`` ``(B,
    2 + H, D)``. The last columns of D may hold the values for ``learned_temperature`` and
    ``log_q``.

    Args:
        temperature: Greater than 0: τ. 0.05 suits cosines of towers that are trained from
            nothing; 1 suits the inner product.
        symmetric: As in :class:`TwoSidedLoss`; CLIP is symmetric.
        mask_accidental_hits: Whether a candidate of the same id as the query's own is left out
            of the negatives. In a batch of popular items many such meet.
        top_k_negatives: How many of each query's hardest negatives count; None for all.
        false_negative_margin: m: a candidate at least as similar to the query as s(i, i) − m is
            left out of the negatives, as it may be right without a link; with
            ``false_negative_rule`` "relative", as s(i, i) − m·|s(i, i)|. None leaves out none. The
            rule looks at the similarities of the model itself, so give it a model that has learned
            before. Not with ``log_q`` or ``top_k_negatives``.
        false_negative_rule: "absolute" or "relative".
        similarity: "cosine", or "inner_product" of the embeddings as they are.
        learned_temperature: Whether a column of ``y_pred`` is 1/τ, as
            :class:`tfmetric.layers.LearnedTemperature` gives it; ``temperature`` is not used then.
        log_q: Whether the last column of ``y_pred`` is log q, as ``models.two_tower(log_q=...)``
            gives it.
        reduction: As in :class:`EmbeddingLoss`: a mean over the links.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range, or ``y_pred`` has another shape.

    Example:

    >>> import numpy as np
    >>> loss = InBatchSoftmaxLoss(temperature=0.5)
    >>> both = np.array([[[1.0, 0.0], [0.8, 0.6]], [[0.6, 0.8], [0.0, 1.0]]], "float32")
    >>> round(float(loss(np.array([7, 8]), both)), 4)
    0.5249

    References:
        Yi, Yang, Hong, Cheng, Heldt, Kumthekar, Zhao, Wei, Chi: Sampling-Bias-Corrected Neural
        Modeling for Large Corpus Item Recommendations (2019), eq. 3 to 5; Radford et al.: Learning
        Transferable Visual Models From Natural Language Supervision (2021), section 2.3.
    """

    def __init__(
        self,
        temperature: float = 0.05,
        symmetric: bool = False,
        mask_accidental_hits: bool = True,
        top_k_negatives: int | None = None,
        false_negative_margin: float | None = None,
        false_negative_rule: str = "absolute",
        similarity: Tensor = "cosine",
        learned_temperature: Any = False,
        log_q: Any = False,
        reduction: str | None = "auto",
        name: str | None = "in_batch_softmax_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(symmetric, reduction, name, dtype, gather)
        self.temperature = _arguments.positive("temperature", temperature)
        self.mask_accidental_hits = bool(mask_accidental_hits)
        self.top_k_negatives = top_k_negatives
        if top_k_negatives is not None:
            self.top_k_negatives = _arguments.whole("top_k_negatives", top_k_negatives, 1)
        self.similarity = _logit_columns.check_similarity(similarity)
        self.learned_temperature, self.log_q = bool(learned_temperature), bool(log_q)
        self._columns = ("scale",) * self.learned_temperature + ("log_q",) * self.log_q
        self.false_negative_margin, self.false_negative_rule = _margin(
            false_negative_margin, false_negative_rule, log_q, top_k_negatives
        )
        self._negatives = NegativeLogits(LogSumExp(-1.0))
        if top_k_negatives is not None:
            self._negatives = LargestLogits(self.top_k_negatives)

    def link_terms(self, links: Any) -> Any:
        """See :class:`TwoSidedLoss`."""
        left, right = _logit_columns.factors(
            links, self._columns, self.similarity, 1.0 / self.temperature
        )
        labels, references = _logit_columns.compared(links, right, self.mask_accidental_hits)
        own = _logit_columns.own_logits(left, right, links.partner)
        negatives = self._negatives
        if self.false_negative_margin is not None:
            negatives = NegativeLogits(
                LogSumExp(-1.0, farther=ops.stop_gradient(-self._most(links, own)))
            )
        others = negatives.terms(labels, left, references)
        several = ops.logical_and(others.count > 0, others.total > LOG_ZERO / 2)
        value = ops.softplus(ops.where(several, others.total - own, 0.0))
        # The formula is strictly positive, even where float32 rounds it to 0.
        return anchor_terms(ops.where(several, value, 0.0), ops.ones_like(several), several)

    def _most(self, links, own):
        """Returns ``(B,)``: the logit that no negative may exceed."""
        margin = self.false_negative_margin
        if self.false_negative_rule == "relative":
            return own - margin * ops.abs(own)
        scale = _logit_columns.split(links.anchors, self._columns)[1].scale
        return own - margin * (1.0 / self.temperature if scale is None else scale)


def _margin(margin, rule, log_q, top_k_negatives):
    if rule not in ("absolute", "relative"):
        raise ValueError(
            expected("false_negative_rule to be absolute or relative", false_negative_rule=rule)
        )
    if margin is None:
        return None, rule
    if log_q or top_k_negatives is not None:
        raise ValueError(
            expected(
                "false_negative_margin without log_q and top_k_negatives",
                log_q=log_q,
                top_k_negatives=top_k_negatives,
            )
        )
    return _arguments.number("false_negative_margin", margin, 0.0, 1e30), rule
