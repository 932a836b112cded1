"""FastAP: average precision from a histogram of each anchor's distances."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._histogram import row_histograms
from tfmetric.losses._masked import any_of
from tfmetric.losses.base import Terms, anchor_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.typing import Distance, Match, Tensor


def fast_ap_terms(
    matrix: Tensor,
    positives: Tensor,
    negatives: Tensor,
    num_bins: int = 10,
    furthest: float = 2.0,
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`FastAPLoss`; see there for the arguments.

    Args:
        matrix: ``(B, N)`` distances.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        num_bins: Number of bins.
        furthest: The distance at which the last bin ends.
    """
    position = matrix * (num_bins / furthest)
    mine = row_histograms(position, positives, num_bins)
    others = row_histograms(position, ops.logical_or(positives, negatives), num_bins)
    seen = ops.cumsum(others, axis=1)
    # Where the cumulated count is 0, the count of positives is 0 too.
    precision = ops.cumsum(mine, axis=1) / ops.where(seen > 0, seen, 1.0)
    number = ops.sum(ops.cast(positives, matrix.dtype), axis=1)
    average = ops.sum(mine * precision, axis=1) / ops.maximum(number, 1.0)
    return anchor_terms(1.0 - average, any_of(positives))


@keras.saving.register_keras_serializable(package="tfmetric")
class FastAPLoss(PairLoss):
    """FastAP: one minus the average precision of each anchor, estimated from a histogram.

    Each anchor is a query, for which the rest of the batch is ranked. Use it for retrieval judged
    by mean average precision, with large batches (the paper: 256 and more) and several examples of
    each class. Unlike triplets it sees a whole ranking at once.

    Formula:
        The distances of an anchor are binned, each shared between the two nearest bins. With h⁺ the
        histogram of its positives, H⁺ and H the cumulated histograms of its positives and of all
        pairs, and R the number of its positives, the anchor costs

            1 − (1/R) Σ_bins h⁺·H⁺ / H

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    necessarily normalised: the cosine distance does that. The paper's squared Euclidean distance
    of unit vectors, from 0 to 4, is twice the cosine distance, so the bins are the same.

    Args:
        num_bins: At least 1. More bins tell ranks apart more finely, but fewer pairs share a bin
            and so have a gradient.
        furthest: Greater than 0, in units of the distance: where the last bin ends. Larger
            distances count in the last bin, without a gradient. 2 covers every cosine distance.
        distance: As in :class:`PairLoss`.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the anchors that have a positive.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = FastAPLoss(num_bins=10)
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.5

    References:
        Cakir, He, Xia, Kulis, Sclaroff: Deep Metric Learning to Rank (2019), eq. 7 and sec. 3.2.
    """

    def __init__(
        self,
        num_bins: int = 10,
        furthest: float | None = 2.0,
        distance: Distance = "cosine",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "fast_ap_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.num_bins = _arguments.whole("num_bins", num_bins, 1)
        self.furthest = _arguments.positive("furthest", furthest)

    def pair_terms(self, matrix: Tensor, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return fast_ap_terms(matrix, positives, negatives, self.num_bins, self.furthest)
