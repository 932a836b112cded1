"""The names under which people keep the parts of their data."""

from __future__ import annotations

import numpy as np

PARTS = ("train", "val", "test")
_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def part_of(name: str) -> str | None:
    """The part that a folder, an array or a cell means by its name; `None` for another name.

    >>> part_of("Train"), part_of("validation"), part_of("bus")
    ('train', 'val', None)
    """
    return _NAMES.get(name.strip().lower())


def with_a_test(parts: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The parts, where the validation part serves as the test if there is no test; and a note.

    >>> with_a_test(np.array(["train", "val"]))[0].tolist()
    ['train', 'test']
    """
    if "test" in parts or "val" not in parts:
        return parts, ()
    note = "there is no test part: the validation part is the test"
    return np.where(parts == "val", "test", parts), (note,)
