"""The interface of a kind of example to its sources, one table entry per kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.sources import Source
from tfmetric.datasets.stores import FileStore


@dataclass
class Usable:
    """The usable examples of a source.

    Attributes:
        source: The usable examples, in the order in which they were given.
        keep: `int64` `(len(source),)`: which of the given examples each one is.
        skipped: The reason why an example was left out, by its position among the given ones.
        notes: Decisions taken on the way that the user did not ask for.
        check: What was read to check the examples.
    """

    source: Source
    keep: np.ndarray
    skipped: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    check: str = "all values were looked at"


@dataclass(frozen=True)
class Modality:
    """Finds examples of one kind in arrays and in files.

    Attributes:
        kind: The kind, as in `Element.kind`.
        options: The options of `datasets.load` for this kind; others raise an error.
        from_values: `(values, name, ids, **options)` to `Usable`: from an array or a list in
            memory. `name` is the prefix of the ids; `ids` are `(N,)` text or `None`.
        from_files: `(store, verify=, cache_bytes=, **options)` to `Usable`, or `None` if the kind
            has no files.
        suffixes: Suffixes of such files, in lower case, with the dot.
        formats: The names of the file formats, for messages.
        store: `(root, paths)` to the store that `from_files` gets. By default a path is a file; a
            kind whose examples are folders of files brings a store of its own.
    """

    kind: str
    options: tuple[str, ...]
    from_values: Callable[..., Usable]
    from_files: Callable[..., Usable] | None = None
    suffixes: tuple[str, ...] = ()
    formats: str = ""
    store: Callable[..., Any] = FileStore

    @property
    def of_folders(self) -> bool:
        """Whether one example is a folder of files."""
        return self.from_files is not None and not self.suffixes

    @property
    def unit(self) -> str:
        """What holds one example on disk, in a word."""
        return "folder" if self.of_folders else "file"


def require_one_shape(values: Any, kind: str) -> None:
    """Raises a ValueError that names the first row of another shape; NumPy's names none."""
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return
    if not isinstance(values, (list, tuple, np.ndarray)) or not len(values):
        return
    first = np.shape(values[0])
    for row, value in enumerate(values):
        if np.shape(value) != first:
            raise ValueError(
                expected(
                    f"{kind} examples of one shape, {first} as the first",
                    row=row,
                    shape=np.shape(value),
                )
            )


def rows_without_missing(values: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """Returns the rows without NaN or infinity, and the reason for the other rows."""
    keep = np.ones(len(values), bool)
    if values.dtype.kind == "f":
        for start in range(0, len(values), 4096):
            rows = values[start : start + 4096]
            keep[start : start + len(rows)] = np.isfinite(rows.reshape(len(rows), -1)).all(1)
    bad = np.flatnonzero(~keep)
    return np.flatnonzero(keep), dict.fromkeys(bad.tolist(), "missing values (NaN or infinite)")


def kept(values: Any, keep: np.ndarray, count: int) -> Any:
    """Returns the kept rows; the values themselves, without a copy, if all are kept."""
    return values if len(keep) == count else values[keep]


def kept_ids(ids: np.ndarray | None, name: str, keep: np.ndarray, count: int) -> np.ndarray | None:
    """Returns the ids of the kept rows; `None` if they are simply numbered."""
    if ids is not None:
        return ids[keep]
    if len(keep) == count:
        return None
    return np.array([f"{name}/{row}" for row in keep], np.str_)
