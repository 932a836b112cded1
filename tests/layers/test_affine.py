import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.layers.affine import _bilinear


def naive(images, y, x):
    out = np.zeros_like(images, dtype="float64")
    _, height, width, _ = images.shape
    for b, i, j in np.ndindex(y.shape):
        v, u = np.clip(y[b, i, j], 0, height - 1), np.clip(x[b, i, j], 0, width - 1)
        for row in (int(v), min(int(v) + 1, height - 1)):
            for column in (int(u), min(int(u) + 1, width - 1)):
                near = max(0, 1 - abs(v - row)) * max(0, 1 - abs(u - column))
                out[b, i, j] += near * images[b, row, column]
        # At the last row or column both neighbours are the same one and count once.
        weight = (2 if int(v) == height - 1 else 1) * (2 if int(u) == width - 1 else 1)
        out[b, i, j] /= weight
    return out


def test_resampling_equals_the_definition():
    rng = np.random.default_rng(0)
    images = rng.random((2, 5, 7, 3)).astype("float32")
    y, x = rng.uniform(-2, 7, (2, 5, 7)), rng.uniform(-2, 9, (2, 5, 7))
    found = _bilinear(images, y.astype("float32"), x.astype("float32"))
    np.testing.assert_allclose(np.asarray(found), naive(images, y, x), atol=1e-5)


def test_it_acts_in_training_alone_and_differently_on_each_image():
    image = np.random.default_rng(0).random((1, 12, 12, 1)).astype("float32") * 255
    images = np.repeat(image, 3, axis=0)
    layer = tm.layers.RandomAffine(seed=1)
    np.testing.assert_array_equal(np.asarray(layer(images)), images)
    changed = np.asarray(layer(images, training=True))
    assert np.abs(changed[0] - changed[1]).mean() > 1
    assert changed.min() >= 0
    assert changed.max() <= 255


def test_only_a_shift_of_whole_pixels_is_a_shift():
    image = np.zeros((200, 9, 9, 1), "float32")
    image[:, 4, 4] = 1.0
    layer = tm.layers.RandomAffine(translation=0.3, rotation=0.0, zoom=0.0, shear=0.0, seed=0)
    moved = np.asarray(layer(image, training=True))
    np.testing.assert_allclose(moved.sum(axis=(1, 2, 3)), 1.0, atol=1e-4)
    rows = (moved[..., 0].sum(2) * np.arange(9)).sum(1) - 4
    assert -2.71 < rows.min() < -2.0
    assert 2.0 < rows.max() < 2.71


NONE = {"translation": 0.0, "rotation": 0.0, "zoom": 0.0, "shear": 0.0}


def in_a_model(images, **amounts):
    return tm.layers.RandomAffine(**{**NONE, **amounts}, seed=0)(images, training=True)


def in_the_pipeline(images, **amounts):
    return tm.datasets.augmentation(**{**NONE, **amounts}).augment(images, seed=(1, 2))


both = pytest.mark.parametrize("change", [in_a_model, in_the_pipeline])


def moved_mark(change, down, right, **amounts):
    """Where 400 random changes put a mark of an image 31 high and 51 wide: (400,), (400,).

    Places are relative to the middle of the image.
    """
    y, x = np.arange(31)[:, None] - 15, np.arange(51)[None, :] - 25
    image = np.exp(-((y - down) ** 2 + (x - right) ** 2) / 3).astype("float32")
    found = np.asarray(change(np.tile(image[..., None], (400, 1, 1, 1)), **amounts))[..., 0]
    mass = found.sum((1, 2))
    return (found * y).sum((1, 2)) / mass, (found * x).sum((1, 2)) / mass


def assert_reaches(values, low, high):
    """The draws fill the range to a twentieth, and leave it by less than a fortieth.

    Interpolation moves the middle of the mark a little.
    """
    slack = (high - low) / 20
    assert low - slack / 2 < values.min() < low + slack
    assert high - slack < values.max() < high + slack / 2


@both
def test_a_rotation_is_in_degrees_around_the_middle(change):
    y, x = moved_mark(change, 0, 15, rotation=10.0)
    np.testing.assert_allclose(np.hypot(y, x), 15.0, atol=0.1)
    assert_reaches(np.degrees(np.arctan2(y, x)), -10.0, 10.0)


@both
def test_a_shift_is_a_fraction_of_its_own_side(change):
    y, x = moved_mark(change, 0, 0, translation=0.1)
    assert_reaches(y, -3.1, 3.1)
    assert_reaches(x, -5.1, 5.1)
    assert abs(np.corrcoef(y, x)[0, 1]) < 0.2


@both
def test_a_zoom_changes_height_and_width_apart(change):
    y, x = moved_mark(change, 7, 15, zoom=0.1)
    assert_reaches(7 / y, 0.9, 1.1)
    assert_reaches(15 / x, 0.9, 1.1)
    assert abs(np.corrcoef(y, x)[0, 1]) < 0.2


@both
def test_a_shear_is_in_degrees_and_leaves_the_height(change):
    y, x = moved_mark(change, 8, 0, shear=5.0)
    np.testing.assert_allclose(y, 8.0, atol=0.01)
    assert_reaches(np.degrees(np.arctan(x / 8)), -5.0, 5.0)


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_in_a_fit(jit_compile):
    layers = [tm.layers.CropToInk(12), tm.layers.RandomAffine()]
    model = tm.models.embedder((16, 16, 1), 4, filters=2, preprocessing=layers)
    model.compile("sgd", loss=tm.ContrastiveLoss(), jit_compile=jit_compile)
    x = np.random.default_rng(0).integers(0, 255, (12, 16, 16, 1)).astype("float32")
    history = model.fit(x, np.arange(12) % 3, verbose=0, batch_size=12).history
    assert np.isfinite(history["loss"]).all()
    assert keras.Model.from_config(model.get_config()).output.dtype == "float32"


@pytest.mark.parametrize("name", ["translation", "rotation", "zoom", "shear"])
def test_bad_arguments(name):
    with pytest.raises(ValueError, match=f"{name} to be from 0.*Received: {name}=-1"):
        tm.layers.RandomAffine(**{name: -1})
