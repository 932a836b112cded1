import keras
import numpy as np
import pytest

from tfmetric import layers


def test_the_mask_is_that_of_the_lengths_whatever_the_stride():
    length = np.array([0, 1, 4, 5, 12], "int32")
    for stride in (1, 4):
        mask = np.asarray(layers.StepMask(stride)((np.zeros((5, 3, 2)), length)))
        assert mask.sum(1).tolist() == np.minimum(3, -(-length // stride)).tolist()
        assert (np.diff(mask.astype(int), axis=1) <= 0).all()
    with pytest.raises(ValueError, match="stride to be a whole number"):
        layers.StepMask(0)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_what_is_not_there_is_zero(dtype):
    x = np.full((2, 3, 2, 2), 7, dtype)
    mask = np.array([[True, False, True], [False] * 3])
    y = np.asarray(layers.ZeroPadding()((x, mask)))
    np.testing.assert_array_equal(y, x * mask[:, :, None, None])
    assert y.dtype == dtype


def network():
    inputs = keras.Input((2, 2, 1))
    x = keras.layers.BatchNormalization(momentum=0.0)(inputs)
    return keras.Model(inputs, keras.layers.Flatten()(x))


def test_a_network_for_each_step_and_statistics_of_real_steps_alone():
    x = np.random.default_rng(0).normal(size=(3, 4, 2, 2, 1)).astype("float32")
    layer = layers.PerStep(network())
    y = layer(x)
    assert tuple(y.shape) == layer.compute_output_shape(x.shape) == (3, 4, 4)
    np.testing.assert_allclose(y, x.reshape(3, 4, 4) / np.sqrt(1.001), rtol=1e-5)
    length = np.array([1, 2, 4])
    mask = np.arange(4) < length[:, None]
    x[~mask] = 1000.0
    layer(x, step_mask=mask, training=True)
    mean = float(layer.network.layers[1].moving_mean[0])
    filled = np.array([x[i, min(t, n - 1)] for i, n in enumerate(length) for t in range(4)])
    np.testing.assert_allclose(mean, filled.mean(), atol=1e-5)
    with pytest.raises(ValueError, match="one input and output"):
        layers.PerStep(keras.layers.Dense(2))


def test_inference_mode_holds_in_training_and_after_unfreezing(tmp_path):
    inner = network()
    inputs = keras.Input((2, 2, 1))
    model = keras.Model(inputs, layers.InferenceMode(inner, name="backbone")(inputs))
    inner.trainable = False
    inner.trainable = True
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(3, 1, (8, 2, 2, 1)).astype("float32")
    model.fit(x, np.zeros((8, 4)), epochs=2, verbose=0)
    np.testing.assert_array_equal(inner.layers[1].moving_mean, [0.0])
    assert float(inner.layers[1].gamma[0]) < 1.0  # Its weights are trained.
    np.testing.assert_allclose(model(x, training=True), model(x, training=False))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x, training=True), model(x))
    with pytest.raises(ValueError, match="network to be a built"):
        layers.InferenceMode(keras.Sequential())


def test_per_step_saves_with_its_network(tmp_path):
    frames, mask = keras.Input((None, 2, 2, 1)), keras.Input((None,), dtype="bool")
    model = keras.Model([frames, mask], layers.PerStep(network())(frames, step_mask=mask))
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 2, 1)).astype("float32")
    both = [x, np.ones((2, 3), bool)]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(both), model(both))
