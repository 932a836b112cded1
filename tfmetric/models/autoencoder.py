"""Autoencoder: the baseline of training without labels."""

import math
from typing import Any

import keras
from keras import layers, ops

from tfmetric._errors import expected
from tfmetric.losses._arguments import positive
from tfmetric.models.without_labels import WithoutLabels


@keras.saving.register_keras_serializable(package="tfmetric")
class Autoencoder(WithoutLabels):
    """Trains an embedder whose input a decoder can reconstruct, by mean squared error.

    When to use it: as the baseline that any training without labels should beat, or to warm up an
    embedder for vectors. It keeps details that cover many pixels, not details that distinguish
    examples.

    Inputs of fit: x (B, ...), or (x, labels); see :class:`tfmetric.models.WithoutLabels`.

    Args:
        embedder: A model with one input and an embedding (B, D) as its output.
        decoder: A layer or model from embeddings (B, D) to the rescaled inputs (B, ...). None for
            two dense layers for vectors, and for images of a fixed size a dense layer and
            convolutions between doublings of the size.
        filters: Channels of the last hidden layer of the default decoder for images; each earlier
            layer has twice as many. Defaults to 16.
        scale: Factor of the inputs before the comparison; None for 1/255 for images and 1 for
            vectors.
        name: Name of the model.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    >>> model = Autoencoder(tm.models.embedder((3,), embedding_dim=2))
    >>> model.compile("adam")  # model.fit(x), model.embedder.predict(x)
    >>> model.reconstruct(x).shape == x.shape
    True

    References:
        Hinton, Salakhutdinov: Reducing the Dimensionality of Data with Neural Networks (2006).
    """

    def __init__(
        self,
        embedder: keras.Model,
        decoder: Any = None,
        filters: int = 16,
        scale: float | None = None,
        name: str | None = "autoencoder",
    ):
        super().__init__(embedder, name=name)
        shape = tuple(embedder.input_shape[1:])
        self._scale_given, self._decoder_given, self.filters = scale, decoder, filters
        default = 1 / 255 if len(shape) == 3 else 1.0
        self.scale = default if scale is None else positive("scale", scale)
        dim = embedder.output_shape[-1]
        self.decoder = _decoder(dim, shape, filters) if decoder is None else decoder
        made = tuple(self.decoder(keras.KerasTensor((None, dim))).shape[1:])
        if made != shape:
            raise ValueError(expected(f"a decoder whose output is {shape}", output_shape=made))

    def forward(self, inputs: Any, training: bool | None) -> Any:
        """See :class:`tfmetric.models.WithoutLabels`."""
        embeddings = self.embedder(inputs, training=training)
        made = self.decoder(embeddings, training=training)
        target = ops.cast(inputs, "float32") * self.scale
        off = ops.square(ops.cast(made, "float32") - target)
        # A replica may have no example.
        values = ops.maximum(ops.prod(ops.cast(ops.shape(off), "float32")), 1.0)
        return embeddings, ops.sum(off) / values

    def reconstruct(self, x: Any) -> Any:
        """Returns the reconstructed inputs ``(B, ...)``, in the scale of the inputs."""
        made = self.decoder(self.embedder(x, training=False), training=False)
        return ops.convert_to_numpy(made) / self.scale


def _decoder(dim, shape, filters):
    inputs = x = keras.Input((dim,))
    if len(shape) == 1:
        x = layers.Dense(256, activation="relu")(x)
        return keras.Model(inputs, layers.Dense(shape[0], dtype="float32")(x), name="decoder")
    if None in shape:
        raise ValueError(expected("a custom decoder for images of any size", input_shape=shape))
    # Doubles a map of at most 4 x 4 repeatedly and cuts the result to the size of the image.
    doublings = max(0, math.ceil(math.log2(max(shape[:2]) / 4)))
    height, width = (math.ceil(side / 2**doublings) for side in shape[:2])
    channels = filters * 2**doublings
    x = layers.Dense(height * width * channels, activation="relu")(x)
    x = layers.Reshape((height, width, channels))(x)
    for doubling in reversed(range(doublings)):
        x = layers.UpSampling2D(2)(x)
        x = layers.Conv2D(filters * 2**doubling, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    over = [side - wanted for side, wanted in zip(x.shape[1:3], shape[:2], strict=True)]
    x = layers.Cropping2D([(n // 2, n - n // 2) for n in over])(x)
    x = layers.Conv2D(shape[-1], 3, padding="same", dtype="float32")(x)
    return keras.Model(inputs, x, name="decoder")
