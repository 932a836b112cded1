"""Videos: arrays of frames, and folders of image files that are the frames."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.encoded import EncodedSource
from tfmetric.datasets.frames import FrameFolders, FrameSource
from tfmetric.datasets.modalities.image_files import SUFFIXES, image_files
from tfmetric.datasets.modalities.modality import Modality, Usable, kept_ids
from tfmetric.datasets.modalities.pixels import changed, pixels_of
from tfmetric.datasets.ragged import RaggedSource
from tfmetric.datasets.sources import ArraySource
from tfmetric.datasets.stores import FileStore
from tfmetric.elements import Element


def video_values(
    values: Any,
    name: str,
    ids: np.ndarray | None = None,
    image_size: tuple[int, int] | None = None,
    color: str = "auto",
    value_range: tuple[float, float] | None = None,
) -> Usable:
    """Takes an array `(N, frames, height, width, channels)`, or a list of such videos.

    Pixels are treated as those of images. Videos without a frame and those with a NaN or an
    infinity are left out.

    Args:
        values: The videos. An array has one length; in a list lengths may differ.
        name: What the ids begin with.
        ids: The ids, `(N,)` text.
        image_size: (height, width) to resize the frames to.
        color: "grey" or "rgb" to convert the frames; "auto" keeps them.
        value_range: The (lowest, highest) value that a pixel can have.
    """
    videos = [np.asarray(video) for video in values]
    _require_frames(videos)
    lengths = {len(video) for video in videos}
    one_length = next(iter(lengths)) if len(lengths) == 1 else None
    skipped = {}
    for row, video in enumerate(videos):
        if not video.size:
            skipped[row] = "no frames"
        elif video.dtype.kind == "f" and not np.isfinite(video).all():
            skipped[row] = "missing values (NaN or infinite)"
    keep = np.array([row for row in range(len(videos)) if row not in skipped], np.int64)
    own = kept_ids(ids, name, keep, len(videos))
    videos = [videos[row] for row in keep]
    frames, limits, notes = _frames(videos, image_size, color, value_range)
    options = {} if limits is None else {"range": limits}
    element = Element("video", (one_length, *frames.shape[1:]), frames.dtype.name, options=options)
    source: Any
    if one_length is None:
        offset = np.cumsum([0, *map(len, videos)])
        source = RaggedSource(frames, offset, element, name, own)
    else:
        source = ArraySource(frames.reshape(len(videos), *element.shape), name, own, element)
    return Usable(source, keep, skipped, tuple(notes))


def video_files(
    store: FrameFolders,
    verify: str,
    cache_bytes: int,
    image_size: tuple[int, int] | None = None,
    color: str = "auto",
    value_range: tuple[float, float] | None = None,
) -> Usable:
    """Checks the frames of all videos as image files; a video with a bad frame is left out.

    Args:
        store: The videos.
        verify: "auto", "full" or "quick", for the frames.
        cache_bytes: Decoded sets up to this size are kept in memory.
        image_size: (height, width), or `None` for the frames' own size if they share one.
        color: "auto", "grey" or "rgb".
        value_range: The range of the pixels as the files store them, see `image_files`.
    """
    frames = image_files(store.frames, verify, cache_bytes, image_size, color, value_range)
    place = np.full(len(store.frames), -1)
    place[frames.keep] = np.arange(len(frames.keep))
    rows, skipped = [], {}
    for video in range(len(store)):
        start, stop = store.offset[video], store.offset[video + 1]
        bad = next((frame for frame in range(start, stop) if frame in frames.skipped), None)
        if start == stop:
            skipped[video] = f"no frames, which are files that end in {', '.join(SUFFIXES)}"
        elif bad is not None:
            file = os.path.basename(store.frames.path(bad))
            skipped[video] = f"frame {file}: {frames.skipped[bad]}"
        else:
            rows.append(place[start:stop])
    keep = np.array([video for video in range(len(store)) if video not in skipped], np.int64)
    one = frames.source.element
    element = Element("video", (None, *one.shape), one.dtype, options=one.options)
    ids = store.ids(keep)
    source: Any
    if isinstance(frames.source, EncodedSource) and isinstance(frames.source.store, FileStore):
        source = FrameSource(frames.source, rows, element, ids)
    else:
        order = np.concatenate([np.empty(0, np.int64), *rows])
        offset = np.cumsum([0, *map(len, rows)])
        source = RaggedSource(frames.source.read(order), offset, element, "video", ids)
    return Usable(source, keep, skipped, frames.notes, f"of each frame: {frames.check}")


def _require_frames(videos: Sequence[np.ndarray]) -> None:
    for row, video in enumerate(videos):
        if video.ndim != 4 or video.dtype.kind not in "fiub":
            raise ValueError(
                expected(
                    "each video as numbers of shape (frames, height, width, channels); give grey"
                    " frames an axis of one channel",
                    row=row,
                    shape=video.shape,
                    dtype=str(video.dtype),
                )
            )


def _frames(videos, image_size, color, value_range):
    """All frames end to end, in one size and color; their range and notes."""
    if not videos:
        return np.empty((0, 1, 1, 1), np.uint8), None, ()
    dtypes = {video.dtype.name for video in videos}
    if len(dtypes) > 1:
        raise ValueError(expected("videos of one dtype", dtypes=sorted(dtypes)))
    shapes = [video.shape for video in videos]
    flat = np.concatenate([video.reshape(-1) for video in videos])
    flat, limits, notes = pixels_of(flat, value_range)
    ends = np.cumsum([video.size for video in videos])[:-1]
    pieces = [
        changed(part.reshape(shape), image_size, color)
        for part, shape in zip(np.split(flat, ends), shapes, strict=True)
    ]
    for row, piece in enumerate(pieces):
        if piece.shape[1:] != pieces[0].shape[1:]:
            raise ValueError(
                expected(
                    "videos whose frames have one size and number of channels, as those of the"
                    f" first, {pieces[0].shape[1:]}; image_size= brings them to one size",
                    row=row,
                    shape=piece.shape,
                )
            )
    return np.concatenate(pieces), limits, notes


MODALITY = Modality(
    "video",
    ("image_size", "color", "value_range"),
    video_values,
    video_files,
    formats="folders of image files with kind='video'",
    store=partial(FrameFolders, suffixes=SUFFIXES),
)
