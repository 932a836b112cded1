"""Types of option values."""

import math
import tomllib

import click

NONE = "none"


class Margin(click.ParamType):
    """A number of at least 0, or "soft"."""

    name = "number|soft"

    def convert(self, value, param, ctx):
        """Returns the number, or "soft"."""
        if value == "soft" or isinstance(value, float):
            return value
        try:
            if 0 <= float(value) < math.inf:
                return float(value)
        except ValueError:
            pass
        self.fail("expected a number of at least 0, or 'soft'", param, ctx)


class OrNone(click.ParamType):
    """Another type, or "none" for no value.

    Args:
        kind: The other kind.
    """

    def __init__(self, kind):
        self.kind = kind
        self.name = f"{kind.name}|{NONE}"

    def convert(self, value, param, ctx):
        """Returns the value converted by the other type, or "none"."""
        return value if value == NONE else self.kind.convert(value, param, ctx)


class Assignment(click.ParamType):
    """NAME=VALUE with a TOML value; a bare word is text. The text is kept unparsed."""

    name = "name=value"

    def convert(self, value, param, ctx):
        """Checks the text and returns it."""
        try:
            assigned(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


def assigned(text) -> tuple:
    """Returns the name and the value of ``name=value``; None for "none".

    >>> assigned("margin=0.3"), assigned("mining=semi-hard"), assigned("k=[1, 5]")
    (('margin', 0.3), ('mining', 'semi-hard'), ('k', [1, 5]))
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name.isidentifier() or not value:
        raise ValueError(f"expected name=value, such as margin=0.3; received {text}")
    try:
        read = tomllib.loads(f"value = {value}")
        value = read["value"] if set(read) == {"value"} else value
    except tomllib.TOMLDecodeError:
        if value[0] in "[{\"'":
            raise ValueError(f"expected a value as in TOML; received {text}") from None
    return name, None if value == NONE else value
