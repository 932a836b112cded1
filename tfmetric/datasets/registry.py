"""The registry of readers, which `load` asks in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.options import ReadOptions


@dataclass(frozen=True)
class Reader:
    """A reader of labelled examples.

    Attributes:
        name: The name under which it is registered.
        words: The sources that it reads, for the message about an unknown source.
        matches: Whether a source is for this reader.
        read: From a source and the options to examples.
        builtin: Whether the source is the name itself.
    """

    name: str
    words: str
    matches: Callable[[Any], bool]
    read: Callable[[Any, ReadOptions], Examples]
    builtin: bool = False


_READERS: dict[str, Reader] = {}


def register_reader(
    name: str,
    read: Callable[[Any, ReadOptions], Examples],
    matches: Callable[[Any], bool],
    words: str,
) -> None:
    """Registers your own source for `datasets.load` and every command.

    Later readers are asked first, so they can take over sources that tfmetric reads otherwise.
    Registering a name again replaces its reader.

    Args:
        name: The name of the reader.
        read: Function of a source and a `ReadOptions` that returns `Examples`, usually by
            :func:`tfmetric.datasets.examples_of_values`.
        matches: Whether a source (a string, a path, arrays) is for this reader. It must not read
            the source.
        words: The sources in words, such as "a .lines file", for the message about an unknown
            source.

    >>> from tfmetric import datasets
    >>> def read(source, options):
    ...     texts = ["a b", "b a", "c d", "d c", "e f", "f e", "g h", "h g"]
    ...     labels = ["ab", "ab", "cd", "cd", "ef", "ef", "gh", "gh"]
    ...     return datasets.examples_of_values(texts, labels, name="swaps", options=options)
    >>> register_reader("swaps", read, lambda source: source == "swaps", '"swaps"')
    >>> train, test = datasets.load("swaps")
    >>> train.element.kind, len(train), len(test)
    ('text', 4, 4)
    """
    _register(Reader(name, words, matches, read))


def register_builtin(name: str, read: Callable[[ReadOptions], Examples]) -> None:
    """Registers a data set without files, whose source is its name."""
    _register(
        Reader(
            name,
            f'"{name}"',
            lambda source: isinstance(source, str) and source == name,
            lambda source, options: read(options),
            builtin=True,
        )
    )


def builtin_names() -> tuple[str, ...]:
    """Returns the names of the data sets without files and downloads.

    >>> builtin_names()
    ('digits', 'glyphs', 'names')
    """
    return tuple(sorted(name for name, reader in _READERS.items() if reader.builtin))


def reader_of(source: Any) -> Reader:
    """The reader for a source.

    Raises:
        ValueError: If there is none; it names the sources that there are.
    """
    for reader in reversed(_READERS.values()):
        if reader.matches(source):
            return reader
    words = ", ".join(reader.words for reader in _READERS.values())
    raise ValueError(expected(f"a known source: {words}", source=source))


def _register(reader):
    _READERS.pop(reader.name, None)  # A replacement is asked as early as a new reader.
    _READERS[reader.name] = reader
