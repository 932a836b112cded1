import sys

import keras
import numpy as np
import pytest

from tfmetric import datasets, losses, models
from tfmetric.datasets import ImageAugmentation

_OFF = {"translation": 0, "rotation": 0, "zoom": 0, "shear": 0}


def _images():
    return np.random.default_rng(0).integers(0, 256, (5, 9, 11, 3)).astype("uint8")


def test_nothing_asked_for_is_the_identity():
    out = datasets.augmentation(**_OFF).augment(_images(), seed=(1, 2))
    np.testing.assert_allclose(out, _images(), atol=1e-3)


@pytest.mark.parametrize("axis", [1, 2])
def test_flips(axis):
    name = "vertical_flip" if axis == 1 else "horizontal_flip"
    out = datasets.augmentation(**_OFF, **{name: True}).augment(_images(), seed=(1, 2)).numpy()
    flipped = np.flip(_images(), axis)
    kinds = {
        "same" if np.allclose(o, i, atol=1e-2) else "flip" if np.allclose(o, f, atol=1e-2) else "?"
        for o, i, f in zip(out, _images(), flipped, strict=True)
    }
    assert kinds == {"same", "flip"}


def test_the_centre_stays_under_rotation_zoom_and_shear():
    images = np.zeros((8, 9, 9, 1), "uint8")
    images[:, 4, 4] = 255
    layer = datasets.augmentation(translation=0, rotation=90, zoom=0.3, shear=20)
    out = layer.augment(images, seed=(3, 4)).numpy()
    np.testing.assert_allclose(out[:, 4, 4, 0], 255, atol=1)


def test_differs_between_images_and_seeds_and_stays_in_range():
    images = np.repeat(_images()[:1], 4, axis=0)
    layer = datasets.augmentation(brightness=0.5, contrast=0.5)
    out = layer.augment(images, seed=(3, 4)).numpy()
    assert not np.array_equal(out[0], out[1])
    assert not np.array_equal(out, layer.augment(images, seed=(3, 5)))
    assert out.min() >= 0
    assert out.max() <= 255


def test_a_turn_is_in_degrees_with_flips_and_zoom_beside():
    # A mark right of the middle: a flip mirrors the place, and the zoom changes the distance alone.
    y, x = np.arange(31)[:, None] - 15, np.arange(51)[None, :] - 25
    image = np.exp(-(y**2 + (x - 15) ** 2) / 3).astype("float32")
    layer = datasets.augmentation(0, rotation=20, zoom=0.2, shear=0, horizontal_flip=True)
    found = layer.augment(np.tile(image[..., None], (300, 1, 1, 1)), seed=(1, 2)).numpy()[..., 0]
    down, right = ((found * at).sum((1, 2)) / found.sum((1, 2)) for at in (y, x))
    assert 0.35 < (right < 0).mean() < 0.65
    # The zoom of the width divides the distance along it.
    assert 15 / 1.25 < np.hypot(down, right).min() < np.hypot(down, right).max() < 15 / 0.78
    # tan of the angle is that of the turn, times the zoom of the width over the zoom of the height.
    assert 20 < np.degrees(np.arctan(np.abs(down / right))).max() < 28.7


def test_brightness_and_contrast_are_shares_of_255_and_of_the_distance_to_the_mean():
    image = np.full((400, 4, 6, 1), 100.0, "float32")
    image[:, :2] = 140.0
    lit = datasets.augmentation(**_OFF, brightness=0.2).augment(image, seed=(1, 2)).numpy() - image
    np.testing.assert_allclose(lit, np.broadcast_to(lit[:, :1, :1], lit.shape), atol=1e-3)
    assert -51.01 < lit.min() < -48
    assert 48 < lit.max() < 51.01
    out = datasets.augmentation(**_OFF, contrast=0.4).augment(image, seed=(1, 2)).numpy()
    np.testing.assert_allclose(out.mean((1, 2, 3)), 120.0, atol=1e-3)
    factor = (out[:, 0, 0, 0] - 120) / 20
    assert 0.599 < factor.min() < 0.63
    assert 1.37 < factor.max() < 1.401


def test_as_a_layer():
    layer = ImageAugmentation(seed=3)
    x = _images().astype("float32")
    np.testing.assert_array_equal(layer(x, training=False), x)
    if keras.backend.backend() == "tensorflow":
        assert not np.array_equal(layer(x, training=True), layer(x, training=True))


def test_a_model_that_holds_it_is_not_compiled_with_xla():
    batch = datasets.balanced_batches(datasets.load("digits")[0], 2, 2, batches_per_epoch=1)
    model = models.embedder(
        (8, 8, 1), preprocessing=[datasets.augmentation()], embedding_dim=4, filters=2
    )
    model.compile("sgd", losses.TripletLoss(), jit_compile="auto")
    assert model.jit_compile is False
    if keras.backend.backend() == "tensorflow":
        assert np.isfinite(model.fit(batch, shuffle=False, verbose=0).history["loss"]).all()


def test_says_that_it_needs_tensorflow(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match="Expected the package 'tensorflow' to be installed"):
        datasets.augmentation().augment(_images(), seed=(1, 2))


def test_config_round_trip():
    layer = ImageAugmentation(
        0.2, 20.0, 0.3, 4.0, True, True, 0.1, 0.2, "constant", 255.0, 7, dtype="float16", name="a"
    )
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert again.fill_value == 255.0
    assert again.compute_dtype == "float16"


@pytest.mark.parametrize(
    "bad", [{"translation": -0.1}, {"rotation": 200}, {"zoom": 1.0}, {"fill_mode": "mirror"}]
)
def test_bad_arguments(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        datasets.augmentation(**bad)
