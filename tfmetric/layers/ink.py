"""Cuts out drawings and scales them to one size."""

from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.layers._images import check_channels_last
from tfmetric.typing import Tensor
from tfmetric.values.scalars import is_number, is_whole


@keras.saving.register_keras_serializable(package="tfmetric")
class CropToInk(ConfigFromArguments, keras.layers.Layer):
    """Cuts out the square around the ink, and scales it to one size.

    Use it for characters, signatures, logos and sketches on a plain background. It removes
    position, size and colour, so that a small network sees the drawing at full size. Put it first
    in an embedder (``models.embedder(..., preprocessing=...)``), so that it is saved and served
    with the model.

    The background is the mean of the image's border. Ink differs from the background by more than a
    quarter of the range; the square is centred on the ink's bounding box. An image without ink is
    kept whole. Scaling averages over the area of each result pixel.

    Inputs: images (B, H, W, C), values 0..255. Output: (B, size, size, 1) in float32, the
    contrast to the background, 0 (none) to 255.

    Args:
        size: Height and width of the result, in pixels. Defaults to 28.
        margin: Empty border on each side, as a fraction of the ink's longer side. Defaults to
            0.12.
        smallest: Least side of the square as a fraction of the image's longer side, so that a dot
            is not enlarged. Defaults to 0.38.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np
    >>> page = np.full((1, 60, 60, 1), 255, "uint8")
    >>> page[0, 10:30, 5:15] = 0
    >>> np.asarray(CropToInk(size=10, margin=0.0)(page))[0, 5, :, 0].round().astype(int).tolist()
    [0, 0, 57, 245, 255, 255, 245, 57, 0, 0]
    """

    def __init__(self, size: Any = 28, margin: float = 0.12, smallest: Any = 0.38, **kwargs: Any):
        super().__init__(**kwargs)
        check_channels_last()
        if not (is_whole(size) and size > 0):
            raise ValueError(expected("size to be an int above 0", size=size))
        for name, value, limit in (("margin", margin, 10), ("smallest", smallest, 1)):
            if not (is_number(value) and 0 <= value <= limit):
                raise ValueError(expected(f"{name} to be from 0 to {limit}", **{name: value}))
        self.size, self.margin, self.smallest = int(size), float(margin), float(smallest)

    def call(self, inputs: Any) -> Tensor:
        """The contrast of the cut-out squares."""
        images = ops.cast(inputs, "float32")
        contrast = ops.mean(ops.abs(images - _border_mean(images)), axis=-1)
        ink = contrast > 64.0
        height, width = ops.shape(images)[1], ops.shape(images)[2]
        middle_y, extent_y = _span(ops.any(ink, axis=2), height)
        middle_x, extent_x = _span(ops.any(ink, axis=1), width)
        side = ops.maximum(extent_y, extent_x) * (1.0 + 2.0 * self.margin)
        longest = ops.cast(ops.maximum(height, width), "float32")
        side = ops.maximum(side, self.smallest * longest)
        rows = _weights(middle_y, side, height, self.size)
        columns = _weights(middle_x, side, width, self.size)
        cut = ops.matmul(ops.matmul(rows, contrast), ops.transpose(columns, (0, 2, 1)))
        return cut[..., None]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Squares of one channel."""
        return (input_shape[0], self.size, self.size, 1)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns float32 under every policy: sums of values up to 255 need more than 16 bits."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), "float32")


def _border_mean(images):
    top = ops.mean(images[:, :1], axis=(1, 2), keepdims=True)
    bottom = ops.mean(images[:, -1:], axis=(1, 2), keepdims=True)
    left = ops.mean(images[:, :, :1], axis=(1, 2), keepdims=True)
    right = ops.mean(images[:, :, -1:], axis=(1, 2), keepdims=True)
    return (top + bottom + left + right) / 4.0


def _span(present, length):
    """Returns middle and extent of present places in pixels; of all places if none is present."""
    place = ops.arange(length, dtype="float32")[None, :]
    end = ops.cast(length, "float32")
    first = ops.min(ops.where(present, place, end), axis=1)
    last = ops.max(ops.where(present, place + 1.0, 0.0), axis=1)
    some = last > first
    first, last = ops.where(some, first, 0.0), ops.where(some, last, end)
    return (first + last) / 2.0, last - first


def _weights(middle, side, length, size):
    """Returns (B, size, length): the weight of each pixel in each pixel of the result."""
    step = (side / size)[:, None, None]
    target = (ops.arange(size, dtype="float32")[None, :, None] + 0.5) * step
    target = target + (middle - side / 2.0)[:, None, None]
    reach = ops.maximum(step, 1.0)  # A triangle as wide as the result pixel avoids aliasing.

    def triangle(place):
        return ops.relu(1.0 - ops.abs(place + 0.5 - target) / reach)

    # Outside the image is background of contrast 0, which counts in the mean.
    around = ops.arange(-length, 2 * length, dtype="float32")
    total = ops.sum(triangle(around), axis=2, keepdims=True)
    return triangle(ops.arange(length, dtype="float32")) / ops.maximum(total, 1.0)
