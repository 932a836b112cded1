"""Images: arrays of pixels, and image files."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.modalities.image_files import SUFFIXES, image_files
from tfmetric.datasets.modalities.modality import (
    Modality,
    Usable,
    kept,
    kept_ids,
    require_one_shape,
    rows_without_missing,
)
from tfmetric.datasets.modalities.pixels import changed, pixels_of
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
    require_one_shape(values, "image")
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


MODALITY = Modality(
    "image",
    ("image_size", "color", "value_range"),
    image_values,
    image_files,
    suffixes=SUFFIXES,
    formats="PNG, JPEG, GIF, BMP, WebP or TIFF",
)
