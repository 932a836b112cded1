"""What every reader hands to the loader: examples and labels, not yet split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfmetric.datasets.sources import Source


@dataclass
class Examples:
    """Examples as one reader found them.

    Attributes:
        name: What was read, for the report.
        source: The examples.
        labels: `(N,)`, integers or text.
        groups: `(N,)`, or `None`.
        parts: `(N,)` of "train" and "test" where the data has a split of its own, else `None`.
        class_names: If given, `labels` are indexes into it.
        skipped: (id, reason) of examples left out.
        notes: Decisions that the user should know of.
        check: What was read to check the examples.
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
