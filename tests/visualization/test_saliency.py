"""Saliency against finite differences and the sum that integrated gradients promise."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tfmetric.visualization import saliency_figure, similarity_saliency

ROOT = Path(__file__).parents[2]


def embedder(seed=0):
    keras.utils.set_random_seed(seed)
    image = keras.Input((5, 4, 2))
    x = keras.ops.multiply(image, 1 / 255)
    x = keras.layers.Conv2D(3, 2, activation="tanh")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
    return keras.Model(image, keras.layers.Dense(3)(x))


def pair():
    rng = np.random.default_rng(1)
    return rng.integers(0, 255, (2, 5, 4, 2)).astype("float32")


def similarity(model, a, b):
    x = keras.ops.convert_to_numpy(model(np.stack([a, b]), training=False)).astype("float64")
    return -np.sqrt(((x[0] - x[1]) ** 2).sum())


def test_gradients_are_finite_differences():
    model, (a, b) = embedder(), pair()
    found = similarity_saliency(model, a, b, method="gradient")
    assert found.similarity == pytest.approx(similarity(model, a, b), rel=1e-5)
    for image, other, heat in ((a, b, found.first_map), (b, a, found.second_map)):
        for row, column in ((0, 0), (2, 3), (4, 1)):
            slopes = []
            for channel in range(2):
                step = np.zeros_like(image)
                step[row, column, channel] = 2.0
                up, down = (
                    similarity(model, image + step, other),
                    similarity(model, image - step, other),
                )
                slopes.append(abs(up - down) / 4)
            assert heat[row, column] == pytest.approx(max(slopes), rel=0.02, abs=1e-6)


def test_integrated_gradients_add_up():
    model, (a, b) = embedder(), pair()
    found = similarity_saliency(model, a, b, steps=300)
    for image, other, heat in ((a, b, found.first_map), (b, a, found.second_map)):
        paper = np.broadcast_to(np.median(image, axis=(0, 1)), image.shape)
        want = similarity(model, image, other) - similarity(model, paper, other)
        assert heat.sum() == pytest.approx(want, rel=0.01, abs=1e-4)


def test_smoothing_is_a_mean_that_a_seed_repeats():
    model, (a, b) = embedder(), pair()
    one, two = (similarity_saliency(model, a, b, smooth=3, steps=4, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.first_map, two.first_map)
    plain = similarity_saliency(model, a, b, steps=4)
    near = similarity_saliency(model, a, b, steps=4, smooth=2, noise=1e-6)
    np.testing.assert_allclose(near.first_map, plain.first_map, atol=1e-4)


def test_two_equal_images_and_a_blank_one():
    model, (a, _) = embedder(), pair()
    for first, second in ((a, a), (np.zeros_like(a), a)):
        for method in ("integrated", "gradient"):
            found = similarity_saliency(model, first, second, method=method, smooth=1)
            assert np.isfinite(found.first_map).all()
            assert len(saliency_figure(found).axes) == 5


def test_bad_arguments():
    model, (a, b) = embedder(), pair()
    for bad in ({"method": "magic"}, {"steps": 0}, {"smooth": -1}):
        with pytest.raises(ValueError, match="Expected"):
            similarity_saliency(model, a, b, **bad)
    with pytest.raises(ValueError, match="two finite images"):
        similarity_saliency(model, a * np.nan, b)


@pytest.mark.slow
def test_the_same_on_jax():
    pytest.importorskip("jax")
    if keras.config.backend() == "jax":
        pytest.skip("this is the process that is asked for")
    code = (
        "import sys; sys.modules['tensorflow'] = None; import pytest; sys.exit(pytest.main("
        f"['-q', '-n0', '-p', 'no:cacheprovider', '-k', 'finite or add_up', r'{__file__}']))"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout[-3000:]
