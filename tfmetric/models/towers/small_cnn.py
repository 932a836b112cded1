"""The small convolutional network, the default backbone of images."""

import keras
from keras import layers

from tfmetric.layers.batch_statistics import PromptBatchNormalization


def small_cnn(input_shape: tuple, filters: int = 24, name: str = "small_cnn") -> keras.Model:
    """Makes four convolutions, each twice as wide as the previous, on shrinking maps.

    Made for training on a few CPU cores: a 5×5 convolution with stride 2 sees the large image, 3×3
    convolutions with 2×2 max-pooling see the rest. Pooling comes before batch normalisation and
    ReLU, which then cost a quarter and give the same maximum. Inputs may have any size from 1×1.
    The first convolution does not halve a side below 16, and a side of 3 is not halved further.

    Args:
        input_shape: (H, W, C); H and W may be None.
        filters: Channels of the first convolution; the last has eight times as many. Defaults
            to 24.
        name: Name of the model.

    Returns:
        A model from images (B, H, W, C), scaled to about 0..1, to a map (B, h, w, 8·filters).

    Example:

    >>> small_cnn((28, 28, 1)).output_shape
    (None, 3, 3, 192)
    """
    inputs = x = keras.Input(input_shape, name="image")
    sides = input_shape[:2]
    strides = tuple(2 if side is None or side >= 16 else 1 for side in sides)
    x = layers.Conv2D(filters, 5, strides, padding="same", use_bias=False)(x)
    x = _normalise(x)
    for factor, pooled in ((2, True), (4, True), (8, False)):
        x = layers.Conv2D(factor * filters, 3, padding="same", use_bias=False)(x)
        pool = tuple(2 if side is None or side > 3 else 1 for side in x.shape[1:3])
        if pooled and pool != (1, 1):
            x = layers.MaxPooling2D(pool)(x)
        x = _normalise(x)
    return keras.Model(inputs, x, name=name)


def _normalise(x):
    return layers.ReLU()(PromptBatchNormalization()(x))
