import keras
import numpy as np
import pytest
from keras import ops

from tfmetric import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 6, 3)).astype("float32")
MASK = np.arange(6) < np.array([6, 1, 0, 3, 2])[:, None]
MASK[3] = [False, True, False, True, True, False]  # Not only a run from the begin.


def oracle(mode, x, mask):
    rows = []
    for steps, present in zip(x.astype("float64"), mask, strict=True):
        kept = steps[present]
        if not len(kept):
            rows.append(np.zeros(x.shape[2] * (2 if mode == "statistics" else 1)))
            continue
        rows.append(
            {
                "mean": kept.mean(0),
                "max": kept.max(0),
                "cls": steps[0] * present[0],
                "statistics": np.concatenate([kept.mean(0), kept.std(0)]),
            }[mode]
        )
    return np.array(rows)


@pytest.mark.parametrize("mode", ["mean", "max", "cls", "statistics"])
def test_pools_what_the_mask_keeps(mode):
    layer = layers.MaskedPooling(mode)
    np.testing.assert_allclose(layer(X, mask=MASK), oracle(mode, X, MASK), atol=1e-6)
    np.testing.assert_allclose(layer(X), oracle(mode, X, np.ones_like(MASK)), atol=1e-6)
    assert tuple(layer(X).shape) == layer.compute_output_shape(X.shape)


def test_attention_is_the_softmax_over_what_the_mask_keeps():
    layer = layers.AttentionPooling(4)
    found = np.asarray(layer(X, mask=MASK))
    kernel, bias, query = (np.asarray(w, "float64") for w in layer.get_weights())
    for row, steps, present in zip(found, X.astype("float64"), MASK, strict=True):
        kept = steps[present]
        weights = np.exp(np.tanh(kept @ kernel + bias) @ query)
        want = (kept * weights).sum(0) / weights.sum() if len(kept) else np.zeros(3)
        np.testing.assert_allclose(row, want, atol=1e-6)


MAKE = [*(lambda m=m: layers.MaskedPooling(m) for m in ("mean", "max", "cls", "statistics"))]
MAKE.append(lambda: layers.AttentionPooling(4))


@pytest.mark.parametrize("make", MAKE)
def test_masked_steps_change_neither_value_nor_gradient(make):
    import tensorflow as tf

    layer = make()
    x = np.where(MASK[:, :, None], X, np.nan).astype("float32")
    x[1, 3:] = np.inf
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, mask=MASK)
        total = ops.sum(ops.square(y))
    np.testing.assert_allclose(y, layer(np.where(MASK[:, :, None], X, 0.0), mask=MASK), atol=1e-6)
    gradient = tape.gradient(total, x).numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[~MASK].any()


@pytest.mark.parametrize("make", MAKE)
def test_equal_steps_have_a_finite_gradient(make):
    import tensorflow as tf

    x = tf.ones((2, 4, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(make()(x))
    assert np.isfinite(tape.gradient(y, x)).all()


@pytest.mark.parametrize("make", MAKE)
def test_in_a_model_eager_compiled_and_saved(make, tmp_path):
    steps = keras.Input((None, 3))
    mask = keras.Input((None,), dtype="bool")
    model = keras.Model([steps, mask], make()(steps, mask=mask))
    want = model([X, MASK])
    np.testing.assert_allclose(model.predict([X, MASK], verbose=0), want, atol=1e-6)
    model.compile("sgd", "mse", jit_compile=True)
    np.testing.assert_allclose(model.predict([X, MASK], verbose=0), want, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded([X, MASK]), want, atol=1e-6)


def test_a_mask_that_keras_carries_along_is_used():
    inputs = keras.Input((None, 3))
    x = keras.layers.Masking(mask_value=0.0)(inputs)
    model = keras.Model(inputs, layers.MaskedPooling("mean")(x))
    padded = np.where(MASK[:, :, None], X, 0.0)
    np.testing.assert_allclose(model(padded), oracle("mean", X, MASK), atol=1e-6)


@pytest.mark.parametrize("make", MAKE)
def test_sums_are_float32_under_mixed_precision(make):
    layer = make()
    layer = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    y = layer(np.full((1, 9, 3), 60000.0, "float16"))
    assert y.dtype == "float32"
    np.testing.assert_allclose(np.asarray(y)[0, :3], 60000.0, rtol=1e-3)


def test_arguments_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="mode as one of 'mean'"):
        layers.MaskedPooling("median")
    with pytest.raises(ValueError, match="units to be a whole number"):
        layers.AttentionPooling(0)
