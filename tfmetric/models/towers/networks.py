"""Checks, loads, freezes and calls the user's networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras

from tfmetric._errors import expected
from tfmetric.layers import InferenceMode


def call(network: keras.Model, inputs: Any, trainable: bool) -> Any:
    """Applies a network, frozen if requested.

    A frozen network is wrapped in :class:`tfmetric.layers.InferenceMode`, so that its batch
    normalisation and dropout stay in inference mode when it is unfrozen later.
    """
    given = inputs_of(network)
    if isinstance(given, dict) and not isinstance(inputs, dict):
        inputs = dict.fromkeys(given, inputs)  # One input that has a name.
    if trainable:  # Do not set True, which would unfreeze parts that the user froze.
        return network(inputs)
    network.trainable = False
    return InferenceMode(network, name=f"frozen_{network.name}")(inputs)


def functional(network: Any) -> bool:
    """Returns whether this is a built model with known inputs and outputs."""
    return isinstance(network, keras.Model) and bool(getattr(network, "inputs", None))


def inputs_of(network: keras.Model) -> Any:
    """Returns the inputs in the network's structure: one, a list, or a dictionary by name."""
    return network.inputs[0] if isinstance(network, keras.Sequential) else network.input


def load_weights(network: keras.Model, weights: Any) -> None:
    """Loads a weights file into a network; does nothing for None.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If ``weights`` is not a path, or the file does not fit.
    """
    if weights is None:
        return
    if weights == "imagenet":
        raise ValueError(
            expected(
                "weights to be None or a path; only the networks of keras.applications have "
                "published weights",
                weights=weights,
            )
        )
    if not isinstance(weights, (str, os.PathLike)):
        raise ValueError(
            expected("weights to be None, 'imagenet' or the path of a file", weights=weights)
        )
    if not Path(weights).is_file():
        raise FileNotFoundError(
            expected(
                "weights to be None, 'imagenet' or the path of a weights file that exists",
                weights=str(weights),
            )
        )
    try:
        network.load_weights(weights)
    except Exception as error:  # h5py, zipfile and Keras each raise different errors.
        raise ValueError(
            expected(
                f"a weights file that fits the backbone {network.name!r}", weights=str(weights)
            )
        ) from error
