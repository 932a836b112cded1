"""Keeps generated data in a folder of the user."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfmetric._files import replacing


def cache_dir() -> Path:
    """Returns the cache folder: `$TFMETRIC_CACHE`, else the platform's cache folder."""
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
    """Reads the arrays of a file in the cache folder, or makes and writes them.

    Args:
        name: The name of the file; it must change whenever the arrays change.
        keys: The names of the arrays.
        make: Makes them, in the order of the names.
    """
    path = cache_dir() / name
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return tuple(file[key] for key in keys)
    except Exception:  # A missing or damaged file raises many kinds of errors; make it again.
        pass
    arrays = make()
    try:
        with replacing(path) as scratch, open(scratch, "wb") as file:
            named: dict[str, Any] = dict(zip(keys, arrays, strict=True))
            np.savez(file, **named)
    except OSError:
        pass  # If the cache cannot be written, the next call makes the data again.
    return arrays
