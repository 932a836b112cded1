"""The temperature that a softmax or sigmoid loss learns beside the embeddings."""

import math
from numbers import Real
from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import at_least_float32, result_dtype
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class LearnedTemperature(ConfigFromArguments, keras.layers.Layer):
    """Appends a learned 1/τ to the embeddings, for a loss with ``learned_temperature=True``.

    A Keras loss has no weights, so this layer holds the weight and passes it to
    :class:`tfmetric.losses.InBatchSoftmaxLoss` or :class:`tfmetric.losses.SigmoidPairLoss` in the
    output of the training model. :func:`tfmetric.models.two_tower` puts the layer there; the towers
    stay separate models, without the column.

    Inputs: ``(..., D)``. Output: ``(..., D + 1)``, or ``(..., D + 2)`` with a bias.

    Args:
        temperature: Initial τ, greater than 0. 0.07 is usual for cosines.
        lowest: Lower bound of τ; 0.01 as in CLIP.
        bias: Initial b, for a sigmoid loss; None for no such column.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Attributes:
        log_scale: Scalar, the learned log 1/τ.

    Raises:
        ValueError: If an argument is out of range, or ``temperature`` is below ``lowest``.

    Example:

    >>> import numpy as np
    >>> rows = LearnedTemperature(0.5)(np.ones((2, 4), "float32"))
    >>> np.asarray(rows)[:, -1].tolist()
    [2.0, 2.0]

    References:
        Radford et al.: Learning Transferable Visual Models From Natural Language Supervision
        (2021), section 2.5; Zhai et al.: Sigmoid Loss for Language Image Pre-Training (2023),
        section 3.2.
    """

    def __init__(
        self,
        temperature: float = 0.07,
        lowest: float = 0.01,
        bias: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        for name, value in (("temperature", temperature), ("lowest", lowest)):
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < 1e6:
                raise ValueError(expected(f"{name} to be a number above 0", **{name: value}))
        if temperature < lowest:
            raise ValueError(
                expected("temperature of at least lowest", temperature=temperature, lowest=lowest)
            )
        if bias is not None and (isinstance(bias, bool) or not isinstance(bias, Real)):
            raise ValueError(expected("bias to be a number or None", bias=bias))
        self.temperature, self.lowest = float(temperature), float(lowest)
        self.bias = None if bias is None else float(bias)
        self.supports_masking = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights."""
        self.log_scale = self._number("log_scale", -math.log(self.temperature))
        if self.bias is not None:
            self.learned_bias = self._number("learned_bias", self.bias)

    def _number(self, name, value):
        first = keras.initializers.Constant(value)
        return self.add_weight(shape=(), initializer=first, name=name, autocast=False)

    def call(self, inputs: Any) -> Tensor:
        """The embeddings, and the columns beside them."""
        x = at_least_float32(inputs, self.compute_dtype)
        scale = ops.exp(ops.minimum(self.log_scale, -math.log(self.lowest)))
        columns = [scale] if self.bias is None else [scale, self.learned_bias]
        shape = (*ops.shape(x)[:-1], 1)
        beside = [ops.broadcast_to(ops.cast(column, x.dtype), shape) for column in columns]
        return ops.concatenate([x, *beside], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """A column more, or two."""
        *rows, dim = input_shape
        return (*rows, None if dim is None else dim + (1 if self.bias is None else 2))

    def compute_output_spec(self, inputs: Any) -> Any:
        """A column more, or two; float32 under a mixed-precision policy too."""
        dtype = result_dtype(inputs, policy=self.compute_dtype)
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype)
