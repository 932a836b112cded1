"""Losses on the probability that a random neighbour is of the anchor's class."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses.base import Terms, anchor_terms
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Held, LogSumExp
from tfmetric.typing import Distance, Match, Tensor


def soft_nearest_neighbor_terms(
    matrix: Tensor, positives: Tensor, negatives: Tensor, temperature: float = 1.0
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`SoftNearestNeighborLoss`; see there for the arguments.

    Args:
        matrix: ``(B, N)`` distances.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        temperature: Divides the distances.
    """
    sides = Held(matrix, positives), Held(matrix, negatives)
    return _terms(ops.softplus, *sides, temperature)


def nca_terms(
    matrix: Tensor, positives: Tensor, negatives: Tensor, temperature: float = 1.0
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`NCALoss`; see there for the arguments.

    Args:
        matrix: ``(B, N)`` distances.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        temperature: Divides the distances.
    """
    return _terms(ops.sigmoid, Held(matrix, positives), Held(matrix, negatives), temperature)


def _terms(cost, positives, negatives, temperature):
    """Costs the log-odds that an anchor's neighbour, drawn ~ exp(−d/T), is a negative."""
    valid = ops.logical_and(positives.number > 0, negatives.number > 0)
    (own,) = positives.reduce(LogSumExp(-1.0 / temperature))
    (others,) = negatives.reduce(LogSumExp(-1.0 / temperature))
    # The formula is strictly positive, even where float32 rounds it to 0.
    return anchor_terms(cost(ops.where(valid, others - own, 0.0)), valid, valid)


class _NeighborLoss(PairLoss):
    """Base of both losses, with their common arguments."""

    def __init__(self, temperature, distance, match, reduction, name, dtype, gather):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.temperature = _arguments.positive("temperature", temperature)


@keras.saving.register_keras_serializable(package="tfmetric")
class SoftNearestNeighborLoss(_NeighborLoss):
    """Soft nearest neighbour loss: −log of the probability of a neighbour of the same class.

    It needs one near positive, not all, so a class may form several clusters. At temperature 1 this
    is often called the NCA loss; :class:`NCALoss` is the NCA of the paper.

    Formula:
        An anchor a draws a neighbour k with probability ~ exp(−d(a,k)/T). With P and N its
        positives and negatives it costs

            −log(Σ_P exp(−d/T) / Σ_{P∪N} exp(−d/T))

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    normalised here.

    Args:
        temperature: T, greater than 0, in units of the distance; a larger T lets more neighbours
            count. Use about 0.1 for embeddings of length 1.
        distance: As in :class:`PairLoss`.
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
    >>> loss = SoftNearestNeighborLoss(temperature=0.5)
    >>> embeddings = np.array([[0.0, 0.0], [0.0, 0.5], [0.6, 0.0]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.4929

    References:
        Frosst, Papernot, Hinton: Analyzing and Improving Representations with the Soft Nearest
        Neighbor Loss (2019), eq. 1; after Salakhutdinov, Hinton (2007).
    """

    def __init__(
        self,
        temperature: float = 1.0,
        distance: Distance = "squared_euclidean",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "soft_nearest_neighbor_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(temperature, distance, match, reduction, name, dtype, gather)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return _terms(ops.softplus, positives, negatives, self.temperature)


@keras.saving.register_keras_serializable(package="tfmetric")
class NCALoss(_NeighborLoss):
    """Neighbourhood components analysis: the probability of a neighbour of another class.

    The mean is the expected error of the stochastic nearest neighbour, which the paper minimises.
    An anchor far from its class has almost no gradient, so the loss tolerates wrong labels and
    learns slowly from a poor start. :class:`SoftNearestNeighborLoss` has −log p where this loss has
    1 − p, so it is steeper where p is small. On a linear layer this loss learns the metric of the
    paper.

    Formula:
        An anchor a draws a neighbour k with probability ~ exp(−d(a,k)/T). With P and N its
        positives and negatives it costs 1 − p, where p is the probability of its own class:

            1 − Σ_P exp(−d/T) / Σ_{P∪N} exp(−d/T)

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``, not
    normalised here.

    Args:
        temperature: T, greater than 0, in units of the distance; 1 in the paper, where the length
            of the embeddings is learned. About 0.1 for embeddings of length 1.
        distance: As in :class:`PairLoss`.
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
    >>> loss = NCALoss(temperature=0.5)
    >>> embeddings = np.array([[0.0, 0.0], [0.0, 0.5], [0.6, 0.0]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.3863

    References:
        Goldberger, Roweis, Hinton, Salakhutdinov: Neighbourhood Components Analysis (2004), eq. 1
        to 4: 1 less the paper's expected accuracy.
    """

    def __init__(
        self,
        temperature: float = 1.0,
        distance: Distance = "squared_euclidean",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "nca_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(temperature, distance, match, reduction, name, dtype, gather)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return _terms(ops.sigmoid, positives, negatives, self.temperature)
