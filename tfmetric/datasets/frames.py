# The methods are described once, on the protocols that the classes here follow.
# ruff: noqa: D102
"""Videos as folders of image files, a file a frame."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfmetric.datasets.encoded import EncodedSource
from tfmetric.datasets.stores import FileStore
from tfmetric.elements import Element

# Paths have no zero byte.
_BETWEEN = b"\0"


class FrameFolders:
    """A list of videos, each a folder of image files that are its frames.

    Attributes:
        frames: The files of all videos, end to end.
        offset: `int64` `(N + 1,)`: the frames of video i are those from `offset[i]` to
            `offset[i + 1]`.
    """

    def __init__(self, root: str | os.PathLike, folders: Sequence[str], suffixes: tuple[str, ...]):
        """Lists the frames of each folder.

        Args:
            root: The folder that the paths are relative to.
            folders: The path of each video.
            suffixes: How the names of image files end, lower case.
        """
        names = [_frame_names(os.path.join(os.fspath(root), path), suffixes) for path in folders]
        paths = [
            os.path.join(folder, name)
            for folder, found in zip(folders, names, strict=True)
            for name in found
        ]
        self.frames = FileStore(root, paths)
        self.offset = np.cumsum([0, *map(len, names)])
        self._folders = tuple(os.fspath(folder) for folder in folders)

    def __len__(self):
        return len(self._folders)

    def ids(self, positions):
        return np.array([self._folders[position] for position in positions], np.str_)


class FrameSource:
    """Videos whose frames are decoded as they are needed; see `RaggedSource` for the batches."""

    batched = False

    def __init__(
        self, frames: EncodedSource, rows: Sequence[np.ndarray], element: Element, ids: np.ndarray
    ):
        """Makes a source of frames.

        Args:
            frames: The frames of all videos.
            rows: For each video the positions of its frames.
            element: What one video is; its length is free.
            ids: Where each video came from, text `(N,)`.
        """
        self.element = element
        self._frames, self._rows, self._ids = frames, tuple(rows), ids

    def __len__(self):
        return len(self._rows)

    def handle_specs(self):
        return (("string", ()),)

    def handles(self, positions):
        out = np.empty(len(positions), object)
        for place, position in enumerate(positions):
            out[place] = _BETWEEN.join(self._frames.handles(self._rows[position])[0])
        return (out,)

    def loader(self):
        import tensorflow as tf

        frame = self._frames.loader()
        spec = tf.TensorSpec(self.element.shape[1:], self.element.dtype)

        def load(handle):
            paths = tf.strings.split(handle, _BETWEEN)
            values = tf.map_fn(frame, paths, fn_output_signature=spec)
            return {"values": values, "length": tf.size(paths)}

        return load

    def read(self, positions):
        length = np.array([len(self._rows[position]) for position in positions], np.int32)
        shape = (len(length), length.max(initial=0), *self.element.shape[1:])
        values = np.zeros(shape, self.element.dtype)
        if len(length):
            every = self._frames.read(np.concatenate([self._rows[p] for p in positions]))
            values[np.arange(shape[1]) < length[:, None]] = every
        return {"values": values, "length": length}

    def ids(self, positions):
        return self._ids[positions]

    def fingerprints(self, positions):
        digests = [self.digest(position) for position in positions]
        return np.array([int.from_bytes(digest[:8], "little") for digest in digests], np.uint64)

    def digest(self, position):
        digests = [self._frames.digest(row) for row in self._rows[position]]
        return hashlib.blake2b(b"".join(digests), digest_size=16).digest()


def _frame_names(folder: str, suffixes: tuple[str, ...]) -> list[str]:
    """The image files of a folder in the order of their numbers: frame 2 before frame 10."""
    try:
        names = os.listdir(folder)
    except OSError:  # No folder, or no right to read it: a video without frames.
        return []
    names = [name for name in names if name[0] != "." and name.lower().endswith(suffixes)]
    return sorted(names, key=_by_number)


def _by_number(name: str) -> list[Any]:
    # The parts alternate between text and digits, so that only like parts are compared.
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)] + [name]
