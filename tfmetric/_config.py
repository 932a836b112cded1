"""The configuration that Keras saves of an object, read from the arguments of its constructor."""

import functools
import inspect

import keras
import numpy as np

from tfmetric._errors import expected


class ConfigFromArguments:
    """Gives a Keras class its ``get_config``: each argument of the constructor, by name.

    The value of an argument is the attribute of the same name. A class whose attribute holds
    what was made of the argument (a network made of widths) keeps the argument itself as
    ``_<name>_given``. Where a constructor hands ``**kwargs`` on, the arguments of the next
    constructor belong to the configuration too; those of Keras itself come from its ``get_config``.

    Put it before the Keras class among the bases: ``class Mine(ConfigFromArguments, Loss)``.
    """

    def get_config(self) -> dict:
        """Every argument of the constructor, as :func:`saved` keeps it."""
        names, rest_is_of_keras = _arguments(type(self))
        config = super().get_config() if rest_is_of_keras else {}
        return {**config, **{name: saved(_value(self, name)) for name in names}}


def from_saved_parts(cls, config: dict, custom_objects: dict | None = None):
    """Makes an object of a configuration in which layers, models and losses are saved as dicts.

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
    """The form in which a configuration keeps a value: JSON, or what Keras makes of an object.

    A module registers the types that have a form of their own by ``saved.register``.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return keras.saving.serialize_keras_object(value)


@saved.register
def _(value: np.generic):
    # A number of NumPy is no JSON.
    return value.item()


@saved.register
def _(value: tuple):
    return tuple(saved(each) for each in value)


@saved.register
def _(value: list):
    # Keras makes lists of a kind of its own from those that a layer keeps.
    return [saved(each) for each in value]


def _arguments(cls) -> tuple[list[str], bool]:
    """Names of the arguments, and whether the arguments of Keras's own constructor come on top."""
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
