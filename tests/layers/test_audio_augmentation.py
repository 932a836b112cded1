import keras
import numpy as np
import pytest

from tfmetric import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 200)).astype("float32")
LENGTH = RNG.integers(0, 201, 64).astype("int32")
PADDED = np.where(np.arange(200) < LENGTH[:, None], X, 0.0).astype("float32")


def test_outside_of_training_only_the_type_changes():
    layer = layers.AudioAugmentation()
    np.testing.assert_array_equal(layer(X), X)
    whole = RNG.integers(-32768, 32768, (2, 9)).astype("int16")
    np.testing.assert_array_equal(layer(whole), whole.astype("float32"))


def test_the_gain_is_within_its_range_and_one_a_recording():
    y = np.asarray(layers.AudioAugmentation(0, 6, 0, seed=1)(X, training=True))
    decibels = 20 * np.log10(y / X)
    assert np.ptp(decibels, axis=1).max() < 1e-2
    assert np.abs(decibels).max() <= 6.01
    assert decibels[:, 0].std() > 2


def test_the_shift_is_circular_within_the_recording():
    batch = {"values": PADDED, "length": LENGTH}
    y = layers.AudioAugmentation(0, 0, 0.2, seed=1)(batch, training=True)
    assert y["length"] is LENGTH or np.array_equal(y["length"], LENGTH)
    shifts = []
    for before, after, length in zip(PADDED, np.asarray(y["values"]), LENGTH, strict=True):
        assert not after[length:].any()
        if length:
            matches = [
                s
                for s in range(length)
                if np.array_equal(np.roll(before[:length], s), after[:length])
            ]
            assert matches
            s = matches[0]
            shifts.append(min(s, length - s) / length)
    assert 0 < max(shifts) <= 0.2


def test_the_noise_is_a_share_of_the_recording_and_spares_the_padding():
    batch = {"values": PADDED, "length": LENGTH}
    y = layers.AudioAugmentation(0.5, 0, 0, seed=1)(batch, training=True)
    noise = np.asarray(y["values"]) - PADDED
    present = np.arange(200) < LENGTH[:, None]
    assert not noise[~present].any()
    long = LENGTH > 50
    count = LENGTH[long]
    share = np.sqrt((noise[long] ** 2).sum(1) / count) / np.sqrt((PADDED[long] ** 2).sum(1) / count)
    assert share.max() < 0.65
    assert 0.15 < share.mean() < 0.35


def test_hidden_parts_are_runs_of_rows_and_bands_at_the_mean():
    x = RNG.normal(size=(50, 20, 10)).astype("float32")
    y = np.asarray(layers.SpecAugment(0.3, 0.2, seed=0)(x, training=True))
    widths = []
    for before, after in zip(x, y, strict=True):
        hidden = before != after
        if hidden.any():
            np.testing.assert_allclose(after[hidden], before.mean(), atol=1e-6)
        rows, bands = hidden.all(1), hidden.all(0)
        assert np.array_equal(hidden, rows[:, None] | bands[None])
        for flags, most in ((rows, 4), (bands, 3)):
            places = np.flatnonzero(flags)
            assert len(places) <= most
            assert not len(places) or np.ptp(places) == len(places) - 1
            widths.append(len(places))
    assert {0, 1, 2, 3, 4} == set(widths)
    np.testing.assert_array_equal(layers.SpecAugment()(x), x)


def test_they_train_in_a_compiled_model_and_save(tmp_path):
    inputs = {
        "values": keras.Input((None,), name="values"),
        "length": keras.Input((), name="length"),
    }
    x = layers.AudioAugmentation(seed=1)(inputs)["values"]
    x = layers.SpecAugment(seed=1)(layers.LogMelSpectrogram(8000, bands=6)(x))
    model = keras.Model(inputs, keras.layers.Dense(2)(layers.MaskedPooling("mean")(x)))
    model.compile("sgd", "mse", jit_compile=True)
    batch = {"values": PADDED, "length": LENGTH.astype("float32")}
    model.fit(batch, np.zeros((64, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(batch), model(batch), atol=1e-5)


def test_arguments_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="gain to be from 0 to 60"):
        layers.AudioAugmentation(gain=-1)
    with pytest.raises(ValueError, match="time to be from 0 to 1"):
        layers.SpecAugment(time=2)
    with pytest.raises(ValueError, match="runs to be a whole number"):
        layers.SpecAugment(runs=0)
