"""Search spaces as words: ``margin=0.05..1``, ``mining=hard,semi-hard``, ``batch=32x4,16x8``."""

import math
from typing import NamedTuple

import click

# From a factor of ten on, what matters is the order of magnitude.
_LOG_FROM = 10


class Span(NamedTuple):
    """What becomes a ``tuning.Range``, which TensorFlow comes with."""

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
    """A number, None, a pair of a batch (32x4) or of mining (easy+semi-hard), or the text."""
    if name == "batch":
        classes, _, examples = text.partition("x")
        if classes.isdecimal() and examples.isdecimal():
            return int(classes), int(examples)
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
