"""The result of every reader: examples and labels, not yet split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfmetric.datasets.sources import Source


@dataclass
class Examples:
    """The examples found by a reader.

    Attributes:
        name: Name of the source, for the report.
        source: The examples.
        labels: `(N,)`, integers or text.
        groups: `(N,)`, or `None`.
        parts: `(N,)` of "train" and "test" where the data has a split, else `None`.
        class_names: If given, `labels` are indexes into it.
        skipped: (id, reason) of examples left out.
        notes: Decisions reported to the user.
        check: Extent of the check, in words.
    """

    name: str
    source: Source
    labels: np.ndarray
    groups: np.ndarray | None = None
    parts: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    check: str = "all values, and the contents across train and test"
