"""Training without labels, on the backend of the process; on JAX too, at the end."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric import models

RNG = np.random.default_rng(0)
# Classes are directions; the noise that views add is less than what lies between them.
X = (RNG.normal(size=(4, 6))[np.arange(32) % 4] + 0.3 * RNG.normal(size=(32, 6))).astype("float32")

MAKERS = {
    "simclr": lambda e, **kw: models.SimCLR(e, **kw, temperature=0.2),
    "vicreg": lambda e, **kw: models.VICReg(e, **kw, invariance=20.0),
    "barlow_twins": lambda e, **kw: models.BarlowTwins(e, **kw, off_diagonal=0.01),
    "simsiam": lambda e, **kw: models.SimSiam(e, **kw, predictor=(4, 8)),
    "byol": lambda e, **kw: models.BYOL(e, **kw, momentum=0.9, steps=20),
    "autoencoder": lambda e, **kw: models.Autoencoder(e, scale=0.5),
}
each = pytest.mark.parametrize("name", MAKERS)


def first(*names):
    """Every method, but these alone in the default run: each compiles a training step."""
    slow = pytest.mark.slow
    every = [name if name in names else pytest.param(name, marks=slow) for name in MAKERS]
    return pytest.mark.parametrize("name", every)


def small_embedder():
    inputs = keras.Input((6,))
    x = keras.layers.BatchNormalization(momentum=0.9)(keras.layers.Dense(12)(inputs))
    x = keras.layers.Dense(5)(keras.layers.ReLU()(x))
    return keras.Model(inputs, tm.layers.L2Normalization()(x))


def make(name, **arguments):
    keras.utils.set_random_seed(0)
    arguments = {"augment": keras.layers.GaussianNoise(0.2), "projector": (16, 8), **arguments}
    return MAKERS[name](small_embedder(), **arguments)


def numbers(values):
    return [keras.ops.convert_to_numpy(value) for value in values]


def spread(embeddings):
    """Mean distance from the mean: near 0 where all embeddings are one."""
    return np.linalg.norm(embeddings - embeddings.mean(axis=0), axis=1).mean()


@first("simclr")
def test_fit_lowers_the_loss_without_collapse_and_survives_saving(name, tmp_path):
    model = make(name)
    model.compile(keras.optimizers.Adam(0.003))
    history = model.fit(X, batch_size=16, epochs=25, verbose=0).history["loss"]
    assert history[-1] < history[0]
    embeddings = numbers([model(X)])[0]
    assert spread(embeddings) > 0.3
    np.testing.assert_array_equal(embeddings, numbers([model.embedder(X, training=False)])[0])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    kept, wanted = loaded.get_config(), model.get_config()
    assert {**kept, "embedder": None} == {**wanted, "embedder": None}
    for mine, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(*numbers([mine, theirs]), err_msg=mine.path)
    np.testing.assert_allclose(*numbers([loaded.embedder(X), model.embedder(X)]), atol=1e-6)
    # The optimiser came too: training goes on where it stood.
    assert int(loaded.optimizer.iterations) == 50
    if name == "byol":
        loaded.fit(X, batch_size=16, verbose=0)
        assert int(loaded.step) == 52


@first("autoencoder", "byol")
def test_the_loss_of_validation_and_labels_for_metrics(name):
    model = make(name)
    # One of them in a graph, whose names may not begin with an underscore.
    eager = name != "autoencoder"
    model.compile("sgd", metrics=[tm.metrics.MiningStatistics()], run_eagerly=eager)
    labels = np.arange(32) % 4
    before = numbers(model.embedder.non_trainable_weights)
    found = model.evaluate(X, labels, batch_size=32, return_dict=True, verbose=0)
    assert np.isfinite(found["loss"])
    # Evaluation moves nothing.
    for old, new in zip(before, numbers(model.embedder.non_trainable_weights), strict=True):
        np.testing.assert_array_equal(old, new)
    logs = model.fit(X, labels, verbose=0, validation_data=(X, labels)).history
    assert {"loss", "val_loss"} < set(logs)
    assert len(logs) > 4


def test_a_loss_on_labels_is_added():
    model = make("simclr", augment=keras.layers.Identity())
    labels = np.arange(32) % 4
    triplet = float(tm.TripletLoss()(labels, model.embedder(X)))
    found = []
    for loss in (None, tm.TripletLoss()):
        model.compile("sgd", loss=loss, run_eagerly=True)
        found.append(model.evaluate(X, labels, batch_size=32, verbose=0))
    assert found[1] - found[0] == pytest.approx(triplet, rel=1e-4)
    assert np.isfinite(model.train_on_batch(X, labels))


def test_without_change_or_projector_the_loss_is_that_of_the_function():
    model = make("vicreg", augment=keras.layers.Identity(), projector=None)
    model.compile("sgd", run_eagerly=True)
    z = model.embedder(X)
    wanted = tm.losses.vicreg(z, z, invariance=20.0)
    assert model.evaluate(X, batch_size=32, verbose=0) == pytest.approx(float(wanted), rel=1e-5)


@each
def test_a_batch_of_one_and_constant_features_are_finite(name):
    for x in (X[:1], np.ones((8, 6), "float32"), np.zeros((8, 6), "float32")):
        model = make(name, augment=keras.layers.Identity())
        model.compile(keras.optimizers.SGD(0.01), run_eagerly=True)
        assert np.isfinite(model.train_on_batch(x))
        assert all(np.isfinite(value).all() for value in numbers(model.weights))


def test_the_target_follows_by_the_formula_and_gets_no_gradient():
    model = make("byol")
    model.compile(keras.optimizers.SGD(0.1))
    followed = model.embedder.trainable_weights + model.projector.trainable_weights
    target = [weight for weight in model.non_trainable_weights if weight.name == "target"]
    assert not {id(weight) for weight in target} & {id(w) for w in model.trainable_weights}
    wanted = [value.astype("float64") for value in numbers(followed)]
    for old, copy in zip(wanted, numbers(target), strict=True):
        np.testing.assert_allclose(copy, old, rtol=1e-6)
    for step in range(4):
        # Before each step the target moves towards the weights as the last step left them.
        tau = 1 - 0.1 * (np.cos(np.pi * step / 20) + 1) / 2
        now = numbers(followed)
        wanted = [tau * old + (1 - tau) * new for old, new in zip(wanted, now, strict=True)]
        model.fit(X, batch_size=32, verbose=0)
        for expected, found in zip(wanted, numbers(target), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert int(model.step) == 4
    moved = [np.abs(a - b).max() for a, b in zip(numbers(followed), numbers(target), strict=True)]
    assert max(moved) > 1e-3


def test_the_target_is_the_network_on_its_own_weights():
    model = make("byol")
    before = numbers([model.target(X)])[0]
    wanted = model.projector(model.embedder(X, training=False), training=False)
    np.testing.assert_allclose(before, wanted, atol=1e-5)
    for weight in model.embedder.trainable_weights:
        weight.assign(weight * 2.0 + 0.1)
    np.testing.assert_array_equal(numbers([model.target(X)])[0], before)
    model.embedder.trainable = False
    with pytest.raises(ValueError, match="trainable when this model was made"):
        model.target(X)


@pytest.mark.parametrize("name", ["simclr", "byol"])
def test_mixed_precision(name):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make(name)
        model.compile("sgd", run_eagerly=True)
        assert np.isfinite(model.train_on_batch(X))
        (loss,) = model.losses
        assert keras.backend.standardize_dtype(loss.dtype) == "float32"
        assert {w.dtype for w in model.weights if "seed" not in w.path} <= {"float32", "int32"}
    finally:
        keras.config.set_dtype_policy(policy)


def test_images_have_a_default_view_and_a_decoder():
    x = RNG.integers(0, 256, (4, 11, 14, 1)).astype("uint8")
    embedder = models.embedder((11, 14, 1), embedding_dim=4, filters=2)
    model = models.SimCLR(embedder, projector=None)
    first, second = np.split(np.asarray(model.views(x)), 2)
    assert first.shape == x.shape
    assert np.abs(first - second).max() > 1
    decoding = models.Autoencoder(embedder, filters=2)
    assert decoding.reconstruct(x).shape == x.shape
    decoding.decoder.layers[-1].kernel.assign(np.zeros(decoding.decoder.layers[-1].kernel.shape))
    loss = decoding.forward(x, training=False)[1]
    np.testing.assert_allclose(loss, np.mean((x / 255.0) ** 2), rtol=1e-5)


def test_a_projector_and_a_list_of_changes_of_the_users_own(tmp_path):
    changes = [keras.layers.GaussianNoise(0.1), keras.layers.Dropout(0.1)]
    model = make("simsiam", augment=changes, projector=keras.layers.Dense(8))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.projector(X[:, :5]), model.projector(X[:, :5]))


IMAGES = models.embedder((4, 4, 1), embedding_dim=2, filters=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: models.SimCLR(small_embedder()), "only images have a default"),
        (lambda: models.SimCLR(keras.layers.Dense(3)), "one output"),
        (lambda: models.SimCLR(IMAGES, augment="flip"), "Received: augment='flip'"),
        (lambda: models.SimCLR(IMAGES, keras.layers.Flatten()), "keeps the shape"),
        (lambda: models.SimCLR(IMAGES, projector=(8, 0)), r"Received: projector=\(8, 0\)"),
        (lambda: models.SimCLR(IMAGES, temperature=0), "temperature to be a number greater"),
        (lambda: models.VICReg(IMAGES, invariance=-1), "Received: invariance=-1"),
        (lambda: models.BarlowTwins(IMAGES, off_diagonal=-1), "Received: off_diagonal=-1"),
        (lambda: models.SimSiam(IMAGES, predictor=(3,)), "whose last layer is 256 wide"),
        (lambda: models.BYOL(IMAGES, momentum=1.5), "Received: momentum=1.5"),
        (lambda: models.BYOL(IMAGES, steps=0), "Received: steps=0"),
        (lambda: models.Autoencoder(IMAGES, keras.layers.Dense(3)), "decoder whose output"),
    ],
)
def test_arguments_that_make_no_sense_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_sample_weight_has_no_place():
    model = make("simclr")
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="no sample_weight"):
        model.train_on_batch(X, np.zeros(32), sample_weight=np.ones(32))


@pytest.mark.parametrize("name", ["byol"])
def test_compiled_by_xla(name):
    model = make(name)
    model.compile("sgd", jit_compile=True)
    assert np.isfinite(model.train_on_batch(X))
    assert int(model.step) == 1


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["follows", "fit_lowers"])
def test_the_same_on_jax(chosen):
    """Those above that train, in a process that cannot import TensorFlow."""
    pytest.importorskip("jax")
    if keras.config.backend() == "jax":
        pytest.skip("this is JAX")
    code = (
        "import sys; sys.modules['tensorflow'] = None; import pytest; sys.exit(pytest.main(["
        "'-q', '-x', '-n0', '-p', 'no:cacheprovider', 'tests/models/test_without_labels.py',"
        f" '-m', 'slow or not slow', '-k', '{chosen}']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=900,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-2000:]
