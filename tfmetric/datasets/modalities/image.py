"""Images: arrays of pixels, and image files."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.decoding import LUMA, resize_images
from tfmetric.datasets.modalities.image_files import SUFFIXES, image_files
from tfmetric.datasets.modalities.modality import (
    Modality,
    Usable,
    kept,
    kept_ids,
    rows_without_missing,
)
from tfmetric.datasets.sources import ArraySource
from tfmetric.elements import Element

_SPLIT = 1024  # Number of images resized at a time.


def image_values(
    values: Any,
    name: str,
    ids: np.ndarray | None = None,
    image_size: tuple[int, int] | None = None,
    color: str = "auto",
    value_range: tuple[float, float] | None = None,
) -> Usable:
    """Reads `(N, height, width)`, `(N, height, width, channels)`, or volumes with a leading depth.

    Args:
        values: `uint8` is kept. Booleans become 0 and 255. `uint16` is scaled to 8 bits by its
            lowest and highest value, or kept as `float32` if `value_range` is given. Other integers
            need a `value_range`. Floats are kept, as `float32`.
        name: Prefix of the ids.
        ids: The ids, `(N,)` text.
        image_size: (height, width) to resize to.
        color: "grey" or "rgb" to convert one or three channels; "auto" keeps them.
        value_range: The (lowest, highest) value that a pixel can have; values outside raise an
            error.
    """
    x = np.asarray(values)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim not in (4, 5) or x.dtype.kind not in "fiub":
        raise ValueError(
            expected(
                "images as numbers of shape (N, height, width[, channels]), or volumes (N, depth,"
                " height, width, channels)",
                shape=x.shape,
                dtype=str(x.dtype),
            )
        )
    keep, skipped = rows_without_missing(x)
    x = kept(x, keep, len(x))
    ids = kept_ids(ids, name, keep, len(values))
    x, limits, notes = pixels_of(x, value_range)
    x = changed(x, image_size, color)
    options = {} if limits is None else {"range": limits}
    element = Element("image", x.shape[1:], x.dtype.name, options=options)
    return Usable(ArraySource(x, name, ids, element), keep, skipped, notes)


def changed(x: np.ndarray, image_size: tuple[int, int] | None, color: str) -> np.ndarray:
    """Converts size and color; returns the array itself if both already fit."""
    channels = x.shape[-1]
    wanted = {"grey": 1, "rgb": 3}.get(color, channels)
    resize = image_size is not None and x.shape[-3:-1] != tuple(image_size)
    if (wanted != channels and channels not in (1, 3)) or (resize and x.ndim == 5):
        raise ValueError(
            expected(
                "flat images of one or three channels, to change their size or color; leave"
                " image_size and color out",
                shape=x.shape,
                image_size=image_size,
                color=color,
            )
        )
    if wanted == 1 and channels == 3:
        grey = x @ np.array(LUMA, np.float32)
        x = (np.rint(grey).astype(np.uint8) if x.dtype == np.uint8 else grey)[..., None]
    elif wanted == 3 and channels == 1:
        x = np.repeat(x, 3, axis=-1)
    if resize and image_size is not None:
        parts = [x[i : i + _SPLIT] for i in range(0, len(x), _SPLIT)]
        x = np.concatenate([resize_images(part, image_size).numpy() for part in parts])
    return x


def pixels_of(
    x: np.ndarray, value_range: tuple[float, float] | None
) -> tuple[np.ndarray, tuple[float, float] | None, tuple[str, ...]]:
    """Brings pixels to `uint8` or `float32`, as `image_values` describes it.

    Returns:
        The pixels, their (lowest, highest) value where it is known, and notes.
    """
    if value_range is not None:
        return _within(x, value_range)
    if x.dtype == np.uint8:
        return x, (0, 255), ()
    if x.dtype == np.bool_:
        return x.astype(np.uint8) * 255, (0, 255), ("boolean images were scaled to 0 and 255",)
    if x.dtype == np.uint16:
        low, high = int(x.min(initial=65535)), int(x.max(initial=0))
        scale = np.float32(255 / max(high - low, 1))
        x = np.rint((x - np.float32(low)) * scale).astype(np.uint8)
        note = (
            f"16-bit images were brought to 8 bits by their own range, {low} to {high};"
            " value_range=(0, 65535) keeps them as float32"
        )
        return x, (0, 255), (note,)
    if x.dtype.kind == "f":
        return x.astype(np.float32, copy=False), None, ()
    raise ValueError(
        expected(
            "value_range=(lowest, highest) with images of this dtype, such as (0, 255)",
            dtype=str(x.dtype),
        )
    )


def _within(x, value_range):
    low, high = value_range
    if len(x) and (x.min() < low or x.max() > high):
        raise ValueError(
            expected(
                "images within the value_range",
                value_range=tuple(value_range),
                lowest=x.min().item(),
                highest=x.max().item(),
            )
        )
    bytes_hold = x.dtype.kind in "iu" and low == 0 and high == 255
    dtype = np.uint8 if bytes_hold or x.dtype == np.uint8 else np.float32
    return x.astype(dtype, copy=False), (low, high), ()


MODALITY = Modality(
    "image",
    ("image_size", "color", "value_range"),
    image_values,
    image_files,
    suffixes=SUFFIXES,
    formats="PNG, JPEG, GIF, BMP or WebP",
)
