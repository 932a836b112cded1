"""A network whose statistics do not change in training."""

from typing import Any

import keras

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class InferenceMode(ConfigFromArguments, keras.layers.Layer):
    """Runs a network in inference mode, even in training.

    Use it around a backbone whose batch normalisation must keep its statistics while its weights
    are trained: fine-tuning after the head has learned. ``network.trainable`` decides whether the
    weights are trained, as usual; statistics and dropout stay off in either case.

    Args:
        network: A built ``keras.Model``.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If ``network`` is not a built model.

    Example:

    >>> import keras, numpy as np
    >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5)])
    >>> np.asarray(InferenceMode(network)(np.ones((1, 2)), training=True)).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, network: keras.Model, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(network, keras.Model) or not network.built:
            raise ValueError(expected("network to be a built keras.Model", network=network))
        self.network = network

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes no weights: the network is built."""

    def call(self, inputs: Any) -> Tensor:
        """The outputs of the network in inference mode."""
        return self.network(inputs, training=False)

    def compute_output_spec(self, inputs: Any) -> Any:
        """As of the network."""
        return self.network.compute_output_spec(inputs, training=False)

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """Restores the layer from its config."""
        network = keras.saving.deserialize_keras_object(config["network"], custom_objects)
        return cls(**{**config, "network": network})
