"""A network applied to each step of a sequence."""

from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class PerStep(ConfigFromArguments, keras.layers.Layer):
    """Applies one network to every step of a sequence: an image network to the frames of a video.

    All steps go through the network as one batch of B · T. Padding is replaced by the last valid
    step, so that batch normalisation sees no black frames; mask the outputs of padding afterwards.

    Inputs: steps ``(B, T, ...)``, with or without a mask ``(B, T)`` as ``step_mask``. Output:
    ``(B, T, ...)`` of the network's outputs.

    Args:
        network: A built ``keras.Model`` with one input and one output.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If ``network`` is not such a model.

    Example:

    >>> import keras, numpy as np
    >>> network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    >>> tuple(PerStep(network)(np.zeros((2, 3, 4, 4, 1))).shape)
    (2, 3, 16)
    """

    def __init__(self, network: keras.Model, **kwargs: Any):
        super().__init__(**kwargs)
        built = isinstance(network, keras.Model) and len(getattr(network, "inputs", None) or ())
        if built != 1 or len(network.outputs) != 1:
            raise ValueError(
                expected("network to be a keras.Model with one input and output", network=network)
            )
        self.network = network

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes no weights: the network is built."""

    def call(
        self, inputs: Any, step_mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        """The outputs of the network."""
        batch, steps = ops.shape(inputs)[:2]
        x = inputs
        if step_mask is not None:
            last = ops.sum(ops.cast(step_mask, "int32"), axis=1, keepdims=True) - 1
            place = ops.minimum(ops.arange(steps, dtype="int32")[None, :], ops.maximum(last, 0))
            row = ops.arange(batch, dtype="int32")[:, None] * steps
            flat = ops.reshape(x, (-1, *x.shape[2:]))
            x = ops.take(flat, ops.reshape(row + place, (-1,)), axis=0)
        else:
            x = ops.reshape(x, (-1, *x.shape[2:]))
        y = self.network(x, training=training)
        return ops.reshape(y, (batch, steps, *y.shape[1:]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """``(B, T)`` and the network's output shape."""
        inner = self.network.compute_output_shape((None, *input_shape[2:]))
        return (*input_shape[:2], *inner[1:])

    def compute_output_spec(
        self, inputs: Any, step_mask: Tensor | None = None, training: bool | None = None
    ) -> Any:
        """The dtype of the network's output."""
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, self.network.outputs[0].dtype)

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """Restores the layer from its config."""
        network = keras.saving.deserialize_keras_object(config["network"], custom_objects)
        return cls(**{**config, "network": network})
