"""A weighted sum of several losses on one embedding."""

from numbers import Real
from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import narrowed, widened
from tfmetric.losses import _inputs
from tfmetric.losses._memory import applied
from tfmetric.losses.base import Reduced
from tfmetric.losses.references import Memory, References
from tfmetric.losses.regularizers import EmbeddingRegularizer
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class WeightedSum(ConfigFromArguments, keras.losses.Loss):
    """A weighted sum of losses on the same labels and embeddings.

    When to use it: to join losses with different strengths, such as a triplet and a ranking loss,
    or a loss and a penalty on the embeddings. Each loss keeps its own reduction and dtype, and
    receives unchanged labels and the ``sample_weight``. In a
    :class:`tfmetric.models.CrossBatchMemory` each loss gets the memory too; regularisers see the
    batch alone.

    Cost: the sum of the parts.

    Formula:
        With a weight w for each part, where a regulariser counts by its penalty:

            Σ w·loss(labels, x)

    Inputs: labels ``(B,)`` and embeddings ``(B, D)``, as every part takes them.

    Args:
        losses: Losses, and Keras regularisers such as
            :class:`tfmetric.losses.SpreadOutRegularizer`, which see the embeddings without
            ``sample_weight`` and are divided by the batch size, as Keras does with those of a
            layer's activity.
        weights: A factor for each, finite; all 1 by default.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        TypeError: If a part is neither a loss nor a regulariser.
        ValueError: If there is no part, or not one weight for each; when called with a memory, if a
            loss takes none.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> loss = WeightedSum([tm.TripletLoss(), tm.losses.NormRegularizer()], weights=[1.0, 0.1])
    >>> labels, x = np.array([0, 0, 1, 1]), np.array([[0, 1], [0, 1], [1, 0], [1, 0]], "float32")
    >>> float(loss(labels, x))
    0.0
    """

    def __init__(
        self,
        losses: Any,
        weights: Any = None,
        name: str | None = "weighted_sum",
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction="sum_over_batch_size", dtype=dtype)
        parts = [_restored(part) for part in losses]
        if not parts:
            raise ValueError(expected("at least one loss", losses=losses))
        for part in parts:
            if not isinstance(part, (keras.losses.Loss, keras.regularizers.Regularizer)):
                raise TypeError(expected("keras losses or regularisers", loss=part))
        self.losses = parts
        self.weights = read_weights(weights, len(parts))

    def __call__(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Any = None,
        memory: Memory | None = None,
        references: References | None = None,
    ) -> Tensor:
        """Returns the weighted sum; a vector if a part has ``reduction=None``."""
        with keras.name_scope(self.name):
            y_true, y_pred = _inputs.rows(y_true), ops.convert_to_tensor(y_pred)
            compute = "float64" if self.dtype == "float64" else "float32"
            total = 0.0
            for part, weight in zip(self.losses, self.weights, strict=True):
                if isinstance(part, keras.losses.Loss):
                    value = applied(part, y_true, y_pred, sample_weight, memory, references)
                else:
                    value = _penalty(part, y_true, y_pred)
                total = total + weight * ops.cast(value, compute)
            return narrowed(total, self.dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns the weighted sum, without sample weights."""
        return self(y_true, y_pred)


def _penalty(part, y_true, y_pred):
    x = ops.convert_to_tensor(y_pred)
    if isinstance(part, EmbeddingRegularizer):
        total = part(x, _inputs.class_ids(y_true)[0] if part.uses_labels else None)
    else:
        total = part(widened(x, "float32") if _half(x) else x)
    value = ops.divide_no_nan(total, ops.cast(ops.shape(x)[0], total.dtype))
    # Apply Keras's scaling, so that two replicas do not count the penalty twice.
    one = ops.reshape(value, (1,))
    return Reduced(dtype=keras.backend.standardize_dtype(value.dtype))(one, one)


def _half(x):
    return keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")


def _restored(part):
    return keras.saving.deserialize_keras_object(part) if isinstance(part, dict) else part


def read_weights(weights, count):
    """Returns the weights as floats, one for each part; all 1 for None."""
    if weights is None:
        return [1.0] * count
    numbers = [w for w in weights if isinstance(w, Real) and not isinstance(w, bool)]
    if len(weights) != count or len(numbers) != count or not all(abs(w) < 1e30 for w in numbers):
        raise ValueError(expected(f"{count} finite weights, one for each", weights=weights))
    return [float(w) for w in weights]
