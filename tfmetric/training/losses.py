"""Losses by name: those that train an embedder on class ids."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping

from tfmetric import losses
from tfmetric._errors import expected
from tfmetric.losses import EmbeddingLoss, PairLoss, ProxyLoss

_BASES = (EmbeddingLoss, PairLoss, ProxyLoss)
# What Keras or several devices need to know, and no training changes.
_NOT_SETTINGS = ("name", "dtype", "gather", "match")


def loss_names() -> tuple[str, ...]:
    """The losses that :class:`Settings` takes: class names of ``tfmetric.losses``.

    >>> loss_names()[:3]
    ('AngularLoss', 'ArcFaceLoss', 'CircleLoss')
    """
    return tuple(
        sorted(
            name
            for name in losses.__all__
            if isinstance(cls := getattr(losses, name), type)
            and issubclass(cls, EmbeddingLoss)
            and cls not in _BASES
        )
    )


def loss_arguments(name: str) -> dict:
    """The arguments of a loss that a training may set, with their defaults.

    Raises:
        ValueError: If there is no such loss.

    >>> loss_arguments("NTXentLoss")["temperature"]
    0.1
    """
    if name not in loss_names():
        near = difflib.get_close_matches(str(name), loss_names(), 3, 0.5)
        hint = f", such as {' or '.join(near)}" if near else ""
        raise ValueError(
            expected(
                f"loss as a class name of tfmetric.losses that trains an embedder{hint}; "
                "training.loss_names() lists them",
                loss=name,
            )
        )
    parameters = inspect.signature(getattr(losses, name)).parameters
    return {key: p.default for key, p in parameters.items() if key not in _NOT_SETTINGS}


def make_loss(name: str, arguments: Mapping | None = None) -> EmbeddingLoss:
    """A loss by its name.

    Args:
        name: One of :func:`loss_names`.
        arguments: Arguments of the loss by name; its defaults otherwise.

    Raises:
        ValueError: If there is no such loss, or an argument is unknown or out of its range.

    >>> make_loss("TripletLoss", {"margin": 0.3}).margin
    0.3
    """
    known, arguments = loss_arguments(name), dict(arguments or {})
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ValueError(
            expected(f"arguments of {name}, which are {', '.join(known)}", unknown=unknown)
        )
    return getattr(losses, name)(**arguments)


def takes_proxies(name: str) -> bool:
    """Whether the loss compares embeddings with class proxies."""
    return issubclass(getattr(losses, name), ProxyLoss)
