import keras
import numpy as np
import pytest

from tfmetric import layers
from tfmetric.layers.log_mel import mel_matrix

RNG = np.random.default_rng(0)


def oracle(layer, x):
    """Rows of one recording, by the definition, in float64."""
    window, step, points = layer.window_samples, layer.step_samples, layer._points
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    left = (points - window) // 2
    rows = []
    for start in range(0, len(x), step):
        places = start - points // 2 + left + np.arange(window)
        inside = (places >= 0) & (places < len(x))
        frame = np.where(inside, x[np.clip(places, 0, len(x) - 1)], 0.0) * hann
        spectrum = np.fft.rfft(np.pad(frame, (left, points - window - left)))
        power = np.abs(spectrum) ** 2 / (hann**2).sum()
        rows.append(np.log(power @ layer._mel.astype("float64") + layer.floor))
    return np.array(rows)


@pytest.mark.parametrize(
    ("samples", "arguments"),
    [
        (1000, {}),
        (1001, {"bands": 13, "window": 0.032, "step": 0.008}),
        (3, {}),
        (400, {"highest": 3000}),
    ],
)
def test_rows_are_those_of_the_definition(samples, arguments):
    layer = layers.LogMelSpectrogram(8000, **arguments)
    x = RNG.uniform(-1, 1, (2, samples)).astype("float32")
    found = np.asarray(layer(x))
    assert found.shape == layer.compute_output_shape(x.shape)
    want = np.array([oracle(layer, row.astype("float64")) for row in x])
    np.testing.assert_allclose(found, want, atol=2e-4)


def test_padding_and_company_change_no_row():
    layer = layers.LogMelSpectrogram(8000)
    quiet, loud = 1e-4 * RNG.normal(size=900), RNG.normal(size=2000)
    batch = np.zeros((2, 2000), "float32")
    batch[0, :900], batch[1] = quiet, loud
    together = np.asarray(layer(batch))
    alone = np.asarray(layer(quiet[None].astype("float32")))
    np.testing.assert_allclose(together[0, : alone.shape[1]], alone[0], atol=1e-5)


def test_silence_is_finite_and_integers_are_shares_of_full_scale():
    layer = layers.LogMelSpectrogram(8000)
    np.testing.assert_allclose(layer(np.zeros((1, 500), "float32")), np.log(1e-8), rtol=1e-6)
    x = RNG.integers(-32768, 32768, (1, 800)).astype("int16")
    np.testing.assert_allclose(layer(x), layer((x / 32768).astype("float32")), atol=1e-5)


def test_the_bands_are_triangles_that_add_up_to_one_between_the_first_and_the_last_peak():
    matrix = mel_matrix(512, 8000, 10, 60, 4000)
    assert matrix.shape == (257, 10)
    hertz = np.arange(257) * 8000 / 512
    edges = np.linspace(*(2595 * np.log10(1 + np.array([60, 4000]) / 700)), 12)
    peaks = 700 * (10 ** (edges / 2595) - 1)
    between = (hertz >= peaks[1]) & (hertz <= peaks[-2])
    np.testing.assert_allclose(matrix[between].sum(1), 1.0, atol=1e-5)
    assert not matrix[hertz < 60].any()


def test_in_a_model_under_mixed_precision_saved_and_exported(tmp_path):
    import tensorflow as tf

    inputs = keras.Input((None,))
    layer = layers.LogMelSpectrogram(8000, bands=8, dtype="mixed_float16")
    model = keras.Model(inputs, layer(inputs))
    x = RNG.uniform(-1, 1, (2, 700)).astype("float32")
    want = np.asarray(layers.LogMelSpectrogram(8000, bands=8)(x))
    assert model.output.dtype == "float32"
    np.testing.assert_allclose(model.predict(x, verbose=0), want, atol=1e-4)
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "model.keras")(x), want, atol=1e-4
    )
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve(x), want, atol=1e-4)


def test_arguments_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="lowest < highest"):
        layers.LogMelSpectrogram(8000, highest=5000)
    with pytest.raises(ValueError, match="bands to be a whole number"):
        layers.LogMelSpectrogram(8000, bands=0)
    with pytest.raises(ValueError, match="step to be above 0"):
        layers.LogMelSpectrogram(8000, step=0)
