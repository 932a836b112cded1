"""The losses on class ids that a training accepts, by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping

from tfmetric import losses
from tfmetric._errors import expected
from tfmetric.losses import EmbeddingLoss, PairLoss, ProxyLoss

_BASES = (EmbeddingLoss, PairLoss, ProxyLoss)
# Arguments for Keras or several devices, which no training sets.
_NOT_SETTINGS = ("name", "dtype", "gather", "match")
# Defaults of a training that differ from the class. With few classes, or with many and a high
# learning rate, the hardest negatives collapse all embeddings in the first steps.
_DEFAULTS = {"TripletLoss": {"mining": "semi-hard"}}
# The users' losses, by name.
_registered: dict[str, type[EmbeddingLoss]] = {}


def register_loss(cls: type[EmbeddingLoss]) -> type[EmbeddingLoss]:
    """Registers your own loss, so that settings, runs, searches and commands accept its name.

    Plain ``compile(loss=MyLoss())`` needs no registration. Use it as a decorator, below
    ``keras.saving.register_keras_serializable``, where your program starts.

    Args:
        cls: A subclass of :class:`tfmetric.losses.EmbeddingLoss`, such as a
            :class:`tfmetric.losses.PairLoss`. The arguments of its constructor are its settings.

    Returns:
        The class, unchanged.

    Raises:
        ValueError: If another loss has the name.
        TypeError: If the class is not a loss on labels and embeddings.

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
        raise ValueError(expected("a class with a name that no other loss has", name=cls.__name__))
    _registered[cls.__name__] = cls
    return cls


def unregister_loss(name: str) -> None:
    """Removes a loss that :func:`register_loss` has added, for tests.

    Args:
        name: Name of its class.
    """
    if name not in _registered:
        raise ValueError(expected("the name of a registered loss", name=name))
    del _registered[name]


def loss_class(name: str) -> type[EmbeddingLoss]:
    """Returns the class of a built-in or registered loss by its name."""
    return _registered.get(name) or getattr(losses, name)


def loss_names() -> tuple[str, ...]:
    """Losses that :class:`Settings` accepts: those of ``tfmetric.losses``, and registered losses.

    >>> loss_names()[:3]
    ('AngularLoss', 'ArcFaceLoss', 'CircleLoss')
    """
    ours = (
        name
        for name in losses.__all__
        if isinstance(cls := getattr(losses, name), type)
        and issubclass(cls, EmbeddingLoss)
        and cls not in _BASES
        and not issubclass(cls, losses.TwoSidedLoss)  # Those train two towers on links.
    )
    return tuple(sorted((*ours, *_registered)))


def loss_arguments(name: str) -> dict:
    """Returns the arguments of a loss that a training may set, with their defaults.

    The defaults are those of the class, except the mining of ``TripletLoss``: a training uses
    semi-hard triplets, which do not collapse.

    Raises:
        ValueError: If the loss is unknown.

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
    """Makes a loss by its name.

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
    """Returns whether the loss compares embeddings with class proxies."""
    return issubclass(loss_class(name), ProxyLoss)
