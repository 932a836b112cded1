"""Inputs like those of an embedder, for a model that applies it several times."""

from collections.abc import Sequence
from typing import Any

import keras

from tfmetric.models.towers import networks


def inputs_like(embedder: keras.Model, names: Sequence[str]) -> tuple[Any, ...]:
    """As many inputs as names, each as the embedder takes them.

    Args:
        embedder: A model with one input or a dictionary of them.
        names: A name for each; those of a dictionary begin with it.
    """
    like = networks.inputs_of(embedder)
    if not isinstance(like, dict):
        return tuple(
            keras.tree.map_structure(
                lambda x, name=name: keras.Input(x.shape[1:], dtype=x.dtype, name=name), like
            )
            for name in names
        )
    return tuple(
        {
            key: keras.Input(x.shape[1:], dtype=x.dtype, name=f"{name}_{key}")
            for key, x in like.items()
        }
        for name in names
    )
