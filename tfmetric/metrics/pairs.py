"""Mean distances of the pairs of a batch, accumulated over an epoch."""

from typing import Any

import keras
from keras import ops

from tfmetric import distances
from tfmetric._config import ConfigFromArguments
from tfmetric.losses import _inputs
from tfmetric.losses._pairs import all_pairs
from tfmetric.mining import label_masks
from tfmetric.typing import Array, Distance


class _Means(ConfigFromArguments, keras.metrics.Metric):
    """Base of the means over the pairs or triplets of a batch, weighted by an anchor's weight.

    A subclass returns in :meth:`sums` the contribution of each anchor to each mean. Computed in
    float32, or in float64 with ``dtype="float64"``. Embeddings with NaN or Inf, and labels that are
    not whole numbers, make the result NaN. An empty batch adds nothing.
    """

    means: tuple[str, ...] = ("mean",)

    def __init__(self, name, dtype):
        super().__init__(name=name, dtype=dtype)
        # Sums over an epoch exceed 16 bits.
        self._compute = "float64" if self.dtype == "float64" else "float32"
        self._totals = [self._variable(f"{mean}_total") for mean in self.means]
        self._counts = [self._variable(f"{mean}_count") for mean in self.means]

    def _variable(self, name):
        return self.add_variable((), "zeros", dtype=self._compute, name=name)

    def sums(self, labels, embeddings):
        """Returns, for each mean, the sum (B,) and the number (B,) of each anchor's terms."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; ``sample_weight`` weighs the anchors."""
        y_true, y_pred = _inputs.rows(y_true), ops.convert_to_tensor(_inputs.rows(y_pred))
        weight = _inputs.weights(sample_weight, y_pred)
        _inputs.one_label_each(y_true, y_pred)
        labels, whole = _inputs.class_ids(_inputs.at_least_one_row(y_true))
        x = _inputs.at_least_one_row(y_pred)
        x, finite = _inputs.embeddings(x, labels, self._compute)
        sums = self.sums(labels, x)
        if _inputs.may_be_empty(y_pred):
            size = ops.shape(y_pred)[0]
            sums = [(values[:size], number[:size]) for values, number in sums]
        self._add(sums, weight, ops.logical_and(finite, whole))

    def _add(self, sums, weight, right):
        """Adds sums and numbers ``(B,)`` of a batch; an invalid batch makes the means NaN.

        Otherwise NaN inputs would count as zeros, since a comparison with NaN is false.
        """
        nothing = ops.where(right, 0.0, ops.cast(float("nan"), self._compute))
        for total, count, (values, number) in zip(self._totals, self._counts, sums, strict=True):
            if weight is not None:
                by = ops.cast(weight, self._compute)
                values, number = by * values, by * number
            total.assign_add(ops.sum(values) + nothing)
            count.assign_add(ops.sum(number) + nothing)

    def _mean(self, place):
        mean = ops.divide_no_nan(self._totals[place], self._counts[place])
        return ops.cast(mean, self.dtype)

    def result(self):
        """Returns the mean; 0 before the first pair."""
        return self._mean(0)


def _positives_and_negatives(labels, embeddings, distance):
    """Returns sum and number of each anchor's distances to its positives, and to its negatives."""
    matrix = all_pairs(labels, embeddings, distance)
    return [
        (
            ops.sum(ops.where(mask, matrix, ops.zeros_like(matrix)), axis=1),
            ops.sum(ops.cast(mask, matrix.dtype), axis=1),
        )
        for mask in label_masks(labels)
    ]


@keras.saving.register_keras_serializable(package="tfmetric")
class MeanPositiveDistance(_Means):
    """Mean distance of two examples of a class within the batch.

    Watch it beside :class:`MeanNegativeDistance`: both falling to 0 together is a collapse, where
    all examples go to one point.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``. It
    takes O(B²) memory. Under tf.distribute the pairs are those of each replica's part.

    Args:
        distance: Name or function; see :func:`tfmetric.distances.get`.
        name: Name of the metric.
        dtype: Dtype of the result.

    Example:

    >>> import numpy as np
    >>> metric = MeanPositiveDistance()
    >>> metric.update_state(np.array([1, 1, 2]), np.array([[0.0], [2.0], [5.0]]))
    >>> float(metric.result())
    2.0
    """

    def __init__(
        self,
        distance: Distance = "euclidean",
        name: str | None = "mean_positive_distance",
        dtype: str | None = None,
    ):
        super().__init__(name, dtype)
        self.distance = distances.get(distance)

    def sums(self, labels: Array, embeddings: Array) -> Any:
        """Distances to the positives."""
        return _positives_and_negatives(labels, embeddings, self.distance)[:1]


@keras.saving.register_keras_serializable(package="tfmetric")
class MeanNegativeDistance(_Means):
    """Mean distance of two examples of different classes within the batch.

    Inputs and arguments as in :class:`MeanPositiveDistance`.

    Args:
        distance: Name or function; see :func:`tfmetric.distances.get`.
        name: Name of the metric.
        dtype: Dtype of the result.

    Example:

    >>> import numpy as np
    >>> metric = MeanNegativeDistance()
    >>> metric.update_state(np.array([1, 1, 2]), np.array([[0.0], [2.0], [5.0]]))
    >>> float(metric.result())
    4.0
    """

    def __init__(
        self,
        distance: Distance = "euclidean",
        name: str | None = "mean_negative_distance",
        dtype: str | None = None,
    ):
        super().__init__(name, dtype)
        self.distance = distances.get(distance)

    def sums(self, labels: Array, embeddings: Array) -> Any:
        """Distances to the negatives."""
        return _positives_and_negatives(labels, embeddings, self.distance)[1:]


@keras.saving.register_keras_serializable(package="tfmetric")
class DistanceGap(_Means):
    """Mean distance between classes minus mean distance within classes: larger is better.

    In units of the distance, so compare it between epochs of one run. It averages: the gap may
    widen while the hard cases do not improve.

    Inputs and arguments as in :class:`MeanPositiveDistance`.

    Args:
        distance: Name or function; see :func:`tfmetric.distances.get`.
        name: Name of the metric.
        dtype: Dtype of the result.

    Example:

    >>> import numpy as np
    >>> metric = DistanceGap()
    >>> metric.update_state(np.array([1, 1, 2]), np.array([[0.0], [2.0], [5.0]]))
    >>> float(metric.result())
    2.0
    """

    means = ("positive", "negative")

    def __init__(
        self,
        distance: Distance = "euclidean",
        name: str | None = "distance_gap",
        dtype: str | None = None,
    ):
        super().__init__(name, dtype)
        self.distance = distances.get(distance)

    def sums(self, labels: Array, embeddings: Array) -> Any:
        """Returns distances to the positives, and to the negatives."""
        return _positives_and_negatives(labels, embeddings, self.distance)

    def result(self) -> Any:
        """Returns the gap; 0 until both a positive and a negative pair have been seen."""
        gap = self._mean(1) - self._mean(0)
        none = ops.logical_or(ops.equal(self._counts[0], 0), ops.equal(self._counts[1], 0))
        return ops.where(none, ops.zeros_like(gap), gap)
