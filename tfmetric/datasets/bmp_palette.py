"""Decodes BMP images with a palette (1, 4 or 8 bits per pixel), in TensorFlow ops."""

from __future__ import annotations

from typing import Any

_HEADER = 54  # Length in bytes of the shortest headers before a palette.


def has_bmp_palette(encoded: Any) -> Any:
    """Returns whether the bytes are a BMP with a palette.

    Args:
        encoded: A scalar string tensor: the bytes of one image file.

    Returns:
        A scalar bool tensor.
    """
    import tensorflow as tf

    is_bmp = (tf.strings.length(encoded) > _HEADER) & (tf.strings.substr(encoded, 0, 2) == b"BM")
    return tf.cond(is_bmp, lambda: _number(encoded, 28, tf.uint16) <= 8, lambda: tf.constant(False))


def decode_bmp_palette(encoded: Any) -> Any:
    """Decodes a BMP with a palette to RGB.

    Args:
        encoded: A scalar string tensor for which `has_bmp_palette` is true.

    Returns:
        A `uint8` tensor `(height, width, 3)`.

    Raises:
        tf.errors.InvalidArgumentError: If the file is cut or uses run-length compression.
    """
    import tensorflow as tf

    bits = _number(encoded, 28, tf.uint16)
    width, height = _number(encoded, 18, tf.int32), _number(encoded, 22, tf.int32)
    start, header = _number(encoded, 10, tf.int32), _number(encoded, 14, tf.int32)
    used = _number(encoded, 46, tf.int32)
    colors = tf.where(used > 0, used, tf.bitwise.left_shift(1, bits))
    with tf.control_dependencies(
        [
            tf.debugging.assert_equal(
                _number(encoded, 30, tf.int32), 0, "a BMP with run-length compression"
            ),
            tf.debugging.assert_positive(width, "a BMP without width"),
        ]
    ):
        stride = (width * bits + 31) // 32 * 4  # Rows are padded to multiples of four bytes.
    rows = tf.abs(height)
    packed = tf.io.decode_raw(tf.strings.substr(encoded, start, rows * stride), tf.uint8)
    packed = tf.cast(tf.reshape(packed, (rows, stride, 1)), tf.int32)
    shifts = tf.range(8 - bits, -1, -bits)
    indexes = tf.bitwise.bitwise_and(
        tf.bitwise.right_shift(packed, shifts), tf.bitwise.left_shift(1, bits) - 1
    )
    indexes = tf.reshape(indexes, (rows, -1))[:, :width]
    palette = tf.io.decode_raw(tf.strings.substr(encoded, 14 + header, 4 * colors), tf.uint8)
    palette = tf.reshape(palette, (colors, 4))[:, 2::-1]  # Stored as blue, green, red, 0.
    image = tf.gather(palette, indexes)
    # Rows go from the bottom up, unless the height is negative.
    return tf.cond(height > 0, lambda: tf.reverse(image, (0,)), lambda: image)


def _number(encoded, place, dtype):
    import tensorflow as tf

    size = 2 if dtype == tf.uint16 else 4
    value = tf.io.decode_raw(tf.strings.substr(encoded, place, size), dtype)
    return tf.cast(tf.reshape(value, ()), tf.int32)
