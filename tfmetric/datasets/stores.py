# The methods are described once, on the protocol that the classes here follow.
# ruff: noqa: D102
"""Stores of encoded images: single files, or records inside larger files.

A store is a list of encoded images, read one at a time. It holds only paths and offsets, so a
million images cost some megabytes.
"""

from __future__ import annotations

import mmap
import os
import stat
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

HEAD_BYTES = 4096


class Store(Protocol):
    """A list of encoded images, read on demand."""

    def __len__(self) -> int:
        """Returns the number of images."""

    def handles(self, positions: np.ndarray) -> np.ndarray:
        """Returns the handles of these images for the pipeline: an object array of bytes."""

    def fetch(self, handle: Any) -> Any:
        """Returns, in TensorFlow, the encoded bytes for one handle (a scalar string tensor)."""

    def read_bytes(self, position: int) -> bytes:
        """Returns the encoded bytes of one image."""

    def ids(self, positions: np.ndarray) -> np.ndarray:
        """Returns the origins of these images, as text."""

    def fingerprints(self, positions: np.ndarray) -> np.ndarray:
        """Returns a cheap `uint64` for each image, equal for equal bytes (not conversely)."""

    def subset(self, positions: np.ndarray) -> Store:
        """Returns a store of these images only."""


class FileStore:
    """Images in single files. Paths are kept relative to `root`, as bytes, to save memory."""

    def __init__(self, root: str | os.PathLike, paths: Sequence[str] | np.ndarray):
        self.root = os.fspath(root)
        if not isinstance(paths, np.ndarray):
            paths = np.array([os.fsencode(path) for path in paths], dtype=np.bytes_)
        self._paths = paths

    def __len__(self):
        return len(self._paths)

    def path(self, position: int) -> str:
        """Returns the path of one image."""
        return os.path.join(self.root, os.fsdecode(self._paths[position]))

    def fault(self, position: int) -> str:
        """Reason why the file cannot be opened, or "". Opening a pipe would wait forever."""
        try:
            regular = stat.S_ISREG(os.stat(self.path(position)).st_mode)
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        return "" if regular else "no regular file"

    def handles(self, positions):
        root = os.fsencode(self.root)
        joined = [os.path.join(root, path) for path in self._paths[positions]]
        return np.array(joined, dtype=object)

    def fetch(self, handle):
        import tensorflow as tf

        return tf.io.read_file(handle)

    def read_bytes(self, position):
        with open(self.path(position), "rb") as file:
            return file.read()

    def ids(self, positions):
        return np.array([os.fsdecode(path) for path in self._paths[positions]], dtype=np.str_)

    def fingerprints(self, positions):
        return np.array([self._fingerprint(position) for position in positions], dtype=np.uint64)

    def _fingerprint(self, position):
        with open(self.path(position), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return _fingerprint(size, file.read(HEAD_BYTES))

    def subset(self, positions):
        return FileStore(self.root, self._paths[positions])


class SpanStore:
    """Images that are spans of bytes inside big files, such as TFRecord shards.

    The files are memory-mapped: only the pages of requested images are read.
    """

    def __init__(
        self, name: str, files: Sequence[str], file_of: np.ndarray, start: np.ndarray, size
    ):
        self._name = name
        self._files = tuple(os.fspath(file) for file in files)
        self._file_of, self._start, self._size = file_of, start, size
        self._number = np.arange(len(start))

    def __len__(self):
        return len(self._start)

    def handles(self, positions):
        out = np.empty(len(positions), dtype=object)
        out[:] = [self.read_bytes(position) for position in positions]
        return out

    def fetch(self, handle):
        return handle

    def read_bytes(self, position):
        data = mapped(self._files[self._file_of[position]])
        start = int(self._start[position])
        return data[start : start + int(self._size[position])]

    def ids(self, positions):
        return np.array([f"{self._name}/{n}" for n in self._number[positions]], dtype=np.str_)

    def fingerprints(self, positions):
        values = (_fingerprint(len(data), data) for data in map(self.read_bytes, positions))
        return np.fromiter(values, dtype=np.uint64, count=len(positions))

    def subset(self, positions):
        part = SpanStore(
            self._name,
            self._files,
            self._file_of[positions],
            self._start[positions],
            self._size[positions],
        )
        part._number = self._number[positions]
        return part


@lru_cache(maxsize=4096)
def mapped(path: str) -> mmap.mmap:
    """Opens the file once as a read-only memory map."""
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def content_fingerprint(data: bytes) -> int:
    """Returns a number that is equal for equal bytes (the reverse need not hold)."""
    return _fingerprint(len(data), data)


def _fingerprint(size: int, head: bytes) -> int:
    return (size << 32 | zlib.crc32(head[:HEAD_BYTES])) & 0xFFFFFFFFFFFFFFFF
