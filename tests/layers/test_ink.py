import keras
import numpy as np
import pytest

import tfmetric as tm


def drawing(top, left, height=20, width=10, size=60, page=255, pen=0, channels=1):
    image = np.full((size, size, channels), page, "uint8")
    image[top : top + height, left : left + width] = pen
    image[top : top + height // 2, left : left + width // 2] = page
    return image


def crop(*images, **arguments):
    return np.asarray(tm.layers.CropToInk(**arguments)(np.stack(images)))


def test_place_and_colours_do_not_matter():
    one, moved, inverted, red = crop(
        drawing(5, 5, channels=3),
        drawing(30, 41, channels=3),
        drawing(30, 41, page=0, pen=255, channels=3),
        drawing(5, 5, channels=3),
    )
    assert one.shape == (28, 28, 1)
    assert one.max() == pytest.approx(255)
    np.testing.assert_allclose(moved, one, atol=0.01)
    np.testing.assert_allclose(inverted, one, atol=0.01)
    np.testing.assert_allclose(red, one, atol=0.01)


def test_size_does_not_matter():
    small, large = (crop(drawing(8, 8, 20 * n, 10 * n, size=105))[0] for n in (2, 4))
    assert np.abs(small - large).mean() < 6


def test_ink_at_the_border_is_not_stretched():
    at_border = drawing(0, 0)
    inside = drawing(20, 20)
    np.testing.assert_allclose(crop(at_border), crop(inside), atol=40)
    assert np.abs(crop(at_border) - crop(inside)).mean() < 12


def test_a_blank_page_gives_zeros_and_a_dot_stays_a_dot():
    blank, dot = np.full((50, 50, 1), 200, "uint8"), np.full((50, 50, 1), 255, "uint8")
    dot[20:22, 20:22] = 0
    cut = crop(blank, dot, smallest=0.5)
    assert np.abs(cut[0]).max() == 0
    assert 1 < (cut[1] > 100).sum() < 20


def test_it_equals_averaging_for_a_whole_factor():
    rng = np.random.default_rng(0)
    image = np.zeros((24, 24, 1), "uint8")
    image[4:20, 4:20] = rng.integers(200, 255, (16, 16, 1))
    same_scale = crop(image, size=16, margin=0.0, smallest=0.0)[0, ..., 0]
    np.testing.assert_allclose(same_scale, image[4:20, 4:20, 0], atol=0.01)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_inside_a_model_of_any_image_size(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        layers = [tm.layers.CropToInk(20), tm.datasets.augmentation()]
        model = tm.models.embedder((40, 40, 1), 4, filters=4, preprocessing=layers)
    finally:
        keras.config.set_dtype_policy("float32")
    x = np.stack([drawing(3, 3, size=40), drawing(15, 20, size=40)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
    flexible = keras.Sequential([keras.Input((None, None, 1)), tm.layers.CropToInk(20)])
    assert flexible.predict(x, verbose=0).shape == (2, 20, 20, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size to be an int above 0. Received: size=0"),
        ({"margin": -1}, "Received: margin=-1"),
        ({"smallest": 2}, "smallest to be from 0 to 1. Received: smallest=2"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        tm.layers.CropToInk(**arguments)
