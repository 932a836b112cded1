"""Share of active triplets, accumulated over an epoch."""

from typing import Any

import keras

from tfmetric import distances
from tfmetric.losses import triplet_terms
from tfmetric.losses.base import check_margin
from tfmetric.metrics.pairs import _Means
from tfmetric.mining import resolve
from tfmetric.typing import Array, Distance


@keras.saving.register_keras_serializable(package="tfmetric")
class ActiveTripletFraction(_Means):
    """Share of the mined triplets that are active: d(a,p) − d(a,n) + margin > 0.

    Near 0 such triplets teach nothing more: widen the margin, mine harder triplets, or stop. A
    value of 1 with mining "hard" is usual early on; if the loss also stays at the margin, the model
    has collapsed. Pass the arguments of the loss.

    Inputs: ``y_true`` class ids ``(B,)`` or ``(B, 1)``, ``y_pred`` embeddings ``(B, D)``. Under
    tf.distribute the triplets are those of each replica's part.

    Args:
        margin: At least 0, in units of the distance.
        mining: As in :class:`tfmetric.losses.TripletLoss`.
        distance: Name or function; see :func:`tfmetric.distances.get`.
        name: Name of the metric.
        dtype: Dtype of the result.

    Raises:
        ValueError: If an argument is unknown or out of range.

    Example:

    >>> import numpy as np
    >>> metric = ActiveTripletFraction(margin=0.3)
    >>> metric.update_state(np.array([1, 1, 2, 2]), np.array([[0.0], [1.0], [1.4], [8.0]]))
    >>> float(metric.result())
    0.5
    """

    def __init__(
        self,
        margin: float = 0.2,
        mining: Any = "hard",
        distance: Distance = "euclidean",
        name: str | None = "active_triplet_fraction",
        dtype: str | None = None,
    ):
        super().__init__(name, dtype)
        self.margin = check_margin(margin)
        self._pair = resolve(mining)
        self.mining = mining if isinstance(mining, str) else tuple(mining)
        self.distance = distances.get(distance)

    def sums(self, labels: Array, embeddings: Array) -> Any:
        """Returns the numbers of active and of all formed triplets."""
        terms = triplet_terms(labels, embeddings, self.margin, self._pair, self.distance)
        return [(terms.active, terms.count)]
