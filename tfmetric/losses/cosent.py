"""CoSENT loss: the cosines of graded pairs in the order of their scores."""

import keras

from tfmetric import distances
from tfmetric.losses._score_order import ScoreOrderLoss
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class CoSENTLoss(ScoreOrderLoss):
    """CoSENT loss: puts the cosines of pairs in the order of their scores.

    The first choice for pairs with grades, such as sentences and how similar they are from 0 to 5.
    It trains the order alone, which Spearman's correlation judges, so the scale of the scores does
    not matter. :class:`CosineRegressionLoss` trains the cosines to be the scores.

    Formula:
        With s_i the cosine of pair i, a batch costs, over all i and j with score_i > score_j,

            log(1 + Σ exp(scale·(s_j − s_i)))

    A batch has one value, and each pair has that value: the mean over the pairs is the formula.
    Equal scores demand nothing; with all scores equal, or one pair, the loss is 0. A pair of
    ``sample_weight`` k counts as k equal pairs, a pair of weight 0 is left out; weights are at
    least 0, and a scalar multiplies the loss. Takes O(B²) time and the memory of a block of rows.
    On several replicas, each compares the pairs of its own shard.

    Inputs: ``y_true`` scores ``(B,)`` or ``(B, 1)``, whole numbers or floats; ``y_pred`` ``(B, 2,
    D)``, the two sides of each pair, as :func:`tfmetric.models.two_tower` gives them.

    Args:
        scale: Greater than 0: the inverse of a temperature.
        reduction: "sum_over_batch_size", "sum" or None, as in Keras.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is out of range, a score is not finite, or a shape differs.

    Example:

    >>> import numpy as np
    >>> loss = CoSENTLoss()
    >>> pairs = np.array([[[1.0, 0.0], [0.8, 0.6]], [[0.6, 0.8], [0.0, 1.0]]], "float32")
    >>> round(float(loss(np.array([0.2, 0.9]), pairs)), 4)
    0.6931
    >>> round(float(loss(np.array([0.5, 0.5]), pairs)), 4)
    0.0

    References:
        Su: CoSENT, a more effective sentence vector scheme than Sentence-BERT (2022,
        kexue.fm/archives/8847); Huang et al.: CoSENT: Consistent Sentence Embedding via Similarity
        Ranking (2024), eq. 6.
    """

    def __init__(
        self,
        scale: float = 20.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosent_loss",
        dtype: str | None = None,
    ):
        super().__init__(scale, reduction, name, dtype)

    def similarity(self, left: Tensor, right: Tensor) -> Tensor:
        """Returns the cosine less 1, by direct difference, exact for close vectors."""
        return -distances.get("cosine").paired(left, right)
