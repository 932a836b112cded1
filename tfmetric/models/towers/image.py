"""The image tower: a small network, a published network, or a network of the user's own."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tfmetric._errors import expected
from tfmetric.elements import Element
from tfmetric.models.towers import applications, networks
from tfmetric.models.towers.options import Features, Options, preprocessed
from tfmetric.models.towers.pooling import pool
from tfmetric.models.towers.small_cnn import small_cnn


def tower(inputs: dict[str, Any], element: Element, options: Options) -> Features:
    """Maps stored images ``(B, H, W, C)`` to features."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            expected(
                "the image data format 'channels_last' (keras.config.set_image_data_format)",
                image_data_format=keras.config.image_data_format(),
            )
        )
    x = preprocessed(inputs["values"], options)
    network, x = backbone(x, element, options)
    return Features(pool(networks.call(network, x, options.trainable), options))


def backbone(x: Any, element: Element, options: Options) -> tuple[keras.Model, Any]:
    """Returns the network, and the images preprocessed for it."""
    if isinstance(options.backbone, keras.Model):
        return own(options.backbone, x, options)
    if not isinstance(options.backbone, str | None):
        raise ValueError(
            expected("backbone to be None, a name or a keras.Model", backbone=options.backbone)
        )
    if len(x.shape) != 4:
        raise ValueError(
            expected(
                "a keras.Model as the backbone of volumes (depth, height, width, channels)",
                backbone=options.backbone,
                element_shape=element.shape,
            )
        )
    lowest, highest = element.options.get("range", (0, 255))
    if options.backbone in (None, "small_cnn"):
        network = small_cnn(tuple(x.shape[1:]), options.filters, options.name("small_cnn"))
        networks.load_weights(network, options.weights)
        scale = 1 / (highest - lowest)
        return network, layers.Rescaling(scale, -lowest * scale, name=options.name("rescaling"))(x)
    network = _application(options.backbone, x, options.weights)
    if x.shape[-1] not in (1, 3):
        raise ValueError(
            expected(f"images of 1 or 3 channels for {options.backbone}", channels=x.shape[-1])
        )
    if (lowest, highest) != (0, 255):
        scale = 255 / (highest - lowest)
        x = layers.Rescaling(scale, -lowest * scale, name=options.name("to_255"))(x)
    return network, applications.preprocess(options.backbone, three_channels(x, options))


def own(network: keras.Model, x: Any, options: Options) -> tuple[keras.Model, Any]:
    """Checks a user's network and returns it with the examples.

    Grey images are repeated for a network that takes three channels.
    """
    if not networks.functional(network) or len(network.inputs) != 1 or len(network.outputs) != 1:
        raise ValueError(
            expected(
                "a backbone with one input and one output whose shapes are known: a "
                "functional model, or a Sequential that begins with keras.Input",
                backbone=network,
            )
        )
    given = tuple(x.shape[1:])
    wanted = tuple(network.inputs[0].shape)
    x = three_channels(x, options) if len(x.shape) == 4 and wanted[-1] == 3 else x
    if len(wanted) != len(x.shape) or wanted[-1] != x.shape[-1]:
        raise ValueError(
            expected(f"a backbone for inputs of shape {given}", backbone_input_shape=wanted)
        )
    networks.load_weights(network, options.weights)
    return network, x


def three_channels(x: Any, options: Options) -> Any:
    """Repeats grey images as RGB; returns others unchanged."""
    return layers.Concatenate(name=options.name("to_rgb"))([x, x, x]) if x.shape[-1] == 1 else x


def _application(name, x, weights):
    published = weights == "imagenet"
    network = applications.build(
        name, (*x.shape[1:3], 3), weights="imagenet" if published else None
    )
    if not published:
        networks.load_weights(network, weights)
    return network
