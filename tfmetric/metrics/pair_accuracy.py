"""Accuracy of a distance threshold on given pairs, accumulated over an epoch."""

from typing import Any

import keras
from keras import ops

from tfmetric.losses import _inputs
from tfmetric.losses._arguments import number
from tfmetric.losses._siamese import pairs_given
from tfmetric.metrics.pairs import _Means
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class PairAccuracy(_Means):
    """Share of given pairs classified correctly: similar if their distance is at most a threshold.

    The accuracy of a model from :func:`tfmetric.models.siamese`. Keras's ``"accuracy"`` reads the
    distance as a probability, so it is wrong there. If one kind of pairs dominates, every model's
    accuracy is high: see :func:`tfmetric.evaluation.verification` for figures without a threshold.

    Inputs: ``y_true`` ``(B,)`` or ``(B, 1)``, 1 for similar and 0 for not; ``y_pred`` distances
    of the same shape. Labels other than 0 and 1, and distances with NaN, make the result NaN.

    Args:
        threshold: The largest distance of a similar pair, in units of the distance. Defaults to
            0.5, half the margin of :class:`tfmetric.losses.SiameseContrastiveLoss`.
        name: Name of the metric.
        dtype: Dtype of the result.

    Raises:
        ValueError: If the threshold is not a finite number, or a shape differs.

    Example:

    >>> import numpy as np
    >>> metric = PairAccuracy(threshold=0.5)
    >>> metric.update_state(np.array([1, 1, 0, 0]), np.array([0.1, 0.7, 0.9, 0.6], "float32"))
    >>> float(metric.result())
    0.75
    """

    def __init__(
        self,
        threshold: float | None = 0.5,
        name: str | None = "pair_accuracy",
        dtype: str | None = None,
    ):
        super().__init__(name, dtype)
        self.threshold = number("threshold", threshold, -1e30, 1e30)

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> None:
        """Adds a batch of pairs; ``sample_weight`` weighs the pairs."""
        y_true, y_pred = (
            ops.cast(ops.convert_to_tensor(_inputs.rows(each)), self._compute)
            for each in (y_true, y_pred)
        )
        weight = _inputs.weights(sample_weight, y_pred)
        similar, distance = pairs_given(y_true, y_pred)
        told = ops.equal(ops.cast(distance <= self.threshold, self._compute), similar)
        known = ops.logical_or(ops.equal(similar, 0.0), ops.equal(similar, 1.0))
        right = ops.logical_and(ops.all(known), ops.logical_not(ops.any(ops.isnan(distance))))
        self._add([(ops.cast(told, self._compute), ops.ones_like(distance))], weight, right)
