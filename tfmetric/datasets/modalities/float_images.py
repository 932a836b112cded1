"""Image files whose values are kept as they are stored, in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.encoded import DecodedSource
from tfmetric.datasets.modalities.converted_images import pixels_as_stored
from tfmetric.datasets.modalities.modality import Usable
from tfmetric.datasets.modalities.pixels import changed, within
from tfmetric.datasets.progress import progress
from tfmetric.datasets.stores import FileStore
from tfmetric.elements import Element


def float_images(
    store: Any,
    value_range: tuple[float, float],
    image_size: tuple[int, int] | None,
    color: str,
) -> Usable:
    """Decodes every file upright, without a change of its values; a bad file is left out.

    Args:
        store: The encoded images.
        value_range: The (lowest, highest) value that a pixel can have.
        image_size: (height, width), needed where the files have several sizes.
        color: "auto", "grey" or "rgb".
    """
    skipped: dict[int, str] = {}
    found: dict[int, np.ndarray] = {}
    with progress(len(store), "Decoding images") as advance:
        for position in range(len(store)):
            advance(1)
            fault = store.fault(position) if isinstance(store, FileStore) else ""
            pixels = np.empty((0, 0, 1), np.uint8)
            try:
                pixels = pixels if fault else pixels_as_stored(store.read_bytes(position))
            except Exception as error:  # Pillow raises many kinds; the reason is reported.
                words = (str(error).splitlines() or [type(error).__name__])[0].split(": <_io")[0]
                fault = f"cannot be decoded, cut short or damaged ({words})"
            if pixels is not None and not np.isfinite(pixels).all():
                fault = "missing values (NaN or infinite)"
            if fault or pixels is None:
                skipped[position] = fault
            else:
                found[position] = _in_range(pixels, value_range, store, position)
    keep = np.array(sorted(found), np.int64)
    images = [found[position] for position in keep.tolist()]
    if color == "auto":
        color = "grey" if all(image.shape[-1] == 1 for image in images) else "rgb"
    sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1 and image_size is None:
        raise ValueError(
            expected("image_size= with images of several sizes", sizes=sorted(sizes)[:5])
        )
    images = [changed(image[None], image_size, color)[0] for image in images]
    shape = images[0].shape if images else (1, 1, 1)
    dtype = np.result_type(*images) if images else np.dtype("float32")
    array = np.stack(images).astype(dtype) if images else np.empty((0, *shape), dtype)
    element = Element("image", shape, dtype.name, options={"range": tuple(value_range)})
    source = DecodedSource(array, store.subset(keep), element)
    return Usable(source, keep, skipped, (), "every image was decoded")


def _in_range(pixels, value_range, store, position):
    try:
        return within(pixels, value_range)[0]
    except ValueError as error:
        file = str(store.ids(np.array([position]))[0])
        raise ValueError(f"{error}, file={file!r}") from error
