"""Keeps mined negatives in a directory, a file a block, so that a mining can go on after a stop."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric._files import replacing
from tfmetric._process_lock import locked

MANIFEST, _LOCK = "mining.json", "mining.lock"
_FORMAT = 1

Arrays = dict[str, np.ndarray]


class Shards:
    """A directory with the negatives of each block of queries, and what they were mined from."""

    def __init__(self, directory: Path, identity: dict[str, Any]):
        """Begins a mining, or goes on with one.

        Args:
            directory: The directory; it is made.
            identity: Settings and digests that the blocks depend on, as JSON has them.

        Raises:
            ValueError: If the directory holds a mining with another identity, or other files.
        """
        self._directory = directory
        self._identity = json.loads(json.dumps({"format": _FORMAT, **identity}))
        manifest = directory / MANIFEST
        if manifest.exists():
            self._refuse_others(json.loads(manifest.read_text(encoding="utf-8")))
            return
        strange = sorted(
            p.name for p in directory.glob("*") if p.name != _LOCK and p.name[0] != "."
        )
        if strange:
            raise ValueError(
                expected(
                    "an empty directory, or one of an earlier mining",
                    directory=str(directory),
                    file=strange[0],
                )
            )
        with replacing(manifest) as draft:
            draft.write_text(json.dumps(self._identity, indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def locked(directory: Path) -> Any:
        """Keeps other processes out of the directory for a block of code."""
        return locked(directory / _LOCK, directory)

    def stored(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Returns an array of the directory as a memory map; makes it where it is missing.

        Args:
            name: Name of the file without its ending.
            make: Function that makes the array.
        """
        path = self._directory / f"{name}.npy"
        if not path.exists():
            with replacing(path) as draft, draft.open("wb") as file:
                np.save(file, make(), allow_pickle=False)
        return np.load(path, mmap_mode="r", allow_pickle=False)

    def block(self, number: int, make: Callable[[], Arrays]) -> Arrays:
        """Returns the arrays of a block; makes and writes them where they are missing.

        Args:
            number: The number of the block.
            make: Function that makes the arrays.
        """
        path = self._directory / f"negatives-{number:06d}.npz"
        if not path.exists():
            with replacing(path) as draft, draft.open("wb") as file:
                np.savez(file, allow_pickle=False, **make())
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}

    def _refuse_others(self, held):
        for name in sorted({*held, *self._identity}):
            if held.get(name) != self._identity.get(name):
                raise ValueError(
                    expected(
                        f"the same {name} as in the earlier mining of this directory; mine into "
                        "another directory, or remove this one",
                        directory=str(self._directory),
                        **{f"earlier_{name}": held.get(name), name: self._identity.get(name)},
                    )
                )
