"""Derives the Keras configuration of an object from the arguments of its constructor."""

import functools
import inspect
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected


class ConfigFromArguments:
    """Gives a Keras class its ``get_config``: each argument of the constructor, by name.

    The value of an argument is the attribute of the same name. A class whose attribute holds a
    derived value (a network made from widths) keeps the argument itself as ``_<name>_given``. If a
    constructor passes ``**kwargs`` on, the arguments of the next constructor belong to the
    configuration too; Keras's own arguments come from its ``get_config``.

    Put it before the Keras class among the bases: ``class Mine(ConfigFromArguments, Loss)``.
    """

    def get_config(self) -> dict:
        """Returns every argument of the constructor in the form of :func:`saved`."""
        names, rest_is_of_keras = _arguments(type(self))
        base: Any = super()
        config = base.get_config() if rest_is_of_keras else {}
        return {**config, **{name: saved(_value(self, name)) for name in names}}


def from_saved_parts(cls, config: dict, custom_objects: dict | None = None):
    """Makes an object from a configuration in which layers, models and losses are saved as dicts.

    Args:
        cls: The class to make one of.
        config: What its ``get_config`` returned.
        custom_objects: Classes and functions that are not registered, by name.
    """
    restore = functools.partial(
        keras.saving.deserialize_keras_object, custom_objects=custom_objects
    )
    return cls(**{k: restore(v) if isinstance(v, dict) else v for k, v in config.items()})


@functools.singledispatch
def saved(value):
    """Converts a value for a configuration: to JSON, or to Keras's serialised form of an object.

    A module registers special forms of types by ``saved.register``.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return keras.saving.serialize_keras_object(value)


@saved.register
def _(value: np.generic):
    # JSON cannot hold a NumPy number.
    return value.item()


@saved.register
def _(value: tuple):
    return tuple(saved(each) for each in value)


@saved.register
def _(value: list):
    # Keras wraps the lists of a layer in its own list type.
    return [saved(each) for each in value]


def _arguments(cls) -> tuple[list[str], bool]:
    """Returns the names of the arguments, and whether Keras's arguments are added."""
    names: list[str] = []
    for base in cls.__mro__:
        if base is ConfigFromArguments:
            return names, True
        if "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        kinds = [parameter.kind for parameter in parameters]
        several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        names += [
            parameter.name
            for parameter in parameters
            if parameter.kind not in several and parameter.name not in names
        ]
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            return names, False
    return names, True


def _value(instance, name):
    for attribute in (f"_{name}_given", name):
        if hasattr(instance, attribute):
            return getattr(instance, attribute)
    raise AttributeError(
        expected(
            f"{type(instance).__name__} to keep its argument {name} as an attribute of that name, "
            "or to have a get_config of its own",
            attributes=sorted(vars(instance)),
        )
    )
