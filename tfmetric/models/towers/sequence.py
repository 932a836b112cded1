"""The sequence tower: a network over time, then pooling of the valid steps."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfmetric.elements import Element
from tfmetric.layers import StepMask
from tfmetric.models.towers import over_steps
from tfmetric.models.towers.image import own
from tfmetric.models.towers.networks import call
from tfmetric.models.towers.options import Features, Options, chosen, preprocessed
from tfmetric.models.towers.pooling import pool


def tower(inputs: dict[str, Any], element: Element, options: Options) -> Features:
    """Maps steps ``(B, T, D)``, with lengths ``(B,)`` if free, to features."""
    x, length = preprocessed(inputs["values"], options), inputs.get("length")
    mask = None if length is None else StepMask(name=options.name("step_mask"))((x, length))
    if isinstance(options.backbone, keras.Model):
        network, x = own(options.backbone, x, options)
        steps = call(network, x, options.trainable)
        return Features(pool(steps, options, mask))
    x = over_steps.normalized(x, mask)
    steps = chosen(_BACKBONES, options.backbone or "cnn", "sequence")(x, mask)
    return Features(pool(steps, options, mask, usual="statistics"))


_BACKBONES = {
    "cnn": lambda x, mask: over_steps.convolutions(x, mask, (64, 128, 128), 3),
    "gru": lambda x, mask: over_steps.recurrent(layers.GRU, x, mask, 64),
    "lstm": lambda x, mask: over_steps.recurrent(layers.LSTM, x, mask, 64),
    "transformer": lambda x, mask: over_steps.transformer(layers.Dense(128)(x), mask),
}
