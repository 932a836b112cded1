"""Ranked list loss: keeps positives inside one ball and negatives outside a larger one."""

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import _arguments
from tfmetric.losses.base import Terms, anchor_terms, check_margin
from tfmetric.losses.pair_loss import PairLoss
from tfmetric.losses.streaming import Held, Largest, Smallest, Sum
from tfmetric.typing import Distance, Match, Tensor

# Sums of exponentials up to this exponent stay far below the largest float32.
_NO_OVERFLOW = 60.0


def ranked_list_terms(
    matrix: Tensor,
    positives: Tensor,
    negatives: Tensor,
    alpha: float = 1.2,
    margin: float = 0.4,
    temperature: float = 10.0,
    positive_temperature: float = 0.0,
    balance: float = 0.5,
) -> Terms:
    """Computes one term for each anchor.

    The function under :class:`RankedListLoss`; see there for the arguments.

    Args:
        matrix: ``(B, N)`` distances.
        positives: ``(B, N)`` booleans.
        negatives: ``(B, N)`` booleans.
        alpha: The least distance of negatives.
        margin: How much nearer than ``alpha`` positives must be.
        temperature: Temperature of the weights of negatives.
        positive_temperature: Temperature of the weights of positives.
        balance: Weight of the negatives.
    """
    numbers = alpha, margin, temperature, positive_temperature, balance
    return _terms(Held(matrix, positives), Held(matrix, negatives), *numbers)


def _terms(positives, negatives, alpha, margin, temperature, positive_temperature, balance):
    inside, outside = alpha - margin, alpha
    (furthest,) = positives.reduce(Largest())
    pull = _weighted_mean(positives, 1.0, inside, furthest - inside, positive_temperature)
    most = 0.0
    if temperature * alpha > _NO_OVERFLOW:
        most = outside - negatives.reduce(Smallest())[0]
    push = _weighted_mean(negatives, -1.0, outside, most, temperature)
    valid = positives.number + negatives.number > 0
    return anchor_terms((1.0 - balance) * pull + balance * push, valid)


def _weighted_mean(side, sign, bound, most, temperature):
    """Returns the mean of each anchor's positive excesses, weighted by exp(temperature · excess).

    Args:
        side: Positives or negatives.
        sign: 1 where the excess is d − bound, −1 where it is bound − d.
        bound: The radius.
        most: A number or ``(B,)`` that no excess exceeds; exponents are taken relative to it.
        temperature: Of the weights.
    """
    anchor = () if isinstance(most, float) else (most,)

    def weight(distance, *anchor):
        excess = sign * (ops.stop_gradient(distance) - bound)
        exponent = temperature * ops.relu(excess)
        if anchor:
            # Pairs of the other kind may exceed the limit.
            exponent = ops.minimum(exponent - temperature * anchor[0], 0.0)
        above = ops.exp(exponent)
        return ops.where(excess > 0, above, ops.zeros_like(above))

    def weighted(distance, *anchor):
        return weight(distance, *anchor) * (sign * (distance - bound))

    def slope(distance, *anchor):
        return sign * weight(distance, *anchor)

    weights, total = side.reduce(
        Sum(weight, lambda distance, *_: ops.zeros_like(distance), anchor),
        Sum(weighted, slope, anchor),
    )
    weights = ops.stop_gradient(weights)
    return total / ops.where(weights > 0, weights, 1.0)


@keras.saving.register_keras_serializable(package="tfmetric")
class RankedListLoss(PairLoss):
    """Ranked list loss: keeps a class within a radius and the others outside a larger radius.

    An anchor's negatives must be further than α, its positives nearer than α − m. A class keeps a
    radius, where other losses shrink it to a point. Use it for retrieval and clustering with small
    batches and several examples of each class.

    Formula:
        Pairs within their bound cost nothing. With P* and N* the violating positives and negatives,
        an anchor costs

            (1 − λ) Σ_{P*} w·(d − (α − m)) / Σ_{P*} w + λ Σ_{N*} w·(α − d) / Σ_{N*} w

        with w = exp(T·excess) the weight of a pair, where the excess is the bracketed difference:
        worse pairs count more. The weights get no gradient: the paper chooses them for the size of
        the gradient.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``; ``y_pred`` embeddings ``(B, D)`` of length
    1, as the defaults assume: end the embedder with :class:`tfmetric.layers.L2Normalization`.

    Args:
        alpha: α, greater than 0, in units of the distance.
        margin: m, from 0 to ``alpha``.
        temperature: T of the negatives, at least 0; 0 weighs all alike.
        positive_temperature: T of the positives, at least 0.
        balance: λ, from 0 to 1.
        distance: As in :class:`PairLoss`.
        match: As in :class:`PairLoss`.
        reduction: As in :class:`EmbeddingLoss`: a mean over the anchors that have a pair.
        name: Name of the loss.
        dtype: Dtype of the result.
        gather: As in :class:`EmbeddingLoss`.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> loss = RankedListLoss()
    >>> embeddings = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]], "float32")
    >>> round(float(loss(np.array([1, 1, 2]), embeddings)), 4)
    0.4301

    References:
        Wang, Hua, Kodirov, Hu, Garnier, Robertson: Ranked List Loss for Deep Metric Learning
        (2019), eq. 3 to 9.
    """

    def __init__(
        self,
        alpha: float = 1.2,
        margin: float = 0.4,
        temperature: float = 10.0,
        positive_temperature: float = 0.0,
        balance: float = 0.5,
        distance: Distance = "euclidean",
        match: Match | None = None,
        reduction: str | None = "auto",
        name: str | None = "ranked_list_loss",
        dtype: str | None = None,
        gather: str = "local",
    ):
        super().__init__(distance, match, reduction, name, dtype, gather)
        self.alpha = _arguments.positive("alpha", alpha)
        self.margin = check_margin(margin)
        if self.margin > self.alpha:
            raise ValueError(expected("margin to be at most alpha", margin=margin, alpha=alpha))
        self.temperature = _arguments.number("temperature", temperature, 0, 1e6)
        self.positive_temperature = _arguments.number(
            "positive_temperature", positive_temperature, 0, 1e6
        )
        self.balance = _arguments.number("balance", balance, 0, 1)

    def anchor_terms(self, positives: Tensor, negatives: Tensor) -> Terms:
        """See :class:`PairLoss`."""
        return _terms(
            positives,
            negatives,
            self.alpha,
            self.margin,
            self.temperature,
            self.positive_temperature,
            self.balance,
        )
