"""Generalised-mean pooling."""

from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import at_least_float32, result_dtype
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class GeMPooling2D(ConfigFromArguments, keras.layers.Layer):
    """Generalised-mean pooling of a feature map: ``(mean(xᵖ))^(1/p)`` over the positions.

    p = 1 is average pooling and p → ∞ is max pooling; in between, stronger responses weigh more. It
    is the usual pooling for image retrieval. Activations below ``epsilon`` count as ``epsilon``, so
    put it after a ReLU. Finite for every finite input and every p ≥ 1: the map is divided by its
    largest value before the power is taken. Computes in float32 and returns float32 under a
    mixed-precision policy.

    Args:
        p: The exponent, at least 1. Defaults to 3.0.
        trainable: Whether p is learned. Defaults to True.
        epsilon: The smallest activation, positive. Defaults to 1e-6.
        data_format: ``"channels_last"`` or ``"channels_first"``; defaults to Keras's setting.
        keepdims: Whether the pooled axes stay, with length 1. Defaults to False.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Input shape: (B, H, W, C), or (B, C, H, W). Output shape: (B, C).

    Raises:
        ValueError: If ``p`` is below 1 or ``epsilon`` is not positive.

    Example:

    >>> import numpy as np
    >>> image = np.array([1.0, 2.0, 3.0, 4.0], "float32").reshape(1, 2, 2, 1)
    >>> [round(float(GeMPooling2D(p)(image)[0, 0]), 3) for p in (1.0, 3.0)]
    [2.5, 2.924]

    Reference: Radenović, Tolias, Chum: Fine-tuning CNN image retrieval with no human annotation,
    TPAMI 2018, eq. 3.
    """

    def __init__(
        self,
        p: float = 3.0,
        trainable: bool = True,
        epsilon: float = 1e-6,
        data_format: str | None = None,
        keepdims: bool = False,
        **kwargs: Any,
    ):
        super().__init__(trainable=trainable, autocast=False, **kwargs)
        if not p >= 1:
            raise ValueError(expected("p to be at least 1", p=p))
        if not epsilon > 0:
            raise ValueError(expected("epsilon to be positive", epsilon=epsilon))
        self.p = float(p)
        self.epsilon = float(epsilon)
        self.data_format = data_format or keras.config.image_data_format()
        self.keepdims = keepdims
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the exponent."""
        self.exponent = self.add_weight(
            name="p",
            shape=(),
            initializer=keras.initializers.Constant(self.p),
            constraint=_at_least_one,
            autocast=False,
        )

    def call(self, inputs: Any) -> Tensor:
        """Pools ``inputs`` over its positions."""
        axes = self._axes()
        x = ops.maximum(at_least_float32(inputs, self.compute_dtype), self.epsilon)
        # The mean is homogeneous in x, so any positive constant may be divided out and multiplied
        # back without changing the value or the gradient. The largest value keeps xᵖ ≤ 1.
        scale = ops.stop_gradient(ops.max(x, axis=axes, keepdims=True))
        p = ops.cast(self.exponent, x.dtype)
        mean = ops.mean(ops.power(x / scale, p), axis=axes, keepdims=True)
        pooled = scale * ops.power(mean, 1.0 / p)
        return pooled if self.keepdims else ops.squeeze(pooled, axis=axes)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, C), or with ones for the pooled axes."""
        axes = self._axes()
        if self.keepdims:
            return tuple(1 if i in axes else n for i, n in enumerate(input_shape))
        return tuple(n for i, n in enumerate(input_shape) if i not in axes)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Float32 under a mixed-precision policy too."""
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, result_dtype(inputs, policy=self.compute_dtype))

    def _axes(self):
        return (2, 3) if self.data_format == "channels_first" else (1, 2)


def _at_least_one(exponent):
    return ops.maximum(exponent, 1.0)
