"""Registered classes of index, by the name in their files, and the contents of a file."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from tfmetric._errors import expected

_NEEDED = ("add", "remove", "query", "settings", "arrays", "from_saved")
_Class = TypeVar("_Class", bound=Any)
_classes: dict[str, type] = {}


@dataclass(frozen=True, eq=False)
class Saved:
    """The contents of a file of an index.

    Attributes:
        distance: The name of the distance.
        dim: D, the width of the embeddings; None for an index that never held an embedding.
        count: How many embeddings it held.
        settings: As the ``settings`` of the index that was saved.
        arrays: As its ``arrays()``.
        connection: Arguments from the caller of :func:`tfmetric.search.load` that no file holds,
            such as a password.
    """

    distance: str
    dim: int | None
    count: int
    settings: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    connection: Mapping[str, Any] = field(default_factory=dict)


def register(name: str) -> Callable[[_Class], _Class]:
    """Registers a class of index, so that :func:`tfmetric.search.load` reads its files.

    Decorate a subclass of :class:`tfmetric.search.Index`. The class needs ``add``, ``remove``,
    ``query``, ``dim``, ``nbytes`` and ``len``; ``settings`` and ``arrays()``, which ``save``
    writes; and the class method ``from_saved(saved)``, which restores the index from a
    :class:`Saved`. ``tfmetric.search.evaluate``, ``save`` and ``load`` then accept it like the
    built-in classes.

    Args:
        name: The name in the files: letters, digits, ``_`` and ``-``. Choose a name that no other
            package uses, because the name decides which class reads a file.

    Returns:
        The decorator, which returns the class unchanged.

    Raises:
        ValueError: If another class has the name.
        TypeError: If the class lacks one of the methods.

    Example:

    >>> import numpy as np
    >>> import tfmetric as tm
    >>> @tm.search.register("example-exact")
    ... class Mine(tm.search.ExactIndex):
    ...     pass
    >>> index = Mine("cosine")
    >>> index.add(np.eye(3), ["a", "b", "c"])
    >>> type(tm.search.load(index.save(getfixture("tmp_path") / "mine.npz"))).__name__
    'Mine'
    """
    if not (isinstance(name, str) and re.fullmatch(r"[\w-]+", name, re.ASCII)):
        raise ValueError(expected("a name of letters, digits, _ and -", name=name))

    def remember(cls: _Class) -> _Class:
        missing = [method for method in _NEEDED if not hasattr(cls, method)]
        if missing:
            raise TypeError(
                expected(f"a subclass of Index with {', '.join(_NEEDED)}", missing=missing)
            )
        known = _classes.get(name, cls)
        # Running a notebook cell again defines the same class again.
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(
                expected("a name that no other index has", name=name, has_it=known.__qualname__)
            )
        _classes[name] = cls
        cls._name = name
        return cls

    return remember


def name_of(cls: type) -> str:
    """Returns the name in the files of a class.

    Raises:
        TypeError: If the class is not registered.
    """
    name = cls.__dict__.get("_name")
    if name is None:
        raise TypeError(
            expected(
                f'@tfmetric.search.register("a name") above class {cls.__name__}, so that its '
                "files can be read again",
                index=cls.__name__,
            )
        )
    return name


def named(name: str | None, path: Any) -> Any:
    """Returns the class of the name in a file.

    Args:
        name: The name.
        path: The file, for the message.

    Raises:
        ValueError: If no class has the name.
    """
    if name not in _classes:
        raise ValueError(
            expected(
                f"an index of a registered class: {', '.join(sorted(_classes))}; import the module "
                "that registers it",
                index=name,
                path=str(path),
            )
        )
    return _classes[name]
