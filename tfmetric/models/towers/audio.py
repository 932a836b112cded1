"""The audio tower: log-mel spectra, convolutions over time, mean and deviation."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfmetric.elements import Element
from tfmetric.layers import LogMelSpectrogram, SpecAugment, StepMask, ZeroPadding
from tfmetric.models.towers import over_steps
from tfmetric.models.towers.image import own
from tfmetric.models.towers.networks import call
from tfmetric.models.towers.options import Features, Options, chosen, preprocessed
from tfmetric.models.towers.pooling import pool


def tower(inputs: dict[str, Any], element: Element, options: Options) -> Features:
    """Maps samples ``(B, S)``, with lengths ``(B,)`` if free, to features."""
    x = inputs["values"]
    if element.dtype == "int16":
        x = layers.Rescaling(1 / 32768, name=options.name("full_scale"))(x)
    x, length = preprocessed(x, options), inputs.get("length")
    if isinstance(options.backbone, keras.Model) and len(options.backbone.inputs[0].shape) == 2:
        # A network that takes samples.
        network, x = own(options.backbone, x, options)
        return Features(pool(call(network, x, options.trainable), options))
    if length is not None:
        x = ZeroPadding()((x, StepMask()((x, length))))
    spectrum = LogMelSpectrogram(element.options["sampling_rate"], name=options.name("log_mel"))
    rows = spectrum(x)
    mask = None
    if length is not None:
        mask = StepMask(spectrum.step_samples, name=options.name("row_mask"))((rows, length))
    rows = over_steps.normalized(rows, mask)
    rows = SpecAugment(name=options.name("spec_augment"))(rows)
    if isinstance(options.backbone, keras.Model):
        network, rows = own(options.backbone, over_steps.zeroed(rows, mask), options)
        steps = call(network, rows, options.trainable)
    else:
        steps = chosen(_BACKBONES, options.backbone or "cnn", "audio")(rows, mask)
    if steps.shape[1] != rows.shape[1]:
        mask = None  # A network of the user's own that changes the number of steps.
    return Features(pool(steps, options, mask, usual="statistics"))


_BACKBONES = {
    "cnn": lambda x, mask: over_steps.convolutions(x, mask, (128, 128, 128)),
    "gru": lambda x, mask: over_steps.recurrent(layers.GRU, x, mask, 96),
}
