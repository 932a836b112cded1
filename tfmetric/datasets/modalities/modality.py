"""What a kind of example needs to know of its sources: one table entry a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmetric.datasets.sources import Source


@dataclass
class Usable:
    """The usable examples among those that were given.

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
    """How examples of one kind are found in arrays and in files.

    Attributes:
        kind: The kind, as in `Element.kind`.
        options: The options of `datasets.load` that are for this kind; others are an error.
        from_values: `(values, name, ids, **options)` to `Usable`: from an array or a list in
            memory. `name` is what the ids begin with, `ids` are `(N,)` text or `None`.
        from_files: `(store, verify=, cache_bytes=, **options)` to `Usable`, or `None` where no
            file is one example of the kind.
        suffixes: How the names of such files end, lower case, with the dot.
        formats: The names of the file formats, for messages.
    """

    kind: str
    options: tuple[str, ...]
    from_values: Callable[..., Usable]
    from_files: Callable[..., Usable] | None = None
    suffixes: tuple[str, ...] = ()
    formats: str = ""


def rows_without_missing(values: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """The rows of a numeric array without a NaN or an infinity, and the reason for the others."""
    keep = np.ones(len(values), bool)
    if values.dtype.kind == "f":
        for start in range(0, len(values), 4096):
            rows = values[start : start + 4096]
            keep[start : start + len(rows)] = np.isfinite(rows.reshape(len(rows), -1)).all(1)
    bad = np.flatnonzero(~keep)
    return np.flatnonzero(keep), dict.fromkeys(bad.tolist(), "missing values (NaN or infinite)")


def kept(values: Any, keep: np.ndarray, count: int) -> Any:
    """The rows to keep; the values themselves, without a copy, where all are kept."""
    return values if len(keep) == count else values[keep]


def kept_ids(ids: np.ndarray | None, name: str, keep: np.ndarray, count: int) -> np.ndarray | None:
    """The ids of the rows to keep; `None` where they are simply numbered."""
    if ids is not None:
        return ids[keep]
    if len(keep) == count:
        return None
    return np.array([f"{name}/{row}" for row in keep], np.str_)
