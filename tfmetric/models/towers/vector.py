"""The vector tower: a perceptron on columns of any scale, or ids that are looked up."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tfmetric.elements import Element
from tfmetric.layers import HashedIds
from tfmetric.models.towers import networks
from tfmetric.models.towers.image import own
from tfmetric.models.towers.mlp import mlp
from tfmetric.models.towers.options import Features, Options, chosen, preprocessed

# Rows of the table that ids are hashed into.
_ROWS = 1 << 16


def tower(inputs: dict[str, Any], element: Element, options: Options) -> Features:
    """Maps vectors ``(B, D)`` to features."""
    x = preprocessed(inputs["values"], options)
    if isinstance(options.backbone, keras.Model):
        network, x = own(options.backbone, x, options)
        return Features(networks.call(network, x, options.trainable))
    usual = "ids" if "categories" in element.options else "mlp"
    make = chosen(_BACKBONES, options.backbone or usual, "vector")
    return Features(make(x, element, options))


def _perceptron(x, element, options):
    network = mlp(tuple(x.shape[1:]), name=options.name("mlp"))
    networks.load_weights(network, options.weights)
    return networks.call(network, x, options.trainable)


def _linear(x, element, options):
    return x


def _ids(x, element, options):
    count = element.options.get("categories")
    numbers, rows = (HashedIds(_ROWS)(x), _ROWS) if count is None else _known(x, count)
    width = max(8, options.embedding_dim // element.shape[0])
    return layers.Flatten()(layers.Embedding(rows, width, name=options.name("ids"))(numbers))


def _known(x, count):
    """Returns the numbers of known categories; others share one further row."""
    return ops.where((x >= 0) & (x < count), x, count), count + 1


_BACKBONES = {"mlp": _perceptron, "linear": _linear, "ids": _ids}
