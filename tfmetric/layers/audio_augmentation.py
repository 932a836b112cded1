"""Random changes of recordings and their spectra that keep the class."""

from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class AudioAugmentation(ConfigFromArguments, keras.layers.Layer):
    """Changes each recording's loudness and start and adds noise, in training only.

    Use it first in a model for sound, or in the input pipeline. The shift is circular within the
    recording, so that nothing is cut off and the length stays; padding stays zero.

    Inputs: samples ``(B, S)`` of any scale, or a dictionary of "values" ``(B, S)`` and "length"
    ``(B,)`` for recordings of free length. Output: the same, samples as float32.

    Args:
        noise: Greatest deviation of white noise, as a share of the recording's root mean square.
            Defaults to 0.1, 20 dB below the recording.
        gain: Greatest change of loudness in decibels, either way. Defaults to 6.
        shift: Greatest shift as a share of the length, either way. Defaults to 0.05.
        seed: Seed of the random numbers; None for one that follows
            ``keras.utils.set_random_seed``.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np
    >>> layer = AudioAugmentation(noise=0.0, gain=0.0, shift=0.5)
    >>> x = np.arange(8, dtype="float32")[None]
    >>> sorted(np.asarray(layer(x, training=True))[0].astype(int).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7]
    """

    def __init__(
        self,
        noise: Any = 0.1,
        gain: Any = 6.0,
        shift: Any = 0.05,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        for name, value, limit in (("noise", noise, 10), ("gain", gain, 60), ("shift", shift, 1)):
            if not 0 <= value <= limit:
                raise ValueError(expected(f"{name} to be from 0 to {limit}", **{name: value}))
        self.noise, self.gain, self.shift = float(noise), float(gain), float(shift)
        self.seed = seed
        self._seeds = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = False) -> Tensor:
        """The recordings, changed if ``training``."""
        named = isinstance(inputs, dict)
        values = ops.cast(inputs["values"] if named else inputs, "float32")
        if training:
            values = self._changed(values, inputs["length"] if named else None)
        return {**inputs, "values": values} if named else values

    def _changed(self, x, length):
        batch, samples = ops.shape(x)[:2]
        place = ops.arange(samples, dtype="int32")[None, :]
        length = ops.broadcast_to(samples, (batch,)) if length is None else length
        length = ops.maximum(ops.cast(ops.reshape(length, (-1, 1)), "int32"), 1)
        present = place < length
        draws = keras.random.uniform((3, batch, 1), -1.0, 1.0, dtype="float32", seed=self._seeds)
        offset = ops.cast(draws[0] * self.shift * ops.cast(length, "float32"), "int32")
        x = ops.take_along_axis(x, ops.where(present, ops.mod(place + offset, length), place), 1)
        x = x * ops.power(10.0, draws[1] * self.gain / 20.0)
        power = ops.sum(ops.square(x), axis=1, keepdims=True) / ops.cast(length, "float32")
        deviation = ops.abs(draws[2]) * self.noise * ops.sqrt(power)
        noise = keras.random.normal(ops.shape(x), dtype="float32", seed=self._seeds)
        return x + ops.where(present, noise * deviation, 0.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the input."""
        return input_shape

    def compute_output_spec(self, inputs: Any, training: bool | None = False) -> Any:
        """Samples of float32."""
        if not isinstance(inputs, dict):
            return keras.KerasTensor(inputs.shape, "float32")
        kept = {name: keras.KerasTensor(x.shape, x.dtype) for name, x in inputs.items()}
        return {**kept, "values": keras.KerasTensor(inputs["values"].shape, "float32")}


@keras.saving.register_keras_serializable(package="tfmetric")
class SpecAugment(ConfigFromArguments, keras.layers.Layer):
    """Hides a few bands and a stretch of time of each spectrum, in training only.

    Put it between a spectrogram and the network. Hidden parts take the mean of the spectrum, so
    they do not look like silence and hardly change the statistics.

    Inputs: spectra ``(B, T, bands)``. Output: the same, in the layer's dtype.

    Args:
        bands: Greatest width of each hidden run of bands, as a share of the bands. Defaults
            to 0.2.
        time: Greatest length of each hidden stretch, as a share of T. Defaults to 0.2.
        runs: Number of hidden parts of each kind. Defaults to 1.
        seed: Seed of the random numbers; None for one that follows
            ``keras.utils.set_random_seed``.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np
    >>> spectra = np.random.default_rng(0).normal(size=(2, 10, 8)).astype("float32")
    >>> bool(np.allclose(SpecAugment()(spectra, training=False), spectra))
    True

    References:
        Park et al.: SpecAugment: A Simple Data Augmentation Method for Automatic Speech
        Recognition (2019), sec. 2, without the time warping.
    """

    def __init__(
        self,
        bands: Any = 0.2,
        time: Any = 0.2,
        runs: Any = 1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value in (("bands", bands), ("time", time)):
            if not 0 <= value <= 1:
                raise ValueError(expected(f"{name} to be from 0 to 1", **{name: value}))
        if isinstance(runs, bool) or int(runs) != runs or runs < 1:
            raise ValueError(expected("runs to be a whole number of at least 1", runs=runs))
        self.bands, self.time, self.runs = float(bands), float(time), int(runs)
        self.supports_masking = True
        self.seed = seed
        self._seeds = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = False) -> Tensor:
        """The spectra, with parts hidden if ``training``."""
        if not training:
            return inputs
        batch, rows, bands = ops.shape(inputs)[0], ops.shape(inputs)[1], inputs.shape[2]
        hidden = ops.zeros((batch, rows, bands), "bool")
        for _ in range(self.runs):
            hidden = ops.logical_or(hidden, self._run(batch, rows, self.time)[:, :, None])
            hidden = ops.logical_or(hidden, self._run(batch, bands, self.bands)[:, None, :])
        mean = ops.mean(inputs, axis=(1, 2), keepdims=True)
        return ops.where(hidden, mean, inputs)

    def _run(self, batch, count, share):
        """Returns (B, count): true on one stretch of random width at a random place."""
        size = ops.cast(count, "float32")
        draws = keras.random.uniform((2, batch, 1), dtype="float32", seed=self._seeds)
        width = ops.floor(draws[0] * (share * size + 1.0))
        width = ops.minimum(width, ops.floor(share * size))
        start = ops.floor(draws[1] * (size - width + 1.0))
        place = ops.cast(ops.arange(count), "float32")[None, :]
        return ops.logical_and(place >= start, place < start + width)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape is kept."""
        return input_shape
