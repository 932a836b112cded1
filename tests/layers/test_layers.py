import json

import keras
import numpy as np
import pytest
from keras import ops

from tfmetric import layers


@keras.saving.register_keras_serializable(package="layer_tests")
def chebyshev(x, y):
    return ops.max(ops.abs(x - y), axis=-1)


def gradient(function, x):
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(function(x))
    return tape.gradient(y, x).numpy()


def test_l2_normalization_by_its_own_epsilon():
    x = np.array([[3e-3, 4e-3], [0.0, 0.0]], "float32")
    layer = layers.L2Normalization(epsilon=0.1)
    np.testing.assert_allclose(layer(x), [[0.03, 0.04], [0.0, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(gradient(layer, x), np.full((2, 2), 10.0), rtol=1e-5)


def test_l2_normalization_matches_numpy():
    x = np.random.default_rng(0).normal(size=(5, 7)).astype("float32")
    norms = np.sqrt((x.astype("float64") ** 2).sum(1, keepdims=True))
    np.testing.assert_allclose(layers.L2Normalization()(x), x / norms, rtol=1e-5)


def test_l2_normalization_has_a_bounded_gradient_at_zero():
    layer = layers.L2Normalization()
    assert np.abs(gradient(layer, np.zeros((2, 3), "float32"))).max() <= 1.001e4


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_layers_compute_in_float32_under_mixed_precision(policy):
    # 300² overflows float16.
    x = np.array([[300.0, 400.0]], "float32")
    unit = layers.L2Normalization(dtype=policy)(x)
    assert unit.dtype == "float32"
    np.testing.assert_allclose(unit, [[0.6, 0.8]], rtol=1e-6)
    distance = layers.PairwiseDistance(dtype=policy)((x, x + 1e-3))
    assert distance.dtype == "float32"
    np.testing.assert_allclose(distance, [np.sqrt(2) * 1e-3], rtol=0.1)
    pooled = layers.GeMPooling2D(dtype=policy)(np.full((1, 2, 2, 1), 300.0, "float32"))
    assert pooled.dtype == "float32"
    np.testing.assert_allclose(pooled, [[300.0]], rtol=1e-5)


@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "cosine", chebyshev])
def test_pairwise_distance_comes_back_from_its_config(distance):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4, 3)).astype("float32")
    layer = layers.PairwiseDistance(distance, name="head")
    again = layers.PairwiseDistance.from_config(layer.get_config())
    want = [
        {
            "euclidean": np.linalg.norm(x - y),
            "manhattan": np.abs(x - y).sum(),
            "cosine": 1 - x @ y / np.linalg.norm(x) / np.linalg.norm(y),
        }.get(distance, np.abs(x - y).max())
        for x, y in zip(a.astype("float64"), b.astype("float64"), strict=True)
    ]
    assert again.name == "head"
    np.testing.assert_allclose(again((a, b)), want, rtol=1e-4)


def test_pairwise_distance_wants_a_pair_of_one_width():
    with pytest.raises(ValueError, match="Expected a pair"):
        layers.PairwiseDistance()((np.zeros((2, 3)), np.zeros((2, 4))))
    with pytest.raises(ValueError, match="Expected a pair"):
        layers.PairwiseDistance()(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="Expected distance to be one of cosine"):
        layers.PairwiseDistance("euclidian")


def test_gem_is_the_generalised_mean_for_small_and_large_p():
    x = np.random.default_rng(0).uniform(0.1, 50, size=(2, 3, 4, 5)).astype("float32")
    for p in (1.0, 3.0, 7.5):
        want = (x.astype("float64") ** p).mean((1, 2)) ** (1 / p)
        np.testing.assert_allclose(layers.GeMPooling2D(p)(x), want, rtol=1e-5)
    np.testing.assert_allclose(layers.GeMPooling2D(500.0)(x), x.max((1, 2)), rtol=0.01)


def test_gem_value_and_gradients_are_finite_at_zeros():
    layer = layers.GeMPooling2D()
    x = np.zeros((2, 3, 3, 2), "float32")
    assert np.isfinite(layer(x)).all()
    assert np.isfinite(gradient(layer, x)).all()


def test_gem_gradient_matches_a_difference_quotient():
    x = np.random.default_rng(1).uniform(0.5, 2, size=(1, 2, 2, 1)).astype("float32")
    layer = layers.GeMPooling2D(4.0)
    got = gradient(layer, x).ravel()

    def mean(values):
        return (values.astype("float64") ** 4).mean() ** 0.25

    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-6
        want = (mean(x.ravel() + step) - mean(x.ravel() - step)) / 2e-6
        np.testing.assert_allclose(got[i], want, rtol=1e-4)


def test_gem_learns_p_unless_told_not_to():
    x = np.random.default_rng(0).uniform(size=(8, 4, 4, 2)).astype("float32")
    layer = layers.GeMPooling2D(1.0)
    model = keras.Sequential([keras.Input((4, 4, 2)), layer])
    model.compile("sgd", "mse")
    model.fit(x, np.full((8, 2), 0.9), epochs=2, verbose=0)
    assert float(layer.exponent) > 1.0
    # Pulled the other way, p stops at 1 and not below.
    model.fit(x, np.zeros((8, 2)), epochs=20, verbose=0)
    assert float(layer.exponent) >= 1.0
    fixed = layers.GeMPooling2D(trainable=False)
    fixed(x)
    assert fixed.trainable_weights == []


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.L2Normalization(axis=1, epsilon=1e-3, dtype="float64"), (4, 3)),
        (lambda: layers.GeMPooling2D(2.0, trainable=False, keepdims=True), (4, 4, 3)),
    ],
)
def test_layers_load_from_a_keras_file_without_custom_objects(make, shape, tmp_path):
    layer = make()
    model = keras.Sequential([keras.Input(shape), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).uniform(size=(2, *shape)).astype("float32")
    np.testing.assert_array_equal(model(x), loaded(x))
    assert loaded.layers[-1].get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: layers.L2Normalization(epsilon=0), "epsilon to be positive"),
        (lambda: layers.GeMPooling2D(0.5), "p to be at least 1"),
        (lambda: layers.GeMPooling2D(epsilon=-1), "epsilon to be positive"),
    ],
)
def test_layers_reject_arguments_that_make_no_sense(layer, message):
    with pytest.raises(ValueError, match=message):
        layer()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_symbolic_dtype_is_the_one_at_run_time(policy, dtype):
    vector, image = keras.Input((3,), dtype=dtype), keras.Input((2, 2, 3), dtype=dtype)
    a, b = np.ones((1, 3), dtype), np.ones((1, 2, 2, 3), dtype)
    for layer, symbolic, actual in (
        (layers.L2Normalization(dtype=policy), vector, a),
        (layers.PairwiseDistance(dtype=policy), (vector, vector), (a, a)),
        (layers.GeMPooling2D(dtype=policy), image, b),
    ):
        want = "float64" if dtype == "float64" else "float32"
        assert layer(symbolic).dtype == want
        assert keras.backend.standardize_dtype(layer(actual).dtype) == want


def test_numpy_scalars_are_taken_for_numbers():
    crop = layers.CropToInk(size=np.int64(10), margin=np.float32(0), smallest=np.float64(0.5))
    gem = layers.GeMPooling2D(p=np.float32(2), epsilon=np.float32(1e-6))
    for layer in (crop, gem, layers.L2Normalization(axis=np.int64(1), epsilon=np.float32(1e-4))):
        json.dumps({k: v for k, v in layer.get_config().items() if k != "dtype"})
    with pytest.raises(ValueError, match="size to be an int above 0"):
        layers.CropToInk(size=True)
    with pytest.raises(ValueError, match="margin to be from 0 to 10"):
        layers.CropToInk(margin="wide")
