"""Parses search spaces: ``margin=0.05..1``, ``mining=hard,semi-hard``, ``batch=32x4,16x8``."""

import ast
import difflib
import math
from pathlib import Path
from typing import NamedTuple

import click

from tfmetric._whole_numbers import whole_number

# Arguments of losses that are not settings, or not choices of a search.
_NOT_SEARCHED = {"reduction", "name", "dtype", "match", "gather"}
# The loss has a separate option, all trials share epochs, and "batch" means P and K.
_NO_CHOICE = {"loss", "loss_arguments", "epochs", "classes_per_batch", "examples_per_class"}
# From a factor of ten on, the order of magnitude matters.
_LOG_FROM = 10


class Span(NamedTuple):
    """The ends of a range; importing ``tuning.Range`` would import TensorFlow."""

    low: float
    high: float
    log: bool


def parse_search(words) -> dict:
    """The search space that ``--search NAME=VALUES`` says.

    Args:
        words: ``NAME=LOW..HIGH`` for a range, with ``:log`` or ``:linear`` after it; choices with
            commas between them; a single value to fix it; ``default`` to leave it as it is.

    Returns:
        By name a :class:`Span`, a list of choices, a value, or None.

    Raises:
        click.UsageError: If a word is none of these.
    """
    return dict(_parse(word) for word in words)


def check_names(names, losses=()) -> None:
    """Rejects unknown names before TensorFlow is loaded.

    Args:
        names: The names of ``--search``.
        losses: The losses to choose from; if empty, the arguments of all losses are allowed.

    Raises:
        click.UsageError: If a name is neither an argument of a loss nor a setting.
    """
    known = searchable_names(losses)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            advice = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(
                f"Expected --search with a name among {', '.join(sorted(known))}. Received: "
                f"{name}.{advice}"
            )


def searchable_names(losses=()) -> set[str]:
    """Returns the names of a search space, read from the source of losses and settings.

    Args:
        losses: The losses to choose from, or none for all.

    Returns:
        Arguments of the losses, with several of them ``LOSS/NAME`` too; settings; "batch".
    """
    from tfmetric.cli import loss_pages

    pages = loss_pages.pages()
    chosen = losses or pages
    names = {"batch", *_settings()} - _NO_CHOICE
    for loss in chosen:
        own = {argument.name for argument in pages[loss].arguments} - _NOT_SEARCHED
        names |= own | {f"{loss}/{name}" for name in own if len(losses) > 1}
    return names


def _settings():
    """Returns the fields of ``tfmetric.training.Settings`` without importing it."""
    path = Path(__file__).parent.parent / "training" / "settings.py"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == "Settings":
            return [part.target.id for part in node.body if isinstance(part, ast.AnnAssign)]
    return []


def _parse(word):
    name, equals, text = word.partition("=")
    if not equals or not name.strip() or not text.strip():
        raise _usage(word)
    name, text = name.strip(), text.strip()
    if text == "default":
        return name, None
    if ".." in text:
        return name, _range(word, text)
    choices = [_value(part.strip(), name) for part in text.split(",")]
    return name, choices if len(choices) > 1 else choices[0]


def _range(word, text):
    ends, _, scale = text.partition(":")
    low, _, high = ends.partition("..")
    low, high = _value(low.strip(), ""), _value(high.strip(), "")
    numbers = all(type(end) in (int, float) and abs(end) < math.inf for end in (low, high))
    if not numbers or scale not in ("", "log", "linear") or not low < high:
        raise _usage(word)
    log = scale == "log" or (scale == "" and 0 < low * _LOG_FROM <= high)
    if log and low <= 0:
        raise _usage(word)
    return Span(low, high, log)


def _value(text, name):
    """Returns a number, None, a pair (batch 32x4 or mining easy+semi-hard), or the text."""
    if name == "batch":
        classes, _, examples = text.partition("x")
        batch = whole_number(classes), whole_number(examples)
        if None not in batch:
            return batch
        raise _usage(f"{name}={text}")
    if text == "none":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return tuple(text.split("+")) if "+" in text else text


def _usage(word):
    return click.UsageError(
        "Expected --search as NAME=LOW..HIGH (with :log or :linear after it), NAME=A,B,C or "
        "NAME=VALUE, such as margin=0.05..1, mining=hard,semi-hard or batch=32x4,16x8. "
        f"Received: {word}"
    )
