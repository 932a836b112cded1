"""The record tower: a tower for each field, with concatenated features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import layers

from tfmetric._errors import expected
from tfmetric.elements import Element
from tfmetric.layers import L2Normalization
from tfmetric.models.towers.options import Features, Options
from tfmetric.models.towers.single import SINGLE


def tower(inputs: dict[str, Any], element: Element, options: Options) -> Features:
    """Maps one array for each field to features.

    Each field passes the tower of its kind, a dense layer of ``embedding_dim`` and a normalisation,
    so that no field dominates by its scale.
    """
    if options.weights is not None or options.preprocessing:
        raise ValueError(
            expected(
                "weights and preprocessing of one field's own backbone, not of a record",
                weights=options.weights,
                preprocessing=options.preprocessing,
            )
        )
    backbones = _by_field(options.backbone, element)
    parts = []
    for name, field in (element.fields or {}).items():
        of_field = {"values": inputs[name]}
        if field.free_length:
            of_field["length"] = inputs[f"{name}_length"]
        chosen = options.replace(backbone=backbones.get(name), prefix=f"{name}_")
        features = SINGLE[field.kind](of_field, field, chosen)
        x = features.values
        if not features.finished:
            x = layers.Dense(options.embedding_dim, name=chosen.name("projection"))(x)
        parts.append(L2Normalization(name=chosen.name("normalize"))(x))
    return Features(layers.Concatenate(name="fields")(parts) if len(parts) > 1 else parts[0])


def _by_field(backbone, element) -> Mapping[str, Any]:
    if backbone is None:
        return {}
    if not isinstance(backbone, Mapping) or set(backbone) - set(element.fields):
        raise ValueError(
            expected(
                "backbone of a record as a mapping from fields to the backbone of each, or a "
                f"keras.Model that takes the fields; the fields are {', '.join(element.fields)}",
                backbone=backbone,
            )
        )
    return backbone
