"""Refuses the former name of an argument, with a message that says the present one."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tfmetric._errors import expected

_P = ParamSpec("_P")
_R = TypeVar("_R")


def renamed(**present: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Decorates a function whose arguments had other names before.

    Args:
        **present: The present name of each former name; or, with an ``=`` in it, what to write in
            its place.

    Returns:
        The decorator. The function raises a `TypeError` for a former name.

    >>> @renamed(references="gallery")
    ... def search(*, gallery=None):
    ...     return gallery
    >>> search(references=3)
    Traceback (most recent call last):
    TypeError: Expected gallery=, the present name of references=. Received: references=3
    >>> @renamed(patience="stopping=Stopping(patience=...)")
    ... def fit(*, stopping=None):
    ...     return stopping
    >>> fit(patience=3)
    Traceback (most recent call last):
    TypeError: Expected stopping=Stopping(patience=...) in place of patience=. Received: patience=3
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            for former, name in present.items():
                if former in kwargs:
                    place = (
                        f"{name} in place of {former}="
                        if "=" in name
                        else f"{name}=, the present name of {former}="
                    )
                    raise TypeError(expected(place, **{former: kwargs[former]}))
            return function(*args, **kwargs)

        return checked

    return decorate
