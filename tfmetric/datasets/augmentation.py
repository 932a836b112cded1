"""Random changes of training images that keep the class."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.typing import Tensor

_FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def augmentation(
    translation: float = 0.1,
    rotation: float = 10.0,
    zoom: float = 0.1,
    shear: float = 5.0,
    horizontal_flip: bool = False,
    vertical_flip: bool = False,
    brightness: float = 0.0,
    contrast: float = 0.0,
    fill_mode: str = "nearest",
    fill_value: float = 0.0,
) -> ImageAugmentation:
    """Makes the standard image augmentation, for `augment=` of `balanced_batches`.

    Use it for few examples per class. Flips are off: a mirrored character or face part is often
    another class.

    Args:
        translation: Largest shift, as a share of the width and of the height.
        rotation: Largest turn, in degrees.
        zoom: Largest change of the size: 0.1 for sizes of 0.9 to 1.1.
        shear: Largest shear, in degrees.
        horizontal_flip: Whether half of the images are mirrored left to right.
        vertical_flip: Whether half of the images are mirrored top to bottom.
        brightness: Largest addition to all pixels, as a share of 255.
        contrast: Largest change of the contrast, as a share.
        fill_mode: "nearest" repeats the pixels of the edge, "constant" takes `fill_value`.
        fill_value: Value of the pixels from outside the image, 0 to 255.

    Returns:
        A layer on images `(B, height, width, channels)`.

    >>> from tfmetric import datasets
    >>> train, _ = datasets.load("digits")
    >>> batches = datasets.balanced_batches(train, 2, 3, augment=datasets.augmentation(zoom=0.2))
    >>> next(iter(batches))[0].dtype.name
    'float32'
    """
    return ImageAugmentation(
        translation=translation,
        rotation=rotation,
        zoom=zoom,
        shear=shear,
        horizontal_flip=horizontal_flip,
        vertical_flip=vertical_flip,
        brightness=brightness,
        contrast=contrast,
        fill_mode=fill_mode,
        fill_value=fill_value,
    )


@keras.saving.register_keras_serializable(package="tfmetric")
class ImageAugmentation(ConfigFromArguments, keras.layers.Layer):
    """Random translation, rotation, zoom, shear and flips in one resampling, then light.

    Use it in the input pipeline, through `augmentation()`. A chain of Keras's `RandomRotation`,
    `RandomZoom`, ... interpolates once for each layer, which blurs small images. Its random state
    causes races in parallel calls of `tf.data`; this layer derives its randomness from a seed. It
    needs TensorFlow under every backend. Its operation does not compile with XLA, so Keras turns
    XLA off for a model with this layer.

    Args:
        translation: Greatest shift, as a fraction of the height and of the width.
        rotation: Greatest angle in degrees, either way.
        zoom: Greatest relative change of the size, drawn for height and width separately.
        shear: Greatest shear angle in degrees, either way.
        horizontal_flip: Whether to mirror half of the images, left to right.
        vertical_flip: Whether to mirror half of the images, top to bottom.
        brightness: Greatest shift of all values, as a fraction of 255.
        contrast: Greatest relative change of the distance from the image's mean value.
        fill_mode: Fill beyond the border: "nearest" (the border's pixels, which suits any plain
            background), "constant", "reflect" or "wrap".
        fill_value: The value for "constant", 0 to 255.
        seed: Seed for calls without a seed, in a model.
        **kwargs: The arguments of `keras.layers.Layer`: name, dtype.

    Call arguments:
        inputs: Images `(batch, height, width, channels)`, values 0 to 255. training: If `False`,
        images are returned unchanged. seed: An integer tensor `(2,)`; the result is a function of
        it and the images.

    Returns:
        Images of the same shape in floating point, values 0 to 255.

    Raises:
        ValueError: If an argument is out of its range.

    >>> import numpy as np
    >>> layer = ImageAugmentation(translation=0.2)
    >>> layer.augment(np.zeros((2, 8, 8, 1), "uint8"), seed=(1, 2)).shape.as_list()
    [2, 8, 8, 1]
    """

    def __init__(
        self,
        translation: float = 0.1,
        rotation: float = 10.0,
        zoom: float = 0.1,
        shear: float = 5.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        brightness: float = 0.0,
        contrast: float = 0.0,
        fill_mode: str = "nearest",
        fill_value: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_jit = False
        limits = {
            "translation": (translation, 1),
            "rotation": (rotation, 180),
            "zoom": (zoom, 0.9),
            "shear": (shear, 80),
            "brightness": (brightness, 1),
            "contrast": (contrast, 1),
        }
        for name, (value, limit) in limits.items():
            if not 0 <= value <= limit:
                raise ValueError(expected(f"{name} from 0 to {limit}", **{name: value}))
        if fill_mode not in _FILL_MODES:
            raise ValueError(expected(f"fill_mode as one of {_FILL_MODES}", fill_mode=fill_mode))
        self.translation, self.rotation, self.zoom, self.shear = translation, rotation, zoom, shear
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.brightness, self.contrast = brightness, contrast
        self.fill_mode, self.fill_value = fill_mode, fill_value
        self.seed = seed
        self._seeds = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = True, seed: int | None = None) -> Tensor:
        """Augments in training; see `augment`."""
        if not training:
            return keras.ops.cast(inputs, self.compute_dtype)
        seed = self._seeds.next() if seed is None else seed
        return keras.ops.cast(self.augment(inputs, seed), self.compute_dtype)

    def augment(self, images: Any, seed: Any) -> Any:
        """Augmented images, `float32`, as a pure TensorFlow function of images and seed."""
        tf = _tensorflow()
        images = tf.cast(images, tf.float32)
        shape = images.shape
        count, height, width = (tf.shape(images)[axis] for axis in range(3))
        seed = tf.cast(seed, tf.int64)
        draws = tf.random.stateless_uniform((9, count), seed, -1.0, 1.0)
        high, wide = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
        angle = draws[0] * math.radians(self.rotation)
        slant = tf.tan(draws[1] * math.radians(self.shear))
        flip_x = tf.where(draws[2] < 0, -1.0, 1.0) if self.horizontal_flip else 1.0
        flip_y = tf.where(draws[3] < 0, -1.0, 1.0) if self.vertical_flip else 1.0
        # The transform maps places of the result to places of the image.
        scale_x = flip_x * (1.0 + draws[4] * self.zoom)
        scale_y = flip_y * (1.0 + draws[5] * self.zoom)
        cos, sin = tf.cos(angle), tf.sin(angle)
        a, b = cos * scale_x, (cos * slant - sin) * scale_y
        c, d = sin * scale_x, (sin * slant + cos) * scale_y
        mid_x, mid_y = (wide - 1.0) / 2.0, (high - 1.0) / 2.0
        shift_x = mid_x - a * mid_x - b * mid_y + draws[6] * self.translation * wide
        shift_y = mid_y - c * mid_x - d * mid_y + draws[7] * self.translation * high
        zero = tf.zeros_like(angle)
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=tf.stack([a, b, shift_x, c, d, shift_y, zero, zero], axis=1),
            output_shape=tf.stack([height, width]),
            fill_value=float(self.fill_value),
            interpolation="BILINEAR",
            fill_mode=self.fill_mode.upper(),
        )
        if self.contrast or self.brightness:
            light = tf.random.stateless_uniform((2, count, 1, 1, 1), seed + 1, -1.0, 1.0)
            mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
            images = mean + (images - mean) * (1.0 + light[0] * self.contrast)
            images = tf.clip_by_value(images + light[1] * self.brightness * 255.0, 0.0, 255.0)
        images.set_shape(shape)
        return images

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape is kept."""
        return input_shape


def stateless_augmenter(
    augment: Callable | None, seed: int
) -> tuple[Callable[[Any, Any], Any], bool]:
    """Returns a function of (images, number of the batch), and whether it may run in parallel.

    Args:
        augment: `None`, an `ImageAugmentation`, a Keras layer or a function.
        seed: The seed of the pipeline.
    """
    if augment is None:
        return (lambda images, number: images), True
    if not callable(augment):
        raise ValueError(expected("augment as a function or a Keras layer", augment=augment))
    if isinstance(augment, ImageAugmentation):
        return (lambda images, number: augment.augment(images, _pair(seed, number))), True
    if isinstance(augment, keras.layers.Layer):
        return _seeded_each_batch(_reseeded(augment, seed), seed), False
    if "seed" in _parameters(augment):
        return (lambda images, number: augment(images, seed=_pair(seed, number))), True
    return (lambda images, number: augment(images)), False


def _tensorflow():
    """Imports TensorFlow, or raises an error that explains why every backend needs it."""
    try:
        import tensorflow as tf
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise ImportError(
            "Expected the package 'tensorflow' to be installed: ImageAugmentation runs on it,"
            " whatever the Keras backend; run pip install tensorflow"
        ) from error
    return tf


def _pair(seed, number):
    import tensorflow as tf

    return tf.stack([tf.constant(seed, tf.int64), number])


def _parameters(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # Built-in functions may have no signature.
        return {}


def _seeded_each_batch(layer, seed):
    """Wraps the layer as a function of (images, number of the batch)."""
    states = [v for v in layer.variables if v.name == "seed_generator_state"]
    if keras.config.backend() != "tensorflow":
        states = []  # In tf.data such a layer draws from a state outside its variables.

    def augment(images, number):
        import tensorflow as tf

        fresh = tf.random.stateless_uniform(
            (len(states), 2), _pair(seed, number), 0, 2**31, "int64"
        )
        for state, value in zip(states, tf.unstack(fresh), strict=True):
            state.assign(tf.cast(value, state.dtype))
        return layer(images, training=True)

    return augment


def _reseeded(layer, seed):
    """Copies the layer with new random states, derived from this seed."""
    if layer.weights:
        return layer  # The copy would lose trained weights.
    rng = np.random.default_rng(seed)

    def replaced(value):
        if isinstance(value, dict):
            return {
                key: int(rng.integers(2**31)) if key == "seed" else replaced(item)
                for key, item in value.items()
            }
        return [replaced(item) for item in value] if isinstance(value, list) else value

    config = replaced(keras.saving.serialize_keras_object(layer))
    return keras.saving.deserialize_keras_object(config)
