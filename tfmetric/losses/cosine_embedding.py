"""Cosine embedding loss on the distance that a Siamese model emits."""

import keras
from keras import ops

from tfmetric.losses import _arguments
from tfmetric.losses._siamese import SiameseLoss, pairs_given
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class SiameseCosineEmbeddingLoss(SiameseLoss):
    """Cosine embedding loss on explicit pairs.

    Use it with a Siamese model on the cosine distance, ``tfmetric.models.siamese(embedder,
    "cosine")``. Similar pairs are pulled to one direction, others are pushed apart until their
    cosine is at most the margin.

    With class labels, ``ContrastiveLoss(distance="cosine", margin=1 - margin, power=1)`` computes
    the same on all pairs of a batch.

    Formula:
        With cos = 1 − d, d the cosine distance of a pair, and y 1 for similar pairs and 0 for
        others:

            y·(1 − cos) + (1 − y)·max(0, cos − margin)

    Inputs: ``y_true`` ``(B,)`` or ``(B, 1)``, 1 = similar and 0 = not; ``y_pred`` cosine distances
    ``(B,)`` or ``(B, 1)``.

    Args:
        margin: The cosine above which dissimilar pairs cost something, from -1 to 1; usually 0 to
            0.5.
        reduction: As in Keras; a plain mean over the batch by default.
        name: Name of the loss.
        dtype: Dtype of the computation.

    Raises:
        ValueError: If the margin is out of range or a shape is not as above.

    Example:

    >>> import numpy as np
    >>> loss = SiameseCosineEmbeddingLoss(margin=0.1)
    >>> round(float(loss(np.array([1, 0]), np.array([0.5, 0.6], "float32"))), 4)
    0.4
    """

    def __init__(
        self,
        margin: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "siamese_cosine_embedding_loss",
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = _arguments.number("margin", margin, -1, 1)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Values ``(B,)``."""
        similar, distance = pairs_given(y_true, y_pred)
        apart = ops.relu(1.0 - distance - self.margin)
        return similar * distance + (1.0 - similar) * apart
