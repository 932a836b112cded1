"""Sinusoidal positions of the steps of a sequence."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class PositionalEncoding(keras.layers.Layer):
    """Adds sines and cosines of its position to each step, for networks that ignore order.

    Put it before a Transformer. It has no weights and takes sequences of any length. Coordinate 2i
    of step t gets sin(t / 10000^(2i/D)), coordinate 2i + 1 the cosine.

    Inputs: ``(B, T, D)``. Output: the same.

    Args:
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Example:

    >>> import numpy as np
    >>> np.asarray(PositionalEncoding()(np.zeros((1, 2, 2), "float32"))).round(2).tolist()
    [[[0.0, 1.0], [0.8399999737739563, 0.5400000214576721]]]

    References:
        Vaswani et al.: Attention Is All You Need (2017), sec. 3.5.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Tensor:
        """Adds the positions to the steps."""
        dim = inputs.shape[-1]
        rate = np.exp(-math.log(10000.0) * (np.arange(dim) // 2 * 2) / dim).astype("float32")
        place = ops.cast(ops.arange(ops.shape(inputs)[1]), "float32")[:, None]
        # A cosine is a sine shifted by a quarter turn.
        phase = (np.arange(dim) % 2 * (math.pi / 2)).astype("float32")
        return inputs + ops.cast(ops.sin(place * rate + phase), inputs.dtype)[None]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape is kept."""
        return input_shape
