"""The size, color, dtype and range of pixels in arrays."""

from __future__ import annotations

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.decoding import LUMA, resize_images

_SPLIT = 1024  # Images resized at a time.


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
        return within(x, value_range)
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


def within(
    x: np.ndarray, value_range: tuple[float, float]
) -> tuple[np.ndarray, tuple[float, float], tuple[str, ...]]:
    """Checks pixels against their range; returns what `pixels_of` does."""
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
