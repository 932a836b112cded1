"""The video tower: an image tower for each frame, then pooling over time."""

from __future__ import annotations

from typing import Any

import keras

from tfmetric.elements import Element
from tfmetric.layers import PerStep, StepMask
from tfmetric.models.towers import image
from tfmetric.models.towers.options import Features, Options
from tfmetric.models.towers.pooling import pool


def tower(inputs: dict[str, Any], element: Element, options: Options) -> Features:
    """Maps frames ``(B, T, H, W, C)``, with lengths ``(B,)`` if free, to features."""
    x, length = inputs["values"], inputs.get("length")
    mask = None if length is None else StepMask(name=options.name("frame_mask"))((x, length))
    # ``pooling`` applies to the frames; the map of one frame is pooled by default.
    frame = keras.Input(element.shape[1:], name=options.name("frame"))
    still = Element("image", element.shape[1:], element.dtype, options=element.options)
    features = image.tower({"values": frame}, still, options.replace(pooling="auto"))
    network = keras.Model(frame, features.values, name=options.name("frame_tower"))
    steps = PerStep(network, name=options.name("per_frame"))(x, step_mask=mask)
    return Features(pool(steps, options, mask))
