"""Figures of batch-hard mining that distinguish a collapse from slow learning."""

from typing import Any

import keras
from keras import ops

from tfmetric import distances
from tfmetric.losses.base import check_margin
from tfmetric.metrics.pairs import _Means
from tfmetric.mining import one_triplet
from tfmetric.typing import Array, Distance


@keras.saving.register_keras_serializable(package="tfmetric")
class MiningStatistics(_Means):
    """Five means over the examples of an epoch, from one search for the hardest triplets.

    Pass it to ``model.compile(metrics=[...])`` while you set up a training, and pass
    :class:`tfmetric.callbacks.CollapseMonitor`, which reads it, to ``fit``. It costs one more
    search of each batch, inside the compiled step. The result is a dict, so five names appear in
    the logs, with the prefix ``name_`` if the name is not the default. Give each instance its own
    name.

    * ``hardest_positive``: mean distance of an anchor's furthest positive.
    * ``hardest_negative``: mean distance of its nearest negative.
    * ``active_fraction``: share of those triplets with d(a,p) − d(a,n) + margin > 0.
    * ``embedding_norm``: mean length of an embedding.
    * ``embedding_spread``: mean distance of an embedding from the mean of its batch; its length,
      if it is the only one.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``.

    Args:
        margin: Margin of the loss, in units of the distance.
        distance: Distance of the loss; see :func:`tfmetric.distances.get`.
        name: Name of the metric.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> metric = MiningStatistics(margin=0.3)
    >>> metric.update_state(np.array([1, 1, 2, 2]), np.array([[0.0], [1.0], [1.5], [8.0]]))
    >>> for name, value in metric.result().items():
    ...     print(name, round(float(value), 3))
    hardest_positive 3.75
    hardest_negative 2.375
    active_fraction 0.5
    embedding_norm 2.625
    embedding_spread 2.688

    Reference: Hermans, Beyer, Leibe: In Defense of the Triplet Loss for Person Re-Identification
    (2017), sec. 3.2 on watching distances, norms and active triplets in training.
    """

    means = (
        "hardest_positive",
        "hardest_negative",
        "active_fraction",
        "embedding_norm",
        "embedding_spread",
    )

    def __init__(
        self,
        margin: float = 0.2,
        distance: Distance = "euclidean",
        name: str | None = "mining_statistics",
        dtype: str | None = None,
    ):
        super().__init__(name, dtype)
        self.margin = check_margin(margin)
        self.distance = distances.get(distance)

    def sums(self, labels: Array, embeddings: Array) -> Any:
        """Returns sums and counts of the means."""
        chosen = one_triplet(labels, embeddings, self.distance, "hard", "hard")
        to_positive, to_negative = (
            self.distance.paired(embeddings, ops.take(embeddings, side.index, axis=0))
            for side in chosen
        )
        dtype = embeddings.dtype
        positive, negative = (ops.cast(side.found, dtype) for side in chosen)
        active = ops.cast(to_positive - to_negative + self.margin > 0, dtype)
        length = distances.get("euclidean").paired
        norm = length(embeddings, ops.zeros_like(embeddings))
        spread = length(embeddings, ops.mean(embeddings, axis=0, keepdims=True))
        # A single example is no collapse, so its length counts as spread.
        spread = ops.where(ops.shape(embeddings)[0] > 1, spread, norm)
        return [
            (to_positive * positive, positive),
            (to_negative * negative, negative),
            (active * positive * negative, positive * negative),
            (norm, ops.ones_like(norm)),
            (spread, ops.ones_like(norm)),
        ]

    def result(self) -> Any:
        """Returns the means by name; 0 before the first example."""
        before = "" if self.name == "mining_statistics" else f"{self.name}_"
        return {before + name: self._mean(place) for place, name in enumerate(self.means)}
