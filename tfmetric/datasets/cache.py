"""Data that is made once and kept in a folder of the user's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfmetric._files import replacing


def cache_dir() -> Path:
    """Where rendered data is kept: `$TFMETRIC_CACHE`, else the platform's cache folder."""
    if os.environ.get("TFMETRIC_CACHE"):
        return Path(os.environ["TFMETRIC_CACHE"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "tfmetric"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/tfmetric"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfmetric"


def cached(
    name: str, keys: tuple[str, ...], make: Callable[[], tuple[np.ndarray, ...]]
) -> tuple[np.ndarray, ...]:
    """The arrays of a file in the cache folder, made and written where it is not there.

    Args:
        name: The name of the file; it must change whenever the arrays would.
        keys: The names of the arrays.
        make: Makes them, in the order of the names.
    """
    path = cache_dir() / name
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return tuple(file[key] for key in keys)
    except Exception:  # Not there, or damaged, of which NumPy tells in a dozen ways: make it.
        pass
    arrays = make()
    try:
        with replacing(path) as scratch, open(scratch, "wb") as file:
            np.savez(file, **dict(zip(keys, arrays, strict=True)))
    except OSError:
        pass  # A cache that cannot be written only costs the making the next time.
    return arrays
