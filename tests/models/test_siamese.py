import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmetric import models


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.fixture
def embedder():
    return models.embedder((6,), embedding_dim=3)


def vectors(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 6)).astype("float32")


def test_siamese_is_the_distance_of_the_two_embeddings(embedder):
    a, b = vectors(5), vectors(5, 1)
    want = np.linalg.norm(np.asarray(embedder(a)) - np.asarray(embedder(b)), axis=1)
    np.testing.assert_allclose(models.siamese(embedder)((a, b)), want, rtol=1e-5)


def test_triplet_is_the_two_distances_side_by_side(embedder):
    x = [vectors(5, seed) for seed in range(3)]
    anchor, positive, negative = (np.asarray(embedder(part)).astype("float64") for part in x)
    want = np.stack([np.abs(anchor - other).sum(1) for other in (positive, negative)], axis=1)
    got = models.triplet(embedder, distance="manhattan")(tuple(x))
    np.testing.assert_allclose(got, want, rtol=1e-4)


@pytest.mark.parametrize("count", [2, 3])
def test_they_fit_on_tf_data_and_load_without_custom_objects(embedder, count, tmp_path):
    model = models.siamese(embedder) if count == 2 else models.triplet(embedder)
    inputs = tuple(vectors(8, seed) for seed in range(count))
    target = np.zeros(8 if count == 2 else (8, 2), "float32")
    before = embedder.get_layer("embedding").kernel.numpy()
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensor_slices((inputs, target)).batch(4)
    model.fit(data, verbose=0, shuffle=False)
    assert np.abs(embedder.get_layer("embedding").kernel.numpy() - before).max() > 0
    assert len(model.weights) == len(embedder.weights)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(inputs), loaded(inputs))
    loaded.fit(data, verbose=0, shuffle=False)


def test_image_inputs_of_any_integer_type_are_taken():
    model = models.siamese(models.embedder((8, 8, 1), filters=4))
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 8, 8, 1)).astype("uint8")
    np.testing.assert_allclose(model(tuple(x)), model(tuple(x.astype("float32"))), rtol=1e-6)


@pytest.mark.parametrize("make", [models.siamese, models.triplet])
def test_an_embedder_is_wanted(make, embedder):
    with pytest.raises(ValueError, match="Expected embedder to be a built"):
        make(models.siamese(embedder))
    with pytest.raises(ValueError, match="Expected embedder to be a built"):
        make("embedder")
    for unbuilt in (keras.Sequential([keras.layers.Dense(2)]), Subclassed()):
        with pytest.raises(ValueError, match="Expected embedder to be a built"):
            make(unbuilt)
    with pytest.raises(ValueError, match="Expected distance to be one of"):
        make(embedder, distance="far")


def test_distances_are_float32_under_mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = models.siamese(models.embedder((6,), embedding_dim=3))
        assert model.output.dtype == "float32"
        assert model((vectors(2), vectors(2, 1))).dtype == "float32"
        assert models.triplet(models.embedder((6,))).output.dtype == "float32"
    finally:
        keras.config.set_dtype_policy(policy)
