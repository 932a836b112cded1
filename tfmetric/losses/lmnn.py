"""Large margin nearest neighbour loss: pulls target neighbours and pushes impostors."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._masked import any_of
from tfmetric.losses.base import Terms, anchor_terms, check_margin
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.mining import at
from tfmetric.typing import Distance, Match, Tensor


def lmnn_terms(
    matrix: Tensor,
    positives: Tensor,
    negatives: Tensor,
    neighbors: int = 3,
    margin: float = 1.0,
    mu: float = 0.5,
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`LMNNLoss`; see there for the arguments.

    Args:
        matrix: ``(B, N)`` distances.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        neighbors: Number of target neighbours.
        margin: How much further than a target neighbour an impostor must be.
        mu: Weight of the push.
    """
    columns = ops.arange(ops.shape(matrix)[1], dtype="int32")[None, :]
    candidates = ops.where(positives, ops.stop_gradient(matrix), float("inf"))
    total = ops.zeros_like(matrix[:, 0])
    for _ in range(neighbors):
        index = ops.cast(ops.argmin(candidates, axis=1, keepdims=True), "int32")
        found = at(candidates, index) < float("inf")
        target = at(matrix, index)
        impostors = ops.logical_and(negatives, found)
        push = ops.where(impostors, ops.relu(margin + target - matrix), 0.0)
        pull = ops.where(found, target, 0.0)[:, 0]
        total = total + (1.0 - mu) * pull + mu * ops.sum(push, axis=1)
        candidates = ops.where(columns == index, float("inf"), candidates)
    return anchor_terms(total, any_of(positives))


@keras.saving.register_keras_serializable(package="tfmetric")
class LMNNLoss(PairLoss):
    """Large margin nearest neighbour loss: pulls near positives and pushes impostors.

    Made for k-nearest-neighbour classification, and the classical loss for a learned linear metric
    on tables (:class:`tfmetric.layers.Mahalanobis`). A class may form several clusters, since only
    near positives are pulled.

    The paper fixes target neighbours once, by the raw inputs of the whole data. Here they are the
    nearest positives in the batch, by the current embeddings, so use large batches.

    Formula:
        The k nearest positives of an anchor a are its target neighbours j; they are pulled. A
        negative l that is nearer than a target neighbour plus the margin is an impostor; it is
        pushed:

            (1 − μ) Σ_j d(a,j) + μ Σ_j Σ_l max(0, margin + d(a,j) − d(a,l))

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``; ``y_pred`` embeddings ``(B, D)``, whose
    scale the margin depends on.

    Args:
        neighbors: k, a whole number of at least 1. Each neighbour adds a B×B matrix to the backward
            pass.
        margin: At least 0, in units of the distance.
        mu: μ, from 0 (pull only) to 1 (push only).
        distance: As in :class:`PairLoss`.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the anchors that have a positive; each
            sums over its impostors, as in the paper.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = LMNNLoss(neighbors=1)
    >>> embeddings = np.array([[0.0, 0.0], [0.0, 0.5], [0.6, 0.0]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.5075

    References:
        Weinberger, Saul: Distance Metric Learning for Large Margin Nearest Neighbor Classification
        (2009), eq. 11 to 13.
    """

    def __init__(
        self,
        neighbors: int = 3,
        margin: float = 1.0,
        mu: float = 0.5,
        distance: Distance = "squared_euclidean",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "lmnn_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.neighbors = _arguments.whole("neighbors", neighbors, 1)
        self.margin = check_margin(margin)
        self.mu = _arguments.number("mu", mu, 0, 1)

    def pair_terms(self, matrix: Tensor, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return lmnn_terms(matrix, positives, negatives, self.neighbors, self.margin, self.mu)
