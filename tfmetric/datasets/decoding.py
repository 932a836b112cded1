"""Decodes images identically in training, checking and serving."""

from __future__ import annotations

from typing import Any

from tfmetric.datasets.arguments import image_size_of
from tfmetric.datasets.bmp_palette import decode_bmp_palette, has_bmp_palette

# The ground on which images with an alpha channel are composed.
WHITE = 255
# Rec. 601 luma, the weights that JPEG itself and Pillow use; they sum to one, so grey stays grey.
LUMA = (0.299, 0.587, 0.114)


def decode_image(encoded: Any, image_size: int | tuple[int, int] | None, channels: int) -> Any:
    """Decodes one PNG, JPEG, BMP, WebP or GIF (first frame) and resizes it, in TensorFlow ops only.

    Use it wherever bytes become pixels. It runs eagerly, in `tf.data` and inside an exported
    serving graph, and gives the same pixels everywhere. Resizing is antialiased bilinear and does
    not keep the aspect ratio. An image with an alpha channel is composed on white (the alpha of a
    BMP is ignored). EXIF rotation is not applied, and the upper 8 bits of a 16-bit PNG are taken:
    `datasets.load` handles both before it calls this function.

    Args:
        encoded: A scalar string tensor: the bytes of one image file.
        image_size: `(height, width)` in pixels, one number for both as in `load`, or `None` to keep
            the size of the file.
        channels: 1 for grey (Rec. 601 luma), 3 for RGB.

    Returns:
        A `uint8` tensor of shape `(height, width, channels)`, values 0 to 255.

    Raises:
        tf.errors.InvalidArgumentError: If the bytes are not a whole image.

    >>> import tensorflow as tf
    >>> png = tf.io.encode_png(tf.fill((4, 6, 3), tf.constant(200, "uint8")))
    >>> decode_image(png, (2, 3), channels=1)[..., 0].numpy().tolist()
    [[200, 200, 200], [200, 200, 200]]
    >>> decode_image(png, 5, channels=3).shape.as_list()
    [5, 5, 3]
    """
    import tensorflow as tf

    image_size = image_size_of(image_size)
    encoded = tf.convert_to_tensor(encoded)
    # TensorFlow would return the indexes of a BMP with a palette as grey values.
    image = tf.cond(
        has_bmp_palette(encoded),
        lambda: decode_bmp_palette(encoded),
        lambda: tf.io.decode_image(encoded, channels=0, expand_animations=False),
    )
    image.set_shape((None, None, None))
    size = tf.shape(image)
    colored = size[2] >= 3
    # A second or fourth channel is alpha; in a BMP it is mostly unused.
    alpha = (size[2] % 2 == 0) & (tf.strings.substr(encoded, 0, 2) != b"BM")
    image = tf.cond(alpha, lambda: _composed(image), lambda: image[..., : tf.where(colored, 3, 1)])
    image.set_shape((None, None, None))
    if channels == 1:
        image = tf.cond(colored, lambda: _luma(image), lambda: tf.cast(image, tf.float32))
    else:
        # Broadcasting turns one stored channel into three and keeps three.
        image = tf.broadcast_to(image, tf.concat([size[:2], [3]], axis=0))
    if image_size is not None:
        image = resize_images(image[None], image_size)[0]
    image = _to_uint8(image)
    image.set_shape((*(image_size or (None, None)), channels))
    return image


def resize_images(images: Any, image_size: tuple[int, int]) -> Any:
    """Resizes a batch of images by antialiased bilinear interpolation.

    Images of this size keep their values exactly.

    Args:
        images: Tensor `(batch, height, width, channels)`.
        image_size: `(height, width)` in pixels.

    Returns:
        A tensor of the new size: `uint8` as `uint8`, rounded; any other dtype as `float32`.

    >>> import numpy as np
    >>> resize_images(np.zeros((2, 4, 4, 1), "uint8"), (2, 2)).shape.as_list()
    [2, 2, 2, 1]
    """
    import tensorflow as tf

    # The kernel of tf.image.resize(antialias=True), without its many small operations, which cost
    # more than resizing a small image.
    images = tf.convert_to_tensor(images)
    resized = tf.raw_ops.ScaleAndTranslate(
        images=tf.cast(images, tf.float32),
        size=tf.constant(image_size, tf.int32),
        scale=tf.constant(image_size, tf.float32) / tf.cast(tf.shape(images)[1:3], tf.float32),
        translation=tf.zeros(2),
        kernel_type="triangle",
        antialias=True,
    )
    return _to_uint8(resized) if images.dtype == tf.uint8 else resized


def _composed(image):
    """Returns the colors as they look on white."""
    import tensorflow as tf

    image = tf.cast(image, tf.float32)
    share = image[..., -1:] / 255.0
    return _to_uint8(image[..., :-1] * share + WHITE * (1.0 - share))


def _luma(image):
    import tensorflow as tf

    flat = tf.reshape(tf.cast(image, tf.float32), (-1, 3))
    grey = tf.matmul(flat, tf.constant(LUMA)[:, None])
    return tf.reshape(grey, tf.concat([tf.shape(image)[:2], [1]], axis=0))


def _to_uint8(values):
    import tensorflow as tf

    if values.dtype == tf.uint8:
        return values
    return tf.cast(tf.clip_by_value(tf.round(values), 0.0, 255.0), tf.uint8)
