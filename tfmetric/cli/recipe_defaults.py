"""Defaults of the training options, read from the source of the recipes without starting Keras."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

_TRAINING = Path(__file__).parent.parent / "training"


@functools.cache
def recipes() -> dict[str, dict[str, Any]]:
    """Returns the settings of each kind's recipe; arguments of its loss are among them."""
    known: dict[str, Any] = {}
    table: dict[str, dict[str, Any]] = {}
    fields = _fields()
    for target, value in _assignments(_parsed("recipes.py")):
        if target == "RECIPES":
            table = {
                ast.literal_eval(key): _settings(part, known, fields)
                for key, part in zip(value.keys, value.values, strict=True)
            }
        elif isinstance(value, ast.Call):
            known[target] = _settings(value, known, fields)
    return {kind: settings | settings.pop("loss_arguments") for kind, settings in table.items()}


def default_of(name: str) -> str:
    """Describes the default of a setting in words, by kind of example where it differs.

    Args:
        name: Field of ``tfmetric.training.Settings``, or argument of a loss.
    """
    kinds: dict[str, list[str]] = {}
    for kind, settings in recipes().items():
        kinds.setdefault(_shown(settings.get(name, "the loss's own")), []).append(kind)
    usual = max(kinds, key=lambda value: len(kinds[value]))
    special = [f"{value} for {' and '.join(own)}" for value, own in kinds.items() if value != usual]
    return "; ".join([*special, f"{usual} otherwise" if special else usual])


def show_defaults(options: Iterable[click.Option], names: Iterable[str] | None = None) -> None:
    """Appends the defaults of recipes to the help of options.

    Args:
        options: The options, whose names are those of settings or arguments of a loss.
        names: Names of the options that follow a recipe; None for all.
    """
    chosen = None if names is None else set(names)
    for option in options:
        if chosen is None or option.name in chosen:
            option.help = f"{option.help}  [default: {default_of(option.name)}]"


def _parsed(file):
    return ast.parse((_TRAINING / file).read_text(encoding="utf-8"))


def _assignments(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield node.targets[0].id, node.value


def _fields():
    """Returns the default of each field of ``Settings``, in order."""
    for node in _parsed("settings.py").body:
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            parts = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            return {
                part.target.id: {} if isinstance(part.value, ast.Call) else _value(part.value)
                for part in parts
            }
    return {}


def _settings(node, known, fields):
    """Evaluates ``NAME``, ``Settings(...)`` or ``NAME.replace(...)``."""
    if isinstance(node, ast.Name):
        return dict(known[node.id])
    changed = {word.arg: _value(word.value) for word in node.keywords}
    if isinstance(node.func, ast.Attribute):
        base = _settings(node.func.value, known, fields)
        if "loss" not in changed and "loss_arguments" in changed:
            changed["loss_arguments"] = base["loss_arguments"] | changed["loss_arguments"]
        return base | changed
    return fields | dict(zip(fields, map(_value, node.args), strict=False)) | changed


def _value(node):
    return ast.literal_eval(node)


def _shown(value):
    words = {None: "none", True: "yes", False: "no"}
    return words[value] if value is None or isinstance(value, bool) else str(value)
