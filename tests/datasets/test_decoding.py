import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfmetric.datasets import decode_image


def _encoded(mode, form):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("mode", "form"),
    [(m, "png") for m in ("1", "L", "LA", "P", "RGB", "RGBA")]
    + [(m, "jpeg") for m in ("L", "RGB", "CMYK")]
    + [(m, "bmp") for m in ("L", "RGB", "RGBA")]
    + [("L", "gif"), ("P", "gif")],
)
def test_agrees_with_pillow(mode, form, channels):
    data = _encoded(mode, form)
    with Image.open(io.BytesIO(data)) as image:
        oracle = np.asarray(image.convert("RGB").convert("L" if channels == 1 else "RGB"))
    pixels = decode_image(data, None, channels)
    assert pixels.dtype == tf.uint8
    assert pixels.shape == (9, 7, channels)
    # JPEG decoders may differ by a few levels.
    close = 4 if form == "jpeg" else 1
    np.testing.assert_allclose(np.squeeze(pixels), oracle.astype(int), atol=close)


def test_same_in_a_graph_and_static_shape():
    data = _encoded("RGB", "png")
    graph = tf.function(lambda encoded: decode_image(encoded, (5, 4), 1))
    np.testing.assert_array_equal(graph(tf.constant(data)), decode_image(data, (5, 4), 1))
    assert graph.get_concrete_function(tf.TensorSpec((), tf.string)).output_shapes == (5, 4, 1)


def test_resizes_as_tf_image_resize():
    data = _encoded("L", "png")
    image = tf.cast(decode_image(data, None, 1), tf.float32)
    for size in ((3, 5), (20, 11), (9, 7)):
        oracle = np.rint(tf.image.resize(image, size, antialias=True)).clip(0, 255)
        np.testing.assert_array_equal(decode_image(data, size, 1), oracle)


def test_half_a_file_is_an_error():
    data = _encoded("RGB", "jpeg")
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(data[: len(data) // 2], None, 3)


@pytest.mark.parametrize("width", [5, 8, 9])
@pytest.mark.parametrize("colors", [2, 7, 256])
def test_a_palette_bmp_is_decoded_by_its_palette(colors, width):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (6, width, 3)).astype("uint8")).quantize(colors)
    data = io.BytesIO()
    image.save(data, "BMP")
    want = np.asarray(Image.open(io.BytesIO(data.getvalue())).convert("RGB"))
    np.testing.assert_array_equal(decode_image(data.getvalue(), None, 3), want)
    cut = data.getvalue()[:-4]
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(cut, None, 3)


def test_webp_and_a_bmp_without_a_palette():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype("uint8")
    for form, options in (("WEBP", {"lossless": True}), ("BMP", {})):
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, form, **options)
        np.testing.assert_array_equal(decode_image(data.getvalue(), None, 3), pixels)
