"""The backbone for vectors."""

import keras
from keras import layers


def mlp(input_shape, units: tuple[int, ...] = (256, 256)) -> keras.Model:
    """Batch normalisation of the features, then dense layers with ReLU.

    The normalisation lets features of any scale in.

    Args:
        input_shape: (D,).
        units: Width of each dense layer. Defaults to (256, 256).

    Returns:
        A model from vectors (B, D) to (B, units[-1]).
    """
    inputs = keras.Input(input_shape, name="vector")
    x = layers.BatchNormalization()(inputs)
    for width in units:
        x = layers.Dense(width, activation="relu")(x)
    return keras.Model(inputs, x, name="mlp")
