"""What a tower is asked for, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras

from tfmetric._errors import expected


@dataclass(frozen=True)
class Options:
    """The arguments of :func:`tfmetric.models.embedder` that towers look at.

    Attributes:
        embedding_dim: Length of an embedding.
        backbone: None, a name, a ``keras.Model``, or of a record a mapping from fields to such.
        weights: None, "imagenet" or a path.
        trainable: Whether the backbone is trained.
        pooling: A name, or "auto".
        filters: Channels of the first block of small convolutional networks.
        preprocessing: Layers that raw examples go through first.
        prefix: What the names of layers begin with: the field of a record.
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
        """The name of a layer, unlike that of another field's."""
        return self.prefix + word

    def replace(self, **changes) -> Options:
        """The options with some replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Features:
    """What a tower makes of a batch.

    Attributes:
        values: ``(B, D)``.
        finished: Whether they are embeddings as they are, with no dense layer to follow.
    """

    values: keras.KerasTensor
    finished: bool = False


def chosen(table: dict, backbone: Any, kind: str) -> Any:
    """The entry of a table of backbones by name.

    Raises:
        ValueError: If there is no such name.
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
    """Raw examples after the layers of ``preprocessing``."""
    for layer in options.preprocessing:
        x = layer(x)
    return x
