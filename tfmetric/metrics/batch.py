"""Metrics of single batches, averaged over an epoch."""

from typing import Any

import keras
from keras import ops

from tfmetric import distances
from tfmetric.metrics.pairs import _Means
from tfmetric.mining import one_triplet
from tfmetric.typing import Array, Distance


def _nearest_is_positive(labels, embeddings, distance):
    positive, negative = one_triplet(labels, embeddings, distance, "easy", "hard")
    nearest_positive = distance.paired(embeddings, ops.take(embeddings, positive.index, axis=0))
    nearest_negative = distance.paired(embeddings, ops.take(embeddings, negative.index, axis=0))
    closer = ops.logical_or(nearest_positive < nearest_negative, ops.logical_not(negative.found))
    return ops.logical_and(positive.found, closer), positive.found


@keras.saving.register_keras_serializable(package="tfmetric")
class BatchRecallAtOne(_Means):
    """Share of examples whose nearest neighbour within the batch is of their class.

    Shown in the progress bar while training. It is far easier than recall@1 on a whole gallery: use
    it to see that training progresses, and :class:`tfmetric.callbacks.RetrievalEvaluation` to judge
    the model. A tie counts as a miss. An example without another of its class in the batch is left
    out.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``.

    Args:
        distance: Name or function; see :func:`tfmetric.distances.get`.
        name: Name of the metric.
        dtype: Dtype of the result.

    Example:

    >>> import numpy as np
    >>> metric = BatchRecallAtOne()
    >>> metric.update_state(np.array([1, 1, 2, 2]), np.array([[0.0], [0.1], [0.2], [1.0]]))
    >>> round(float(metric.result()), 2)
    0.5
    """

    def __init__(
        self,
        distance: Distance = "euclidean",
        name: str | None = "batch_recall_at_1",
        dtype: str | None = None,
    ):
        super().__init__(name, dtype)
        self.distance = distances.get(distance)

    def sums(self, labels: Array, embeddings: Array) -> Any:
        """Returns hits and queries of each anchor."""
        hit, query = _nearest_is_positive(labels, embeddings, self.distance)
        return [tuple(ops.cast(each, embeddings.dtype) for each in (hit, query))]
