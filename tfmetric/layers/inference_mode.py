"""A network whose statistics stay as they are."""

import keras

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected


@keras.saving.register_keras_serializable(package="tfmetric")
class InferenceMode(ConfigFromArguments, keras.layers.Layer):
    """Runs a network in inference mode, in training too.

    Use it around a backbone whose batch normalisation must keep its statistics while its weights
    are trained: fine-tuning after the head has learned. Whether the weights are trained is
    ``network.trainable``, as ever; the statistics and dropout stay off whatever it is.

    Args:
        network: A built ``keras.Model``.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If ``network`` is no built model.

    Example:

    >>> import keras, numpy as np
    >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5)])
    >>> np.asarray(InferenceMode(network)(np.ones((1, 2)), training=True)).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, network: keras.Model, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(network, keras.Model) or not network.built:
            raise ValueError(expected("network to be a built keras.Model", network=network))
        self.network = network

    def build(self, input_shape):
        """Nothing to make: the network is built."""

    def call(self, inputs):
        """The outputs of the network in inference mode."""
        return self.network(inputs, training=False)

    def compute_output_spec(self, inputs):
        """As of the network."""
        return self.network.compute_output_spec(inputs, training=False)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes it again."""
        network = keras.saving.deserialize_keras_object(config["network"], custom_objects)
        return cls(**{**config, "network": network})
