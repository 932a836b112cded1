"""Embedders train where the user has set another float type for all of Keras."""

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.layers.batch_statistics import PromptBatchNormalization

LABELS = np.arange(16) % 4
RNG = np.random.default_rng(0)


@pytest.fixture
def floatx(request):
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(request.param)
    # Keras keeps the policy that it has made of the first float type.
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("floatx", ["float64", "bfloat16", "float16"], indirect=True)
@pytest.mark.parametrize("given", ["float32", "float64"])
def test_an_embedder_on_vectors_fits(floatx, given):
    x = RNG.normal(size=(16, 6)).astype(given)
    model = tm.models.embedder((6,), embedding_dim=4)
    model.compile("adam", loss=tm.losses.TripletLoss(), run_eagerly=True)
    history = model.fit(x, LABELS, batch_size=16, verbose=0).history["loss"]
    assert np.isfinite([float(loss) for loss in history]).all()
    assert model.compute_dtype == floatx


@pytest.mark.parametrize("floatx", ["float64", "bfloat16"], indirect=True)
def test_the_statistics_are_those_of_the_batch_after_one_step(floatx):
    x = RNG.normal(3.0, 2.0, (64, 5))
    layer = PromptBatchNormalization()
    layer(x.astype("float32"), training=True)
    tolerance = 1e-5 if floatx == "float64" else 0.05
    assert np.asarray(keras.ops.cast(layer.moving_mean, "float32")) == pytest.approx(
        x.mean(0), abs=tolerance
    )
