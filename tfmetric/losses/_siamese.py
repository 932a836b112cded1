"""The base of the losses on the distances that a Siamese or triplet model emits."""

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import narrowed, widened
from tfmetric.losses import _inputs
from tfmetric.losses.base import Reduced


class SiameseLoss(ConfigFromArguments, keras.losses.Loss):
    """Base of the losses on given pairs or triplets, whose values are independent of each other.

    A subclass implements ``call``. Keras converts its inputs to the dtype of the computation:
    float32, or float64 with ``dtype="float64"``. A batch without any pair costs 0.

    Args:
        reduction: "sum_over_batch_size", "sum", None, or another of Keras.
        name: Name of the loss.
        dtype: Dtype, or dtype policy, of the result.
    """

    def __init__(self, reduction="sum_over_batch_size", name=None, dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Returns the reduced loss; see the class."""
        compute = "float64" if self.dtype == "float64" else "float32"
        with keras.name_scope(self.name):
            y_true = ops.cast(ops.convert_to_tensor(_inputs.rows(y_true)), compute)
            y_pred = widened(ops.convert_to_tensor(_inputs.rows(y_pred)), compute)
            values = self.call(y_true, y_pred)
            weight = _inputs.weights(sample_weight, values)
            loss = Reduced(reduction=self.reduction, dtype=compute)(values, values, weight)
            if self.reduction not in (None, "none"):
                # Keras does not reduce an empty vector.
                loss = ops.sum(loss)
        return narrowed(loss, self.dtype)


def pairs_given(y_true, y_pred):
    """Returns labels and distances as vectors ``(B,)``; raises ValueError for other shapes."""
    similar, distance = _vector("y_true", y_true), _vector("y_pred", y_pred)
    if None not in (similar.shape[0], distance.shape[0]) and similar.shape != distance.shape:
        raise ValueError(
            expected(
                "one label for each distance",
                y_true_shape=tuple(y_true.shape),
                y_pred_shape=tuple(y_pred.shape),
            )
        )
    return ops.reshape(similar, ops.shape(distance)), distance


def _vector(name, x):
    if len(x.shape) == 2 and x.shape[1] == 1:
        return x[:, 0]
    if len(x.shape) != 1:
        raise ValueError(
            expected(
                f"{name} of shape (batch,) or (batch, 1), one value for each pair",
                **{f"{name}_shape": tuple(x.shape)},
            )
        )
    return x
