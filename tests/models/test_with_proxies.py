"""Embedder and proxies, trained together and used apart."""

import keras
import numpy as np
import pytest

import tfmetric as tm

LOSSES = {
    "arcface": (tm.losses.ArcFaceLoss(scale=16.0), {"centers_per_class": 2}),
    "proxy-anchor": (tm.losses.ProxyAnchorLoss(), {}),
    "soft-triple": (
        tm.losses.SoftTripleLoss(),
        {"centers_per_class": 3, "center_regularization": 0.2},
    ),
    "sphereface": (tm.losses.SphereFaceLoss(margin=2), {}),
}


def data(classes=8, each=4):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(classes), each))
    x = np.eye(classes)[labels] + 0.1 * rng.normal(size=(len(labels), classes))
    return x.astype("float32"), labels


def parts(classes=8, **arguments):
    keras.utils.set_random_seed(0)
    embedder = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    return embedder, tm.layers.ProxyHead(classes, **arguments)


def compiled(model, loss, **arguments):
    model.compile(keras.optimizers.Adam(0.03), loss=loss, **arguments)
    return model


@pytest.mark.parametrize(
    "name",
    ["soft-triple", *(pytest.param(n, marks=pytest.mark.slow) for n in LOSSES if "soft" not in n)],
)
def test_fit_lowers_the_loss_and_separates_the_classes(name):
    x, labels = data()
    loss, arguments = LOSSES[name]
    embedder, head = parts(initial_norm=0.1, **arguments)
    model = compiled(tm.models.with_proxies(embedder, head), loss)
    history = model.fit(x, labels, batch_size=16, epochs=25, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]
    cosines = np.asarray(head(embedder(x)))
    best = cosines.reshape(len(x), 8, -1).max(axis=2).argmax(axis=1)
    assert (best == labels).mean() > 0.8


def test_both_ways_are_the_same_training():
    x, labels = data()
    losses = []
    for wrap in (lambda *both: keras.Sequential(list(both)), tm.models.with_proxies):
        both = parts(centers_per_class=2, center_regularization=0.3, seed=1)
        model = compiled(wrap(*both), tm.losses.SoftTripleLoss())
        history = model.fit(x, labels, batch_size=16, epochs=3, verbose=0, shuffle=False)
        losses.append(history.history["loss"] + [model.evaluate(x, labels, verbose=0)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.parametrize("jit_compile", ["auto", pytest.param(True, marks=pytest.mark.slow)])
def test_sampled_classes_train_all_of_them(jit_compile):
    x, labels = data()
    embedder, head = parts(classes=40, sampled_classes=20)
    model = compiled(
        tm.models.with_proxies(embedder, head),
        tm.losses.CosFaceLoss(scale=16.0),
        jit_compile=jit_compile,
    )
    before = model.evaluate(x, labels * 5, batch_size=16, verbose=0)
    model.fit(x, labels * 5, batch_size=16, epochs=20, verbose=0)
    assert model.evaluate(x, labels * 5, batch_size=16, verbose=0) < 0.7 * before
    assert model.predict(x, verbose=0).shape == (32, 8)


def test_cached_gradients_of_an_embedder_with_proxies():
    x, labels = data()
    losses = []
    for wrap in (lambda embedder: embedder, lambda e: tm.models.CachedGradients(e, 12)):
        embedder, head = parts(seed=1)
        model = tm.models.with_proxies(wrap(embedder), head)
        compiled(model, tm.losses.ArcFaceLoss(), run_eagerly=True)
        losses.append(model.fit(x, labels, epochs=2, verbose=0, shuffle=False).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_sampling_all_classes_is_no_sampling():
    x, labels = data()
    losses = []
    for sampled in (None, 8):
        both = parts(sampled_classes=sampled, seed=1)
        model = compiled(tm.models.with_proxies(*both), tm.losses.ArcFaceLoss())
        losses.append(model.fit(x, labels, epochs=3, verbose=0, shuffle=False).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_only_sampled_proxies_get_a_gradient():
    x, labels = data()
    embedder, head = parts(classes=100, sampled_classes=10)
    model = tm.models.with_proxies(embedder, head)
    model.compile(keras.optimizers.SGD(0.1), loss=tm.losses.NormalizedSoftmaxLoss())
    before = np.array(head.proxies)
    model.train_on_batch(x, labels)
    moved = (np.asarray(head.proxies) != before).any(axis=1)
    assert moved[:8].all()
    assert 8 < moved.sum() <= 10


def test_the_whole_model_and_the_parts_survive_saving(tmp_path):
    x, labels = data()
    embedder, head = parts(centers_per_class=2, sampled_classes=8, seed=1)
    model = compiled(tm.models.with_proxies(embedder, head), tm.losses.SoftTripleLoss())
    model.fit(x, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    embedder.save(tmp_path / "embedder.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.head.proxies, head.proxies)
    assert loaded.head.get_config() == head.get_config()
    np.testing.assert_allclose(
        loaded.evaluate(x, labels, verbose=0), model.evaluate(x, labels, verbose=0), rtol=1e-6
    )
    alone = keras.saving.load_model(tmp_path / "embedder.keras")
    np.testing.assert_allclose(alone.predict(x, verbose=0), loaded.predict(x, verbose=0), rtol=1e-6)
    loaded.fit(x, labels, verbose=0)


def test_mixed_precision():
    x, labels = data()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        embedder, head = parts(sampled_classes=8)
        model = compiled(tm.models.with_proxies(embedder, head), tm.losses.ArcFaceLoss(scale=8.0))
        history = model.fit(x, labels, epochs=10, verbose=0).history["loss"]
        assert head(embedder(x)).dtype in ("float32", np.float32)
        assert history[-1] < history[0]
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("sampled", [pytest.param(None, marks=pytest.mark.slow), 6])
def test_labels_without_a_proxy_stop_the_fit_or_make_nan(sampled):
    x, labels = data()
    model = compiled(
        tm.models.with_proxies(*parts(classes=7, sampled_classes=sampled)),
        tm.losses.ArcFaceLoss(),
    )
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        with pytest.raises(tf.errors.InvalidArgumentError, match="ids from 0 to 6"):
            model.fit(x, labels, verbose=0)
        model.compile("sgd", loss=tm.losses.ArcFaceLoss(), jit_compile=True)
    assert np.isnan(model.fit(x, labels, verbose=0).history["loss"][0])


def test_a_batch_of_more_classes_than_are_sampled():
    x, labels = data()
    model = tm.models.with_proxies(*parts(sampled_classes=3))
    model.compile("sgd", loss=tm.losses.ArcFaceLoss(), jit_compile=True)
    assert np.isnan(model.fit(x, labels, verbose=0).history["loss"][0])
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        model.compile("sgd", loss=tm.losses.ArcFaceLoss(), jit_compile=False)
        with pytest.raises(tf.errors.InvalidArgumentError, match="sampled_classes"):
            model.fit(x, labels, verbose=0)


def test_bad_parts():
    embedder, head = parts()
    with pytest.raises(ValueError, match="Expected head to be a"):
        tm.models.with_proxies(embedder, keras.layers.Dense(3))
    with pytest.raises(ValueError, match="Expected embedder to be a built"):
        tm.models.with_proxies(keras.Sequential([keras.layers.Dense(3)]), head)
    with pytest.raises(ValueError, match="Expected an embedder without a memory"):
        tm.models.with_proxies(tm.models.CrossBatchMemory(embedder), head)


def test_a_loss_on_embeddings_is_refused():
    model = tm.models.with_proxies(*parts())
    model.compile("sgd", loss=tm.TripletLoss())
    with pytest.raises(ValueError, match="Expected a loss on class proxies"):
        model.fit(*data(), verbose=0)
