"""The usual names of the parts of data."""

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
    """Returns the part that a name means; `None` for another name.

    >>> part_of("Train"), part_of("validation"), part_of("bus")
    ('train', 'val', None)
    """
    return _NAMES.get(name.strip().lower())


def with_a_test(parts: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns the parts, with the validation part as the test if there is no test; and a note.

    >>> with_a_test(np.array(["train", "val"]))[0].tolist()
    ['train', 'test']
    """
    if "test" in parts or "val" not in parts:
        return parts, ()
    note = "there is no test part: the validation part is the test"
    return np.where(parts == "val", "test", parts), (note,)
