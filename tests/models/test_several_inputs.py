"""Embedders with several named inputs, in every model that trains one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfmetric as tm
from tfmetric.elements import Element

RECORD = Element(
    "record",
    (),
    "",
    {
        "price": Element("vector", (4,), "float32"),
        "curve": Element("sequence", (None, 2), "float32"),
    },
)


def batch(count=12, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "price": rng.normal(size=(count, 4)).astype("float32"),
        "curve": rng.normal(size=(count, 5, 2)).astype("float32"),
        "curve_length": rng.integers(1, 6, count).astype("int32"),
    }


@pytest.fixture
def embedder():
    keras.utils.set_random_seed(0)
    return tm.models.embedder(RECORD, 3)


def test_siamese_and_triplet_take_a_dictionary_for_each_side(embedder, tmp_path):
    x = [batch(seed=seed) for seed in range(3)]
    a, b, c = (np.asarray(embedder(part), "float64") for part in x)
    siamese = tm.models.siamese(embedder)
    np.testing.assert_allclose(siamese(tuple(x[:2])), np.linalg.norm(a - b, axis=1), atol=1e-5)
    triplet = tm.models.triplet(embedder)
    want = np.stack([np.linalg.norm(a - b, axis=1), np.linalg.norm(a - c, axis=1)], axis=1)
    np.testing.assert_allclose(triplet(tuple(x)), want, atol=1e-5)
    siamese.compile("sgd", loss=tm.SiameseContrastiveLoss())
    pairs = tf.data.Dataset.from_tensor_slices(((x[0], x[1]), np.arange(12) % 2)).batch(6)
    assert np.isfinite(siamese.fit(pairs, shuffle=False, verbose=0).history["loss"]).all()
    siamese.save(tmp_path / "siamese.keras")
    loaded = keras.models.load_model(tmp_path / "siamese.keras")
    np.testing.assert_allclose(loaded(tuple(x[:2])), siamese(tuple(x[:2])), atol=1e-6)


@pytest.mark.parametrize("kind", ["cached", "memory", "both", "proxies"])
def test_wrapped_trainings_take_a_dictionary(embedder, kind, tmp_path):
    loss = tm.losses.SupConLoss()
    if kind == "proxies":
        loss = tm.losses.ArcFaceLoss()
        model = tm.models.with_proxies(embedder, tm.layers.ProxyHead(4))
    else:
        model = embedder
        if kind != "memory":
            model = tm.models.CachedGradients(model, micro_batch_size=5)
        if kind != "cached":
            model = tm.models.CrossBatchMemory(model, 16, warmup_steps=0)
    before = [np.array(w) for w in embedder.trainable_weights]
    model.compile("sgd", loss=loss)
    history = model.fit(batch(), np.arange(12) % 4, batch_size=12, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = embedder.trainable_weights
    assert any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    np.testing.assert_allclose(model.predict(batch(), verbose=0), embedder(batch()), atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(batch(), verbose=0), embedder(batch()), atol=1e-5)


def test_cached_gradients_are_those_of_the_whole_batch():
    steps = keras.Input((None, 2), name="curve")
    price = keras.Input((4,), name="price")
    pooled = tm.layers.MaskedPooling("mean")(keras.layers.Dense(3)(steps))
    embedding = keras.layers.Dense(2)(keras.layers.Concatenate()([pooled, price]))
    plain = keras.Model({"curve": steps, "price": price}, embedding)
    x = {name: value for name, value in batch().items() if name != "curve_length"}
    results = []
    for wrap in (lambda m: m, lambda m: tm.models.CachedGradients(m, micro_batch_size=5)):
        model = keras.models.clone_model(plain)
        model.set_weights(plain.get_weights())
        trained = wrap(model)
        trained.compile(keras.optimizers.SGD(0.1), loss=tm.losses.SupConLoss())
        trained.fit(x, np.arange(12) % 4, batch_size=12, verbose=0)
        results.append([np.array(w) for w in model.weights])
    for whole, cached in zip(*results, strict=True):
        np.testing.assert_allclose(whole, cached, atol=1e-6)
