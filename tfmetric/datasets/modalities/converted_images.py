# The methods are described once, on the protocol that the class follows.
# ruff: noqa: D102
"""Image files that TensorFlow's decoders do not read right: TIFF, 16 bits, and EXIF rotation.

They are decoded by Pillow while data is loaded, and kept as PNG in memory. An exported model, which
decodes in TensorFlow, takes the other formats, upright and of 8 bits.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmetric.datasets.decoding import WHITE, resize_images
from tfmetric.datasets.progress import progress
from tfmetric.datasets.stores import Store, content_fingerprint

_PNG = b"\x89PNG\r\n\x1a\n"


class ConvertedStore:
    """A store of which some images are replaced by other bytes, which are kept in memory."""

    def __init__(self, store: Store, converted: Mapping[int, bytes]):
        self._store, self._converted = store, dict(converted)

    def __len__(self):
        return len(self._store)

    def handles(self, positions):
        out = np.empty(len(positions), dtype=object)
        out[:] = [self.read_bytes(int(position)) for position in positions]
        return out

    def fetch(self, handle):
        return handle

    def read_bytes(self, position):
        found = self._converted.get(int(position))
        return self._store.read_bytes(position) if found is None else found

    def ids(self, positions):
        return self._store.ids(positions)

    def fingerprints(self, positions):
        return np.array([content_fingerprint(self.read_bytes(p)) for p in positions], np.uint64)

    def subset(self, positions):
        converted = {
            place: self._converted[int(position)]
            for place, position in enumerate(positions)
            if int(position) in self._converted
        }
        return ConvertedStore(self._store.subset(positions), converted)


def converted(
    store: Store, positions: Sequence[int], image_size: tuple[int, int]
) -> tuple[ConvertedStore, dict[int, str], list[str]]:
    """Decodes these images by Pillow, upright, in 8 bits, and in the size that is wanted.

    Images of more than 8 bits are brought to 8 bits by the lowest and highest value of them all.

    Args:
        store: The encoded images.
        positions: Which images.
        image_size: (height, width).

    Returns:
        The store with these images as PNG; the reason why one cannot be read, by position; notes.
    """
    failed: dict[int, str] = {}
    limits = _limits(store, positions, failed)
    found = {}
    with progress(len(positions), "Converting images") as advance:
        for position in positions:
            advance(1)
            if position in failed:
                continue
            pixels = _pixels(store.read_bytes(position))
            if pixels.dtype != np.uint8:
                low, high = limits
                scaled = (pixels.astype(np.float64) - low) * (255 / max(high - low, 1e-12))
                pixels = np.rint(scaled).astype(np.uint8)
            if pixels.shape[:2] != tuple(image_size):
                pixels = resize_images(pixels[None], image_size).numpy()[0]
            found[position] = _as_png(pixels)
    notes = []
    if found:
        subject = "1 image was" if len(found) == 1 else f"{len(found):,} images were"
        notes.append(
            f"{subject} decoded by Pillow and kept in memory (TIFF, more than 8 bits, or turned by"
            " EXIF); an exported model takes upright images of 8 bits, no TIFF"
        )
    if limits is not None:
        notes.append(
            "images of more than 8 bits were brought to 8 bits by their own range,"
            f" {limits[0]:g} to {limits[1]:g}; value_range=(0, 65535) keeps them as float32"
        )
    return ConvertedStore(store, found), failed, notes


def _limits(store, positions, failed):
    """Returns the range of all values in images of more than 8 bits, if there are such images."""
    limits = None
    for position in positions:
        try:
            pixels = _pixels(store.read_bytes(position))
        except Exception as error:  # Pillow raises many kinds; the reason is reported.
            words = (str(error).splitlines() or [type(error).__name__])[0].split(": <_io")[0]
            failed[position] = f"cannot be decoded, cut short or damaged ({words})"
            continue
        if pixels.dtype != np.uint8:
            low, high = float(pixels.min()), float(pixels.max())
            limits = (low, high) if limits is None else (min(low, limits[0]), max(high, limits[1]))
    return limits


def pixels_as_stored(data: bytes) -> np.ndarray:
    """Decodes an image file upright, with the values that the file has.

    Args:
        data: The bytes of the file.

    Returns:
        `(height, width, 1 or 3)`: `uint8`, or `uint16` or `float32` where the file has more than 8
        bits. An alpha channel is composed on white.
    """
    if data.startswith(_PNG) and data[24:25] == b"\x10":  # Pillow reads no 16-bit colors.
        import tensorflow as tf

        return _composed(tf.io.decode_png(data, dtype=tf.uint16).numpy(), 65535)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A file that Pillow cannot read whole raises an error too.
        return _by_pillow(data)


def _by_pillow(data):
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data)) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I;16"):
            return np.asarray(image).astype(np.uint16)[..., None]
        if image.mode in ("I", "F"):
            return np.asarray(image).astype(np.float32)[..., None]
        if image.has_transparency_data:
            return _composed(np.asarray(image.convert("RGBA")), 255)
        grey = image.mode in ("1", "L")
        pixels = np.asarray(image.convert("L" if grey else "RGB"))
        return pixels.reshape(*pixels.shape[:2], -1)


def _pixels(data):
    pixels = pixels_as_stored(data)
    if not np.isfinite(pixels).all():
        raise ValueError("missing values (NaN or infinite)")
    return pixels


def _composed(pixels: np.ndarray, highest: int) -> np.ndarray:
    if pixels.shape[-1] % 2:
        return pixels
    alpha = pixels[..., -1:].astype(np.float64) / highest
    ground = WHITE / 255 * highest
    return np.rint(pixels[..., :-1] * alpha + ground * (1 - alpha)).astype(pixels.dtype)


def _as_png(pixels: Any) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
