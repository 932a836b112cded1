"""Applies a user's network with several named inputs."""

from __future__ import annotations

from typing import Any

import keras

from tfmetric._errors import expected
from tfmetric.models.towers import networks
from tfmetric.models.towers.options import Features, Options
from tfmetric.models.towers.pooling import pool

# Usual names of inputs that mask the steps of the output.
_MASKS = ("padding_mask", "attention_mask", "mask")
# Usual names of the output with one vector for each step.
_STEPS = ("sequence_output", "last_hidden_state", "tokens")


def names(network: keras.Model) -> list[str]:
    """Returns the names of the inputs of a network."""
    given = networks.inputs_of(network)
    return list(given) if isinstance(given, dict) else [x.name for x in network.inputs]


def fresh_inputs(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """Makes new inputs like a network's, by name."""
    given = networks.inputs_of(network)
    by_name = given if isinstance(given, dict) else {x.name: x for x in network.inputs}
    return {name: keras.Input(x.shape[1:], dtype=x.dtype, name=name) for name, x in by_name.items()}


def tower(inputs: dict[str, Any], options: Options) -> Features:
    """Applies the network to named inputs and pools its output under the mask among them."""
    network = options.backbone
    if not networks.functional(network):
        raise ValueError(
            expected("a backbone whose inputs are known: a functional model", backbone=network)
        )
    missing = sorted(set(names(network)) - set(inputs))
    if missing:
        raise ValueError(
            expected(
                "a record with a field for every input of the backbone",
                missing=missing,
                fields=sorted(inputs),
            )
        )
    networks.load_weights(network, options.weights)
    chosen = {name: inputs[name] for name in names(network)}
    given = networks.inputs_of(network)
    if not isinstance(given, dict):
        chosen = keras.tree.pack_sequence_as(given, list(chosen.values()))
    output = _one(networks.call(network, chosen, options.trainable))
    mask = next((inputs[name] for name in _MASKS if name in inputs), None)
    if mask is not None and (len(output.shape) != 3 or mask.shape[1] != output.shape[1]):
        mask = None
    return Features(pool(output, options, mask))


def _one(output):
    """Returns the output to pool, of one or several outputs."""
    if isinstance(output, dict):
        for name in _STEPS:
            if name in output:
                return output[name]
    values = keras.tree.flatten(output)
    if len(values) != 1:
        raise ValueError(
            expected(
                f"a backbone with one output, or outputs by name of which one is {_STEPS[0]!r}",
                outputs=list(output) if isinstance(output, dict) else len(values),
            )
        )
    return values[0]
