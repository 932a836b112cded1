"""Sums over the logits of negatives, where a logit is the product of two rows."""

from keras import ops

from tfmetric.losses._masked import LOG_ZERO, masked_logsumexp
from tfmetric.losses.base import Terms
from tfmetric.losses.pair_loss import PairLoss


class NegativeLogits(PairLoss):
    """One reduction over the negated logits of each anchor's negatives, strip by strip.

    :meth:`EmbeddingLoss.terms` gives the reduction as the total, the number of negatives as the
    count.

    Args:
        asked: What of :mod:`tfmetric.losses.streaming` is asked.
    """

    def __init__(self, asked):
        super().__init__("inner_product")
        self._asked = asked

    def anchor_terms(self, positives, negatives):
        """See :class:`PairLoss`."""
        (found,) = negatives.reduce(self._asked)
        return Terms(found, negatives.number, ops.zeros_like(found))


class LargestLogits(PairLoss):
    """The log of the sum of the exponentials of each anchor's k largest negative logits.

    Args:
        k: How many.
    """

    def __init__(self, k):
        super().__init__("inner_product")
        self._k = k

    def pair_terms(self, matrix, positives, negatives):
        """See :class:`PairLoss`."""
        logits = ops.where(negatives, -matrix, LOG_ZERO)
        # As many columns as are asked for, however small the batch.
        nothing = ops.broadcast_to(ops.cast(LOG_ZERO, matrix.dtype), (1, self._k))
        nothing = ops.broadcast_to(nothing, (ops.shape(matrix)[0], self._k))
        logits, _ = ops.top_k(ops.concatenate([logits, nothing], axis=1), self._k)
        exists = logits > LOG_ZERO / 2
        number = ops.sum(ops.cast(exists, matrix.dtype), axis=1)
        return Terms(masked_logsumexp(logits, exists), number, ops.zeros_like(number))
