"""What Keras lets a user do with any model works with the models that train an embedder."""

import keras
import numpy as np
import pytest

import tfmetric as tm

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = np.arange(16) % 4


def embedder():
    return tm.models.embedder((3,), embedding_dim=4)


def noise():
    return keras.layers.GaussianNoise(0.1)


MODELS = {
    "Autoencoder": lambda: (tm.models.Autoencoder(embedder()), None),
    "BYOL": lambda: (tm.models.BYOL(embedder(), noise(), (8, 8)), None),
    "BarlowTwins": lambda: (tm.models.BarlowTwins(embedder(), noise(), (8, 8)), None),
    "CachedGradients": lambda: (tm.models.CachedGradients(embedder(), 4), tm.TripletLoss()),
    "CrossBatchMemory": lambda: (tm.models.CrossBatchMemory(embedder(), 8, 0), tm.TripletLoss()),
    "SimCLR": lambda: (tm.models.SimCLR(embedder(), noise(), (8, 8)), None),
    "SimSiam": lambda: (tm.models.SimSiam(embedder(), noise(), (8, 8)), None),
    "VICReg": lambda: (tm.models.VICReg(embedder(), noise(), (8, 8)), None),
    "with_proxies": lambda: (
        tm.models.with_proxies(embedder(), tm.layers.ProxyHead(4)),
        tm.losses.ArcFaceLoss(),
    ),
}


def test_every_model_is_here():
    bases = {"TwoViews", "WithoutLabels"}
    classes = {name for name in tm.models.__all__ if isinstance(getattr(tm.models, name), type)}
    trained = {c for c in classes - bases if hasattr(getattr(tm.models, c), "compute_loss")}
    assert trained <= set(MODELS), "add it to MODELS"


# The models of two views differ in their loss alone; the plain run takes one of them.
AT_NIGHT = {"BarlowTwins", "SimCLR", "SimSiam", "VICReg"}


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in AT_NIGHT else n for n in MODELS],
)
def test_fitted_then_exported_quantized_saved_and_loaded(name, tmp_path):
    import tensorflow as tf

    model, loss = MODELS[name]()
    model.compile("sgd", loss=loss)
    labels = Y.astype("uint64") if name == "CrossBatchMemory" else Y
    assert np.isfinite(model.fit(X, labels, batch_size=8, verbose=0).history["loss"]).all()
    assert tuple(model.compute_output_shape((None, 3))) == (None, 4)
    wanted = np.asarray(model(X))
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.serve(X), wanted, rtol=1e-4, atol=1e-5)
    model.quantize("int8")
    wanted = np.asarray(model(X))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(np.asarray(loaded(X)), wanted, rtol=1e-4, atol=1e-5)


def test_byol_says_that_a_layer_was_frozen_too_late():
    model, _ = MODELS["BYOL"]()
    model.embedder.layers[-2].trainable = False
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="trainable when this model was made"):
        model.fit(X, verbose=0)


@pytest.mark.parametrize("name", ["CachedGradients", "Autoencoder"])
def test_a_batch_of_none(name):
    model, _ = MODELS[name]()
    assert tuple(model(X[:0], training=True).shape) == (0, 4)
    assert all(float(loss) == 0 for loss in model.losses)
