"""The losses as a user meets them: in compile and fit."""

import keras
import numpy as np
import pytest

from tfmetric.losses import ContrastiveLoss, TripletLoss


def data(classes=6, each=4, dim=6):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), each)
    x = rng.normal(size=(classes, dim))[labels] + 0.3 * rng.normal(size=(len(labels), dim))
    return x.astype("float32"), labels


def model(**arguments):
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(4)])
    net.compile(keras.optimizers.Adam(0.01), **arguments)
    return net


@pytest.mark.parametrize(
    ("loss", "jit_compile"),
    [
        (TripletLoss(), True),
        (ContrastiveLoss(), True),
        (TripletLoss(None, "all"), True),
        (TripletLoss(), False),
    ],
)
def test_fit_lowers_the_loss(loss, jit_compile):
    x, labels = data()
    net = model(loss=loss, jit_compile=jit_compile)
    history = net.fit(x, labels, batch_size=24, epochs=15, verbose=0, shuffle=False)
    assert history.history["loss"][-1] < 0.7 * history.history["loss"][0]


def test_class_ids_beyond_float32_stay_apart_in_fit():
    x, labels = data()
    losses = []
    for ids in (labels, labels + 2**24, labels.astype("int32") - 2**30):
        net = model(loss=TripletLoss())
        losses.append(net.fit(x, ids, batch_size=24, verbose=0, shuffle=False).history["loss"][0])
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)


def test_mixed_precision_keeps_the_loss_in_float32():
    x, labels = data()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        net = model(loss=TripletLoss())
        net.fit(x, labels, batch_size=24, epochs=2, verbose=0)
        half = net.predict(x, verbose=0)
        assert half.dtype == "float16"
        value = TripletLoss()(labels, half)
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_embeddings_gone_to_nan_stop_the_fit_with_a_clear_message():
    if keras.config.backend() != "tensorflow":
        pytest.skip("other backends cannot raise from a compiled step: the loss is NaN")
    import tensorflow as tf

    x, labels = data()
    x[5] = np.nan
    net = keras.Sequential([keras.layers.Dense(4)])  # Linear: relu(NaN) is 0 on a CPU.
    net.compile("sgd", loss=TripletLoss())
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected finite embeddings"):
        net.fit(x, labels, batch_size=24, verbose=0)


def test_labels_with_fractions_stop_the_fit_with_a_clear_message():
    if keras.config.backend() != "tensorflow":
        pytest.skip("other backends cannot raise from a compiled step: the loss is NaN")
    import tensorflow as tf

    x, labels = data()
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected y_true to be whole"):
        model(loss=TripletLoss()).fit(x, labels + 0.5, batch_size=24, verbose=0)
