"""The findings of the data check, for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfmetric.datasets.dividing import Split
from tfmetric.elements import Element

_LISTED = 5


@dataclass(frozen=True)
class PartSummary:
    """Counts of one part, train or test.

    Attributes:
        examples: The number of examples.
        classes: The number of classes.
        smallest: (name, number of examples) of the smallest class.
        median: The median number of examples of a class.
        largest: (name, number of examples) of the largest class.
        singletons: The number of classes with one example, which give no positive pair and no hit.
    """

    examples: int
    classes: int
    smallest: tuple[str, int]
    median: float
    largest: tuple[str, int]
    singletons: int


@dataclass(frozen=True)
class DataReport:
    """The findings of `datasets.load` in the data; `print` it.

    Attributes:
        source: The loaded source.
        element_shape: The shape of one example.
        dtype: The dtype of the examples.
        train: Counts of the train part.
        test: Counts of the test part.
        split: The division of the examples, in words.
        check: Extent of the check, in words.
        skipped: (id, reason) of each example that was left out.
        duplicates: (train id, test id) of each test example whose content is in train too.
        notes: Decisions taken without the user's request.
        repeated: (first id, id) of each further copy of an example in one part.
        conflicts: (first id, id) of each example whose content has another label elsewhere.
        element: Description of one example, as `Element.to_dict`; `None` in old reports.
        division: The division of the examples, as a `Split`.
    """

    source: str
    element_shape: tuple[int | None, ...]
    dtype: str
    train: PartSummary
    test: PartSummary
    split: str
    check: str
    skipped: tuple[tuple[str, str], ...] = ()
    duplicates: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    element: dict[str, Any] | None = None
    division: Split | None = None
    repeated: tuple[tuple[str, str], ...] = ()
    conflicts: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain dictionaries, lists, numbers and text, ready for JSON."""
        return _plain(asdict(self))

    def __str__(self):
        shape = "×".join(map(str, self.element_shape))
        words = f"examples of {shape} {self.dtype}"
        if self.element is not None:
            words = Element.from_dict(self.element).describe()
        lines = [f"{self.source}: {words}"]
        lines += [_part_line("train", self.train), _part_line("test", self.test)]
        lines += [f"  split: {self.split}"]
        if self.division is not None:
            lines += [f"         {self.division.other}"]
        lines += [f"  check: {self.check}"]
        lines += _listing("skipped", [f"{name}: {reason}" for name, reason in self.skipped])
        pairs = [f"{test} = {train} (train)" for train, test in self.duplicates]
        lines += _listing("exact duplicates across train and test", pairs)
        if self.repeated:
            lines += _listing("exact duplicates in one part", _equal(self.repeated))
        if self.conflicts:
            lines += _listing("equal examples under two labels", _equal(self.conflicts))
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def summarise(labels: np.ndarray, class_names: Sequence[str]) -> PartSummary:
    """Counts the classes of one part; `labels` are indexes into `class_names`, not empty."""
    classes, counts = np.unique(labels, return_counts=True)
    low, high = counts.argmin(), counts.argmax()
    return PartSummary(
        examples=len(labels),
        classes=len(classes),
        smallest=(class_names[classes[low]], int(counts[low])),
        median=float(np.median(counts)),
        largest=(class_names[classes[high]], int(counts[high])),
        singletons=int((counts == 1).sum()),
    )


def _equal(pairs):
    return [f"{again} = {first}" for first, again in pairs]


def _part_line(name, part):
    sizes = (
        f"{part.smallest[1]} each"
        if part.smallest[1] == part.largest[1]
        else f"from {part.smallest[1]} ({part.smallest[0]}) to {part.largest[1]}"
        f" ({part.largest[0]}), median {part.median:g}"
    )
    line = f"  {name + ':':<6} {part.examples:,} examples of {part.classes:,} classes, {sizes}"
    if part.singletons:
        line += f"; {part.singletons:,} with one example only"
    return line


def _listing(title, items):
    if not items:
        return [f"  {title}: none"]
    lines = [f"  {title}: {len(items):,}", *(f"    {item}" for item in items[:_LISTED])]
    if len(items) > _LISTED:
        lines.append(f"    ... and {len(items) - _LISTED:,} more in the report's fields")
    return lines


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
