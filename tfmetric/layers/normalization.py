"""L2 normalisation with a bounded gradient at the zero vector."""

from typing import Any

import keras

from tfmetric import distances
from tfmetric._config import ConfigFromArguments
from tfmetric._embedding_mark import mark_embedding
from tfmetric._errors import expected
from tfmetric._precision import at_least_float32, result_dtype
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class L2Normalization(ConfigFromArguments, keras.layers.Layer):
    """Scales each vector to length 1: ``x / max(‖x‖, epsilon)``.

    Use it as the last layer of an embedder: on the unit sphere squared Euclidean distance is 2 − 2
    cos, so margins have the same meaning for every model. Unlike ``keras.layers.UnitNormalization``
    its gradient at the zero vector is bounded, by ``1 / epsilon``, and the zero vector stays zero.

    Under a mixed-precision policy it computes in float32 and returns float32, so that losses see
    unit vectors without 16-bit rounding.

    Args:
        axis: The axis, or axes, over which a vector extends. Defaults to the last one.
        epsilon: Length below which a vector is no longer stretched to 1; positive.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Input shape: any, floating. Output shape: the same.

    Raises:
        ValueError: If ``epsilon`` is not positive.

    Example:

    >>> import numpy as np
    >>> unit = L2Normalization()(np.array([[3.0, 4.0], [0.0, 0.0]], "float32"))
    >>> np.asarray(unit).round(2).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """

    def __init__(self, axis: Any = -1, epsilon: float = distances.NORM_FLOOR, **kwargs: Any):
        # Autocast would round the input to 16 bits before the layer widens it.
        super().__init__(autocast=False, **kwargs)
        if not epsilon > 0:
            raise ValueError(expected("epsilon to be positive", epsilon=epsilon))
        several = isinstance(axis, (list, tuple))
        self.axis = tuple(int(i) for i in axis) if several else int(axis)
        self.epsilon = float(epsilon)
        self.supports_masking = True

    def call(self, inputs: Any) -> Tensor:
        """Normalises ``inputs``."""
        unit = distances.l2_normalize(
            at_least_float32(inputs, self.compute_dtype), self.axis, self.epsilon
        )
        return mark_embedding(unit)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the input."""
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        """Float32 under a mixed-precision policy too."""
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, result_dtype(inputs, policy=self.compute_dtype))
