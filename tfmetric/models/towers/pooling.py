"""Pools the output of any backbone to one vector for each example."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
from keras import layers

from tfmetric._errors import expected
from tfmetric.layers import AttentionPooling, GeMPooling2D, MaskedPooling
from tfmetric.models.towers.options import Options

# "auto" flattens a map of at most this many positions, because position matters in small images. It
# averages larger maps, or the dense layer would outgrow the backbone.
_FLATTEN_UP_TO = 64

_MAPS: dict[str, Callable] = {
    "flatten": layers.Flatten,
    "average": layers.GlobalAveragePooling2D,
    "max": layers.GlobalMaxPooling2D,
    "gem": GeMPooling2D,
}
_VOLUMES: dict[str, Callable] = {
    "flatten": layers.Flatten,
    "average": layers.GlobalAveragePooling3D,
    "max": layers.GlobalMaxPooling3D,
}
_STEPS: dict[str, Callable] = {
    "mean": lambda **kw: MaskedPooling("mean", **kw),
    "max": lambda **kw: MaskedPooling("max", **kw),
    "cls": lambda **kw: MaskedPooling("cls", **kw),
    "statistics": lambda **kw: MaskedPooling("statistics", **kw),
    "attention": AttentionPooling,
}
NAMES = ("auto", *dict.fromkeys([*_MAPS, *_STEPS]))


def check(pooling: str) -> None:
    """Raises ValueError for an unknown pooling."""
    if pooling not in NAMES:
        raise ValueError(expected(f"pooling to be one of {', '.join(NAMES)}", pooling=pooling))


def pool(
    x: keras.KerasTensor, options: Options, mask=None, usual: str = "mean"
) -> keras.KerasTensor:
    """Returns one vector for each example.

    Args:
        x: ``(B, D)``, returned unchanged; ``(B, T, D)``, pooled over steps; ``(B, H, W, C)`` or
            ``(B, D, H, W, C)``, pooled over positions.
        options: Options whose ``pooling`` is a name or "auto".
        mask: ``(B, T)``, True where a step counts, or None.
        usual: The pooling that "auto" selects for steps.

    Raises:
        ValueError: If the pooling does not fit the output of the backbone.
    """
    rank = len(x.shape)
    if rank == 2:
        return x
    if rank == 3:
        chosen = usual if options.pooling == "auto" else options.pooling
        return _of(_STEPS, chosen, "one vector for each step")(name=options.name("pool"))(
            x, mask=mask
        )
    if rank not in (4, 5):
        raise ValueError(
            expected("a backbone whose output is (batch, h, w, c) or (batch, d)", shape=x.shape)
        )
    make = _for_map(x, options.pooling, _MAPS if rank == 4 else _VOLUMES)
    return make(name=options.name("pool"))(x)


def _for_map(x, pooling, table):
    sides = x.shape[1:-1]
    positions = None if None in sides else math.prod(sides)
    if pooling == "auto":
        small = positions is not None and positions <= _FLATTEN_UP_TO
        pooling = "flatten" if small else "average"
    if pooling == "flatten" and positions is None:
        raise ValueError(
            expected(
                "a fixed image size for pooling='flatten'; give pooling='average' for images of "
                "any size",
                feature_map=x.shape,
            )
        )
    return _of(table, pooling, "a map of positions")


def _of(table, pooling, what):
    if pooling not in table:
        names = ", ".join(("auto", *table))
        raise ValueError(
            expected(
                f"pooling to be one of {names} for a backbone whose output is {what}",
                pooling=pooling,
            )
        )
    return table[pooling]
