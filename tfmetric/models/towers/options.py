"""The options and the result of a tower."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras

from tfmetric._errors import expected


@dataclass(frozen=True)
class Options:
    """The arguments of :func:`tfmetric.models.embedder` that towers use.

    Attributes:
        embedding_dim: Length of an embedding.
        backbone: None, a name, a ``keras.Model``, or, for a record, a mapping from fields to these.
        weights: None, "imagenet" or a path.
        trainable: Whether the backbone is trained.
        pooling: A name, or "auto".
        filters: Channels of the first block of small convolutional networks.
        preprocessing: Layers applied first to raw examples.
        prefix: Prefix of layer names: the field of a record.
    """

    embedding_dim: int = 64
    backbone: Any = None
    weights: Any = None
    trainable: bool = True
    pooling: str = "auto"
    filters: int = 24
    preprocessing: tuple = ()
    prefix: str = ""

    def name(self, word: str) -> str:
        """Returns the name of a layer, unique among the fields."""
        return self.prefix + word

    def replace(self, **changes) -> Options:
        """Returns the options with some replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Features:
    """The features that a tower computes for a batch.

    Attributes:
        values: ``(B, D)``.
        finished: Whether the values are embeddings that need no further dense layer.
    """

    values: keras.KerasTensor
    finished: bool = False


def chosen(table: dict, backbone: Any, kind: str) -> Any:
    """Returns the entry of a table of backbones by name.

    Raises:
        ValueError: If the name is unknown.
    """
    if isinstance(backbone, str) and backbone in table:
        return table[backbone]
    names = ", ".join(map(repr, table))
    raise ValueError(
        expected(
            f"backbone to be None, one of {names} or a keras.Model for a {kind} tower",
            backbone=backbone,
        )
    )


def preprocessed(x: keras.KerasTensor, options: Options) -> keras.KerasTensor:
    """Applies the layers of ``preprocessing`` to raw examples."""
    for layer in options.preprocessing:
        x = layer(x)
    return x
