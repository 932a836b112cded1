"""A search space: the values to search for each loss, and the settings they stand for."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from tfmetric._errors import expected
from tfmetric.training import Settings
from tfmetric.training.losses import loss_arguments
from tfmetric.tuning.search.default_ranges import check_losses, default_space
from tfmetric.tuning.search.ranges import Range, declare

# Settings that no search chooses: the loss has an argument of its own, all trials share epochs, and
# P and K are chosen together as "batch".
_NOT_SEARCHED = {"loss", "loss_arguments", "epochs", "classes_per_batch", "examples_per_class"}


class SearchSpace:
    """The values to search, and their conversion to :class:`~tfmetric.training.Settings`.

    Args:
        losses: Name of a loss, or several to choose from; None for the loss of the settings.
        search_space: None for :func:`default_space`, ``"all"`` for all settings, or a dictionary
            that overrides the default: a :class:`Range`, a list of choices, a value to fix, or None
            to keep the value of the settings.
        settings: The settings of all values that are not searched.
        num_classes: The number of training classes of the smallest fold.

    Raises:
        ValueError: If a name is unknown or a value is impossible.

    >>> space = SearchSpace("TripletLoss", {"margin": [0.1, 0.2], "learning_rate": 1e-3})
    >>> space.searched, space.settings.learning_rate
    (('margin',), 0.001)
    """

    def __init__(
        self,
        losses: Any = None,
        search_space: Any = None,
        settings: Any = None,
        num_classes: int | None = None,
    ):
        settings = settings or Settings()
        self.losses = check_losses(settings.loss if losses is None else losses)
        given = search_space if isinstance(search_space, Mapping) else {}
        if not (isinstance(search_space, Mapping) or search_space in (None, "all")):
            raise ValueError(
                expected(
                    "search_space to be None, 'all' or a dictionary by name", given=search_space
                )
            )
        base = default_space(self.losses, search_space == "all", settings, num_classes)
        self._several = len(self.losses) > 1
        arguments: dict[str, dict[str, Any]] = {name: {} for name in self.losses}
        shared: dict[str, Any] = {}
        fixed: dict[str, Any] = {}
        # "LOSS/NAME" overrides "NAME" in every order.
        own = sorted(given, key=lambda key: "/" in str(key))
        for key in [*(key for key in base if key not in given), *own]:
            spec = given.get(key, base.get(key))
            self._place(key, _checked(key, spec), arguments, shared, fixed)
        self._shared = shared
        self.settings = settings.replace(**fixed)
        self._fixed = {name: self._own(name, settings) for name in self.losses}
        self._arguments = {}
        for name, specs in arguments.items():
            specs = {key: spec for key, spec in specs.items() if spec is not None}
            self._fixed[name] |= {k: s[0] for k, s in specs.items() if _is_fixed(s)}
            self._arguments[name] = {k: s for k, s in specs.items() if not _is_fixed(s)}
            self._arguments[name] = self._by_distance(name)
        self._check_values()

    @property
    def searched(self) -> tuple[str, ...]:
        """The names of the searched values, as trials list them."""
        names = ["loss"] if self._several else []
        for specs in (*self._arguments.values(), self._shared):
            names += list(specs)
        return tuple(dict.fromkeys(names))

    def settings_of(self, hp: Any) -> Settings:
        """Returns the settings that values of Keras Tuner stand for, and declares new parameters.

        Args:
            hp: A ``keras_tuner.HyperParameters``.
        """
        chosen, found = self.losses[0], {}
        if self._several:
            chosen = hp.Choice("loss", list(self.losses), default=self._first())
        for name in self.losses:
            scope = hp.conditional_scope("loss", [name]) if self._several else nullcontext()
            with scope:
                values = self._declare_arguments(hp, name)
            if name == chosen:
                found = values
        shared = {
            key: declare(hp, key, spec, self._default(key)) for key, spec in self._shared.items()
        }
        return self._settings(chosen, found, shared)

    def values_of(self, settings: Settings) -> dict:
        """Returns the searched values of settings by plain names: "margin", "batch", "loss"."""
        values: dict[str, Any] = {"loss": settings.loss} if self._several else {}
        arguments = settings.resolved().loss_arguments
        values |= {key: arguments[key] for key in self._arguments[settings.loss]}
        for key in self._shared:
            pair = (settings.classes_per_batch, settings.examples_per_class)
            values[key] = pair if key == "batch" else getattr(settings, key)
        return values

    def default_settings(self) -> Settings:
        """Returns the settings as they stand, without a searched value."""
        name = self._first()
        return self.settings.replace(loss=name, loss_arguments=self._fixed[name])

    def on_grid(self) -> SearchSpace:
        """Returns the same space with lists of values in place of ranges, for a grid search."""
        copy = object.__new__(SearchSpace)
        copy.__dict__ |= self.__dict__
        copy._shared = _gridded(self._shared)
        copy._arguments = {name: _gridded(specs) for name, specs in self._arguments.items()}
        return copy

    def size(self) -> int:
        """Returns the number of settings in a space of lists, as :meth:`on_grid` makes it.

        >>> SearchSpace("TripletLoss", {"learning_rate": None}).on_grid().size()
        5
        """
        shared = math.prod(len(spec) for spec in self._shared.values())
        return shared * sum(map(self._size, self.losses))

    def _size(self, name):
        specs = self._arguments[name]
        plain = [spec for spec in specs.values() if not isinstance(spec, Mapping)]
        of_each = [spec for spec in specs.values() if isinstance(spec, Mapping)]
        if not of_each:
            return math.prod(map(len, plain))
        distances = specs["distance"]
        each = (math.prod(len(spec[distance]) for spec in of_each) for distance in distances)
        return math.prod(map(len, plain)) // len(distances) * sum(each)

    def to_dict(self) -> dict:
        """Returns the space as plain values."""
        plain = {
            "losses": list(self.losses),
            "arguments": self._arguments,
            "fixed": self._fixed,
            "shared": self._shared,
            "settings": self.settings.to_dict(),
        }
        return json.loads(json.dumps(plain, default=_plain))

    def _place(self, key, spec, arguments, shared, fixed):
        """Sorts a value to the arguments of losses, the shared values or the fixed settings."""
        loss, _, argument = key.rpartition("/")
        owners = [loss] if loss else [n for n in self.losses if key in loss_arguments(n)]
        settable = {f.name for f in dataclasses.fields(Settings)} - _NOT_SEARCHED
        if loss in self.losses and argument in loss_arguments(loss):
            arguments[loss][argument] = spec
        elif not loss and owners:
            for owner in owners:
                arguments[owner][key] = spec
        elif loss or key not in {*settable, "batch"}:
            known = sorted({*settable, "batch", *(a for n in self.losses for a in _tunable(n))})
            raise ValueError(
                expected(
                    f"names of search_space among {', '.join(known)}"
                    + (", or LOSS/NAME for one of the losses" if self._several else ""),
                    name=key,
                )
            )
        elif spec is None:
            shared.pop(key, None)
        elif _is_fixed(spec):
            value = spec[0]
            if key == "batch":
                fixed["classes_per_batch"], fixed["examples_per_class"] = value
            else:
                fixed[key] = value
        else:
            shared[key] = spec

    def _own(self, name, settings):
        return dict(settings.loss_arguments) if name == settings.loss else {}

    def _first(self):
        return self.settings.loss if self.settings.loss in self.losses else self.losses[0]

    def _default(self, key):
        if key == "batch":
            return (self.settings.classes_per_batch, self.settings.examples_per_class)
        return getattr(self.settings, key)

    def _by_distance(self, name):
        """Returns the specs of a loss; where its distance is fixed, those for that distance."""
        specs = self._arguments[name]
        if "distance" in specs:
            # Keras Tuner needs the distance declared before the values that depend on it.
            return {"distance": specs["distance"], **specs}
        distance = {**loss_arguments(name), **self._fixed[name]}.get("distance")
        return {key: _of_distance(key, spec, distance) for key, spec in specs.items()}

    def _declare_arguments(self, hp, name):
        prefix, values = f"{name}/" if self._several else "", {}
        base = {**loss_arguments(name), **self._fixed[name]}
        for key, spec in self._arguments[name].items():
            if not isinstance(spec, Mapping):
                values[key] = declare(hp, f"{prefix}{key}", spec, base[key])
                continue
            for distance in self._arguments[name]["distance"]:
                own = _of_distance(key, spec, distance)
                with hp.conditional_scope(f"{prefix}distance", [distance]):
                    value = declare(hp, f"{prefix}{key}@{distance}", own, base[key])
                if values["distance"] == distance:
                    values[key] = value
        return values

    def _settings(self, loss, arguments, shared):
        shared = dict(shared)
        if "batch" in shared:
            shared["classes_per_batch"], shared["examples_per_class"] = shared.pop("batch")
        return self.settings.replace(
            loss=loss, loss_arguments={**self._fixed[loss], **arguments}, **shared
        )

    def _check_values(self):
        """Builds settings from each end and choice, so that impossible values are refused."""
        for name in self.losses:
            for key, spec in self._arguments[name].items():
                for distance, own in _each_distance(spec):
                    for value in _ends(own):
                        self._settings(name, {**distance, key: value}, {})
        for key, spec in self._shared.items():
            for value in _ends(spec):
                self._settings(self._first(), {}, {key: value})


def _tunable(name):
    return [key for key in loss_arguments(name) if key != "reduction"]


def _checked(key, spec):
    """Returns a spec as a Range, a list (of one fixed value), a dictionary by distance, or None."""
    if isinstance(spec, Mapping):
        return {distance: _checked(key, own) for distance, own in spec.items()}
    if isinstance(spec, list) and not spec:
        raise ValueError(expected("one choice at least", **{key: spec}))
    if spec is None or isinstance(spec, (Range, list)):
        return spec
    return [spec]


def _is_fixed(spec):
    return isinstance(spec, list) and len(spec) == 1


def _of_distance(key, spec, distance):
    if not isinstance(spec, Mapping):
        return spec
    if distance not in spec:
        raise ValueError(
            expected(
                f"a range of {key} in search_space, such as Range(0.1, 1.0, log=True): none is "
                "known for this distance",
                distance=distance,
            )
        )
    return spec[distance]


def _each_distance(spec):
    if isinstance(spec, Mapping):
        return [({"distance": distance}, own) for distance, own in spec.items()]
    return [({}, spec)]


def _ends(spec):
    return (spec.low, spec.high) if isinstance(spec, Range) else spec


def _gridded(specs):
    return {
        key: spec.grid()
        if isinstance(spec, Range)
        else _gridded(spec)
        if isinstance(spec, Mapping)
        else spec
        for key, spec in specs.items()
    }


def _plain(value):
    return value.to_dict() if isinstance(value, Range) else str(value)
