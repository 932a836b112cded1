"""The small convolutional network: the backbone where no other is asked for."""

import keras
from keras import layers


def small_cnn(input_shape, filters: int = 64, blocks: int = 4) -> keras.Model:
    """Four blocks of 3×3 convolution, batch normalisation, ReLU and 2×2 max-pooling.

    A side that has shrunk to one position is pooled no further, so that inputs of any size from
    1×1 up work. Training takes seconds to minutes on a CPU for images up to about 64×64.

    Args:
        input_shape: (H, W, C); H and W may be None.
        filters: Channels of every block. Defaults to 64.
        blocks: Number of blocks. Defaults to 4.

    Returns:
        A model from images (B, H, W, C), scaled to about 0..1, to a map (B, h, w, filters).

    Reference: the "Conv-4" network of Vinyals et al.: Matching networks for one shot learning,
    NeurIPS 2016, and of many few-shot papers since.
    """
    inputs = x = keras.Input(input_shape, name="image")
    height, width = input_shape[:2]
    for _ in range(blocks):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        pool = (_pool(height), _pool(width))
        if pool != (1, 1):
            x = layers.MaxPooling2D(pool)(x)
        height, width = (n and n // by for n, by in zip((height, width), pool, strict=True))
    return keras.Model(inputs, x, name="small_cnn")


def _pool(side):
    return 2 if side is None or side > 1 else 1
