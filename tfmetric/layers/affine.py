"""Random shifts, rotations, scalings and shears of images, inside a model."""

import math
from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.layers._images import check_channels_last
from tfmetric.typing import Tensor
from tfmetric.values.scalars import is_number


@keras.saving.register_keras_serializable(package="tfmetric")
class RandomAffine(ConfigFromArguments, keras.layers.Layer):
    """Shifts, turns, scales and shears each image a little, in training only.

    Use it for augmentation that must follow a layer of the model, such as
    :class:`tfmetric.layers.CropToInk`, which would undo an earlier shift. It compiles with XLA and
    runs on every backend. In the input pipeline use :func:`tfmetric.datasets.augmentation`, which
    adds no cost to the training step.

    All four changes are one bilinear resampling; beyond the border the border's pixels repeat.

    Inputs and output: images (B, H, W, C); the output is float32.

    Args:
        translation: Greatest shift, as a fraction of the side. Defaults to 0.07.
        rotation: Greatest angle in degrees, either way. Defaults to 10.
        zoom: Greatest relative change of the size, for height and width apart. Defaults to 0.1.
        shear: Greatest shear angle in degrees, either way. Defaults to 5.
        seed: Seed of the random numbers; None for one that follows
            ``keras.utils.set_random_seed``.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np
    >>> images = np.ones((2, 8, 8, 1), "float32")
    >>> layer = RandomAffine(rotation=30.0)
    >>> bool(np.allclose(layer(images, training=True), images))
    True
    """

    def __init__(
        self,
        translation: Any = 0.07,
        rotation: Any = 10.0,
        zoom: Any = 0.1,
        shear: Any = 5.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_channels_last()
        limits = {
            "translation": (translation, 1),
            "rotation": (rotation, 180),
            "zoom": (zoom, 0.9),
            "shear": (shear, 80),
        }
        for name, (value, limit) in limits.items():
            if not (is_number(value) and 0 <= value <= limit):
                raise ValueError(expected(f"{name} to be from 0 to {limit}", **{name: value}))
            setattr(self, name, float(value))
        self.seed = None if seed is None else int(seed)
        self._seeds = keras.random.SeedGenerator(self.seed)

    def call(self, inputs: Any, training: bool | None = False) -> Tensor:
        """The images, changed if ``training``."""
        images = ops.cast(inputs, "float32")
        return self._changed(images) if training else images

    def _changed(self, images):
        count, height, width = ops.shape(images)[:3]
        draws = keras.random.uniform((6, count, 1, 1), -1.0, 1.0, dtype="float32", seed=self._seeds)
        angle = draws[0] * math.radians(self.rotation)
        slant = ops.tan(draws[1] * math.radians(self.shear))
        # Maps a place in the result, relative to the middle, to its source.
        y = ops.arange(height, dtype="float32")[None, :, None]
        x = ops.arange(width, dtype="float32")[None, None, :]
        middle_y, middle_x = (ops.cast(n - 1, "float32") / 2.0 for n in (height, width))
        v = (y - middle_y) * (1.0 + draws[2] * self.zoom)
        u = (x - middle_x) * (1.0 + draws[3] * self.zoom) + slant * v
        shift_y = draws[4] * self.translation * ops.cast(height, "float32")
        shift_x = draws[5] * self.translation * ops.cast(width, "float32")
        from_y = middle_y + shift_y + ops.sin(angle) * u + ops.cos(angle) * v
        from_x = middle_x + shift_x + ops.cos(angle) * u - ops.sin(angle) * v
        return _bilinear(images, from_y, from_x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the input."""
        return input_shape

    def compute_output_spec(self, inputs: Any, training: bool | None = False) -> Any:
        """Float32 of the same shape."""
        return keras.KerasTensor(inputs.shape, "float32")


def _bilinear(images, y, x):
    """Samples images (B, H, W, C) at places (B, H, W); outside places read the border."""
    count, height, width = ops.shape(images)[:3]
    channels = images.shape[3]
    y = ops.clip(y, 0.0, ops.cast(height - 1, "float32"))
    x = ops.clip(x, 0.0, ops.cast(width - 1, "float32"))
    top, left = ops.floor(y), ops.floor(x)
    down, right = (y - top)[..., None], (x - left)[..., None]
    top, left = ops.cast(top, "int32"), ops.cast(left, "int32")
    below, beside = ops.minimum(top + 1, height - 1), ops.minimum(left + 1, width - 1)
    flat = ops.reshape(images, (-1, channels))
    start = (ops.arange(count, dtype="int32") * height * width)[:, None, None]

    def at(row, column):
        return ops.take(flat, start + row * width + column, axis=0)

    upper = at(top, left) * (1.0 - right) + at(top, beside) * right
    lower = at(below, left) * (1.0 - right) + at(below, beside) * right
    return upper * (1.0 - down) + lower * down
