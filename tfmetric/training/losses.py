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
# Where a training has another default than the class. The hardest negatives throw all embeddings
# onto one point in the first steps where there are few classes, or many and a high rate.
_DEFAULTS = {"TripletLoss": {"mining": "semi-hard"}}
# The losses of users, by name.
_registered: dict[str, type[EmbeddingLoss]] = {}


def register_loss(cls: type[EmbeddingLoss]) -> type[EmbeddingLoss]:
    """Registers a loss of yours, so that settings, runs, searches and commands take its name.

    Plain ``compile(loss=MyLoss())`` needs no registration. Use it as a decorator, below
    ``keras.saving.register_keras_serializable``, where your program starts.

    Args:
        cls: A subclass of :class:`tfmetric.losses.EmbeddingLoss`, such as a
            :class:`tfmetric.losses.PairLoss`. The arguments of its constructor are its settings.

    Returns:
        The class as it is.

    Raises:
        ValueError: If another loss has the name.
        TypeError: If the class is no loss on labels and embeddings.

    >>> import tfmetric as tm
    >>> class Mine(tm.losses.TripletLoss):
    ...     pass
    >>> _ = register_loss(Mine)
    >>> tm.training.Settings("Mine").resolved().loss
    'Mine'
    >>> unregister_loss("Mine")
    """
    if not (isinstance(cls, type) and issubclass(cls, EmbeddingLoss)):
        raise TypeError(expected("a subclass of tfmetric.losses.EmbeddingLoss", cls=cls))
    if cls.__name__ in loss_names():
        raise ValueError(expected("a class with a name of its own", name=cls.__name__))
    _registered[cls.__name__] = cls
    return cls


def unregister_loss(name: str) -> None:
    """Takes a loss out of the table that :func:`register_loss` has added, for tests.

    Args:
        name: Name of its class.
    """
    if name not in _registered:
        raise ValueError(expected("the name of a registered loss", name=name))
    del _registered[name]


def loss_class(name: str) -> type[EmbeddingLoss]:
    """The class of a loss by its name; ours, or one that is registered."""
    return _registered.get(name) or getattr(losses, name)


def loss_names() -> tuple[str, ...]:
    """The losses that :class:`Settings` takes: those of ``tfmetric.losses``, and registered ones.

    >>> loss_names()[:3]
    ('AngularLoss', 'ArcFaceLoss', 'CircleLoss')
    """
    ours = (
        name
        for name in losses.__all__
        if isinstance(cls := getattr(losses, name), type)
        and issubclass(cls, EmbeddingLoss)
        and cls not in _BASES
    )
    return tuple(sorted((*ours, *_registered)))


def loss_arguments(name: str) -> dict:
    """The arguments of a loss that a training may set, with their defaults.

    They are those of the class, but for the mining of ``TripletLoss``: a training takes semi-hard
    triplets, which do not collapse.

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
    parameters = inspect.signature(loss_class(name)).parameters
    arguments = {key: p.default for key, p in parameters.items() if key not in _NOT_SETTINGS}
    return arguments | _DEFAULTS.get(name, {})


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
    return loss_class(name)(**{**_DEFAULTS.get(name, {}), **arguments})


def takes_proxies(name: str) -> bool:
    """Whether the loss compares embeddings with class proxies."""
    return issubclass(loss_class(name), ProxyLoss)
