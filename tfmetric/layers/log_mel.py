"""Log-mel spectra of recordings."""

from numbers import Integral, Real
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class LogMelSpectrogram(ConfigFromArguments, keras.layers.Layer):
    """Computes the logarithm of a recording's energy in mel bands, one row for each time step.

    Put it first in a model for sound. Padding does not change a recording's rows: row t reads the
    samples around t · step, with zeros beyond both ends, and no row depends on another recording.
    (``keras.layers.MelSpectrogram`` mirrors the end of the padded signal and, in decibels, clips at
    80 dB below the loudest value of the batch.)

    Integers of 16 bits are divided by 32,768. Row t of band b is ln(floor + Σ_f M(f, b)·P(t, f)),
    where P is the power under a Hann window, divided by the window's energy, and M is triangles of
    height 1 on the mel scale 2595·log₁₀(1 + f / 700 Hz).

    Inputs: samples ``(B, S)``, floats from −1 to 1 or int16. Output: ``(B, ⌈S / step⌉, bands)``,
    float32 under a mixed-precision policy too.

    Args:
        sampling_rate: Samples per second.
        bands: Number of mel bands. Defaults to 40.
        window: Seconds covered by a row. Defaults to 0.025.
        step: Seconds from row to row. Defaults to 0.01.
        lowest: Start of the first band, in hertz. Defaults to 60.
        highest: End of the last band, in hertz; None for half the sampling rate.
        floor: Power that counts as silence, above 0. Defaults to 1e-8, 80 dB below full scale.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(800) / 8000)[None].astype("float32")
    >>> rows = np.asarray(LogMelSpectrogram(8000, bands=20)(tone))
    >>> rows.shape, int(rows[0, 5].argmax())
    ((1, 10, 20), 8)

    References:
        Davis, Mermelstein: Comparison of parametric representations for monosyllabic word
        recognition (1980); the mel scale of the Hidden Markov Model Toolkit.
    """

    def __init__(
        self,
        sampling_rate: int,
        bands: int = 40,
        window: float = 0.025,
        step: float = 0.01,
        lowest: float = 60.0,
        highest: float | None = None,
        floor: float = 1e-8,
        **kwargs: Any,
    ):
        # autocast would round samples to 16 bits.
        super().__init__(autocast=False, **kwargs)
        for name, value in (("sampling_rate", sampling_rate), ("bands", bands)):
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise ValueError(
                    expected(f"{name} to be a whole number of at least 1", **{name: value})
                )
        for name, length in (("window", window), ("step", step), ("floor", floor)):
            if not isinstance(length, Real) or not 0 < length < 1e9:
                raise ValueError(expected(f"{name} to be above 0", **{name: length}))
        top = sampling_rate / 2 if highest is None else highest
        if not 0 <= lowest < top <= sampling_rate / 2:
            raise ValueError(
                expected(
                    "0 <= lowest < highest <= half the sampling rate",
                    lowest=lowest,
                    highest=highest,
                    sampling_rate=sampling_rate,
                )
            )
        self.sampling_rate, self.bands = int(sampling_rate), int(bands)
        self.window, self.step, self.floor = float(window), float(step), float(floor)
        self.lowest, self.highest = float(lowest), None if highest is None else float(highest)
        self.window_samples = max(2, round(self.window * self.sampling_rate))
        self.step_samples = max(1, round(self.step * self.sampling_rate))
        self._points = 1 << (self.window_samples - 1).bit_length()
        self._mel = mel_matrix(self._points, self.sampling_rate, self.bands, self.lowest, top)
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def call(self, inputs: Any) -> Tensor:
        """The logarithms of the energies."""
        scale = 1 / 32768 if keras.backend.standardize_dtype(inputs.dtype) == "int16" else 1.0
        x = ops.cast(inputs, "float32") * scale
        rows = (ops.shape(x)[1] + self.step_samples - 1) // self.step_samples
        ends = (self._points // 2, self._points - self._points // 2 + self.step_samples)
        real, imaginary = ops.stft(
            ops.pad(x, ((0, 0), ends)),
            self.window_samples,
            self.step_samples,
            self._points,
            window="hann",
            center=False,
        )
        # A periodic Hann window has the energy 3/8 of its length.
        power = (ops.square(real) + ops.square(imaginary)) / (0.375 * self.window_samples)
        return ops.log(ops.matmul(power[:, :rows], self._mel) + self.floor)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """``(B, ⌈S / step⌉, bands)``."""
        batch, samples = input_shape
        rows = None if samples is None else -(-samples // self.step_samples)
        return (batch, rows, self.bands)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Float32 under a mixed-precision policy too."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), "float32")


def mel_matrix(points, sampling_rate, bands, lowest, highest) -> np.ndarray:
    """Returns ``(points // 2 + 1, bands)``: the weight of each frequency in each band."""

    def mel(hertz):
        return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)

    edges = np.linspace(mel(lowest), mel(highest), bands + 2)
    at = mel(np.arange(points // 2 + 1) * sampling_rate / points)[:, None]
    rising = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling)).astype("float32")
