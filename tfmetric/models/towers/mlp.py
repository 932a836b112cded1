"""The perceptron, the default backbone of vectors."""

import keras
from keras import layers

from tfmetric.layers.batch_statistics import PromptBatchNormalization


def mlp(input_shape: tuple, units: tuple[int, ...] = (256, 256), name: str = "mlp") -> keras.Model:
    """Batch normalisation of the features, then dense layers with ReLU.

    The normalisation accepts features of any scale.

    Args:
        input_shape: (D,).
        units: Width of each dense layer. Defaults to (256, 256).
        name: Name of the model.

    Returns:
        A model from vectors (B, D) to (B, units[-1]).

    Example:

    >>> mlp((5,)).output_shape
    (None, 256)
    """
    inputs = keras.Input(input_shape, name="vector")
    x = PromptBatchNormalization()(inputs)
    for width in units:
        x = layers.Dense(width, activation="relu")(x)
    return keras.Model(inputs, x, name=name)
