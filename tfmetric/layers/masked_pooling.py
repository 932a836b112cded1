"""Pools the vectors of a sequence's valid steps into one vector."""

from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import at_least_float32, result_dtype
from tfmetric.distances import safe_sqrt
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class MaskedPooling(ConfigFromArguments, keras.layers.Layer):
    """Pools the steps of a sequence that the mask keeps.

    Use it after any network whose output is one vector for each step: a recurrent network, a
    convolution over time, a Transformer, frames of a video. A sequence without a single step
    becomes zeros, never NaN, in its value and in its gradient;
    ``keras.layers.GlobalAveragePooling1D`` divides zero by zero there.

    Inputs: ``(B, T, D)``. Mask: ``(B, T)``, True where a step counts; without one all steps count.
    Output: ``(B, D)``, or ``(B, 2·D)`` for "statistics", in float32 under a mixed-precision policy
    too.

    Args:
        mode: One of

            - "mean": the mean of the steps;
            - "max": the largest value of each feature;
            - "cls": the first step, which Transformers such as BERT put a summary into;
            - "statistics": the mean, then the standard deviation, of each feature over the steps.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If the mode is unknown, or the input has not three axes.

    Example:

    >>> import numpy as np
    >>> steps = np.array([[[1.0], [3.0], [99.0]]], "float32")
    >>> mask = np.array([[True, True, False]])
    >>> np.asarray(MaskedPooling("statistics")(steps, mask=mask)).round(3).tolist()
    [[2.0, 1.0]]

    References:
        Snyder et al.: X-vectors: Robust DNN Embeddings for Speaker Recognition (2018), sec. 2.1,
        for "statistics".
    """

    def __init__(self, mode: str = "mean", **kwargs: Any):
        # Autocast would round the steps to 16 bits before the sum.
        super().__init__(autocast=False, **kwargs)
        if mode not in _POOLS:
            raise ValueError(expected(f"mode as one of {', '.join(map(repr, _POOLS))}", mode=mode))
        self.mode = mode
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def call(self, inputs: Any, mask: Tensor | None = None) -> Tensor:
        """The pooled steps."""
        return _POOLS[self.mode](*_present(at_least_float32(inputs, self.compute_dtype), mask))

    def compute_mask(self, inputs: Any, previous_mask: Tensor | None = None) -> Tensor | None:
        """Returns None: the output has no steps."""
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """``(B, D)``, or twice as wide for "statistics"."""
        rows, _, dim = input_shape
        wide = 2 if self.mode == "statistics" else 1
        return (rows, None if dim is None else wide * dim)

    def compute_output_spec(self, inputs: Any, mask: Tensor | None = None) -> Any:
        """Float32 under a mixed-precision policy too."""
        return keras.KerasTensor(
            self.compute_output_shape(inputs.shape), result_dtype(inputs, policy=self.compute_dtype)
        )


@keras.saving.register_keras_serializable(package="tfmetric")
class AttentionPooling(ConfigFromArguments, keras.layers.Layer):
    """A weighted mean of the steps of a sequence, with learned weights.

    Use it where a few steps matter most: a frame of a video, a word of a text. The weight of a step
    x is the softmax over the steps of vᵀ·tanh(W·x + b). A sequence without a single step becomes
    zeros.

    Inputs: ``(B, T, D)``. Mask: ``(B, T)``, True where a step counts; without one all steps count.
    Output: ``(B, D)``, in float32 under a mixed-precision policy too.

    Args:
        units: Rows of W. Defaults to 64.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If ``units`` is not a whole number of at least 1.

    Example:

    >>> import numpy as np
    >>> steps = np.ones((2, 3, 4), "float32")
    >>> mask = np.array([[True, True, False], [False, False, False]])
    >>> np.asarray(AttentionPooling(8)(steps, mask=mask))[:, 0].round(3).tolist()
    [1.0, 0.0]

    References:
        Bahdanau, Cho, Bengio: Neural Machine Translation by Jointly Learning to Align and
        Translate (2015), for the weights; Lin et al.: A Structured Self-attentive Sentence
        Embedding (2017), for pooling by them.
    """

    def __init__(self, units: int = 64, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        if isinstance(units, bool) or int(units) != units or units < 1:
            raise ValueError(expected("units to be a whole number of at least 1", units=units))
        self.units = int(units)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes W, b and v."""
        make = {"autocast": False, "initializer": "glorot_uniform"}
        self.kernel = self.add_weight(name="W", shape=(input_shape[2], self.units), **make)
        self.bias = self.add_weight(
            name="b", shape=(self.units,), initializer="zeros", autocast=False
        )
        self.query = self.add_weight(name="v", shape=(self.units, 1), **make)

    def call(self, inputs: Any, mask: Tensor | None = None) -> Tensor:
        """The weighted means."""
        x, present = _present(at_least_float32(inputs, self.compute_dtype), mask)
        kernel, bias, query = (ops.cast(w, x.dtype) for w in (self.kernel, self.bias, self.query))
        scores = ops.matmul(ops.tanh(ops.matmul(x, kernel) + bias), query)
        # Subtract the largest unmasked score, so that no exponential exceeds 1.
        top = ops.max(ops.where(present > 0, scores, -1e30), axis=1, keepdims=True)
        weights = ops.exp(ops.minimum(scores - ops.stop_gradient(top), 0.0)) * present
        return _weighted_mean(x, weights)

    def compute_mask(self, inputs: Any, previous_mask: Tensor | None = None) -> Tensor | None:
        """Returns None: the output has no steps."""
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """``(B, D)``."""
        return (input_shape[0], input_shape[2])

    def compute_output_spec(self, inputs: Any, mask: Tensor | None = None) -> Any:
        """Float32 under a mixed-precision policy too."""
        return keras.KerasTensor(
            self.compute_output_shape(inputs.shape), result_dtype(inputs, policy=self.compute_dtype)
        )


def _present(x, mask):
    """Returns the steps, zero where masked, and (B, T, 1): 1 where a step counts, else 0."""
    if mask is None:
        return x, ops.ones_like(x[:, :, :1])
    mask = ops.cast(mask, "bool")[:, :, None]
    # Masked steps may hold any value, and 0 · Inf would be NaN.
    return ops.where(mask, x, 0.0), ops.cast(mask, x.dtype)


def _weighted_mean(x, weights):
    total = ops.sum(weights, axis=1)
    return ops.sum(x * weights, axis=1) / ops.where(total > 0, total, 1.0)


def _max(x, weights):
    lowest = ops.where(weights > 0, x, -3e38)
    return ops.where(ops.max(weights, axis=1) > 0, ops.max(lowest, axis=1), 0.0)


def _first(x, weights):
    return x[:, 0]


def _statistics(x, weights):
    mean = _weighted_mean(x, weights)
    variance = _weighted_mean(ops.square(x - mean[:, None]), weights)
    return ops.concatenate([mean, safe_sqrt(variance)], axis=-1)


_POOLS = {"mean": _weighted_mean, "max": _max, "cls": _first, "statistics": _statistics}
