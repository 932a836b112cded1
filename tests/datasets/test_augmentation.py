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
