"""Image files: their sizes, colour and unreadable ones, and whether they are kept in memory."""

from __future__ import annotations

import io
import os
import warnings
from functools import partial

import numpy as np

from tfmetric.datasets.decoding import decode_image
from tfmetric.datasets.encoded import DecodedSource, EncodedSource
from tfmetric.datasets.modalities.modality import Usable
from tfmetric.datasets.progress import progress
from tfmetric.datasets.stores import FileStore, Store
from tfmetric.elements import Element

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")

# Images of several sizes are brought to this one where the user names none.
DEFAULT_IMAGE_SIZE = (64, 64)
# verify="auto": every image is decoded once up to this many; beyond, sizes and headers are read.
FULL_CHECK_LIMIT = 20_000
# A set that decodes to no more than this is kept in memory; a bigger one is read batch by batch.
CACHE_BYTES = 512 * 2**20

VERIFY = ("auto", "full", "quick")
COLORS = ("auto", "grey", "rgb")
_MAGIC = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"BM": "BMP"}
# How files of these formats end. A cut file does not; nor does a whole one with data appended.
_ENDS = {b"\x89PNG": b"IEND", b"\xff\xd8\xff": b"\xff\xd9", b"GIF8": b";"}
_TAIL = 32
_SAMPLE = 256


def image_element(size: tuple[int, int], channels: int) -> Element:
    """The element of 8-bit images."""
    return Element("image", (*size, channels), "uint8", options={"range": (0, 255)})


def image_files(
    store: Store,
    verify: str,
    cache_bytes: int,
    image_size: tuple[int, int] | None = None,
    color: str = "auto",
) -> Usable:
    """Checks the images of a store and chooses how they are read.

    Args:
        store: The encoded images.
        verify: "auto", "full" or "quick".
        cache_bytes: Decoded sets up to this size are kept in memory.
        image_size: (height, width), or `None` for the images' own size if they share one.
        color: "auto", "grey" or "rgb".
    """
    if verify == "auto":
        verify = "full" if len(store) <= FULL_CHECK_LIMIT else "quick"
    bad, suspects = _bad_files(store) if isinstance(store, FileStore) else ({}, [])
    keep = np.array([i for i in range(len(store)) if i not in bad], np.int64)
    notes: list[str] = []
    if len(keep):
        shown = keep if verify == "full" and isinstance(store, FileStore) else _spread(keep)
        sizes, looks_grey = _look(store, shown)
        if image_size is None:
            image_size, note = _common_size(sizes)
            notes += note
        channels, note = _channels(store, keep, color, looks_grey)
        notes += note
        source = _source(store, image_size, channels)
        cache = len(keep) * int(np.prod(source.element.shape)) <= cache_bytes
        if cache or verify == "full":
            pixels, failed = source.decode(keep, keep=cache, show=True)
            for place in failed:
                bad[int(keep[place])] = source.why_unreadable(int(keep[place]))
            good = np.delete(np.arange(len(keep)), failed)
            keep = keep[good]
            source = _source(store.subset(keep), image_size, channels)
            if cache:
                pixels = pixels if not len(failed) else pixels[good]
                source = DecodedSource(pixels, source.store, source.element)
            check = "every image was decoded"
        else:
            suspects = np.array(suspects, np.int64)
            _, failed = source.decode(suspects, keep=False, show=True)
            for position in suspects[failed].tolist():
                bad[position] = source.why_unreadable(position)
            keep = keep[~np.isin(keep, suspects[failed])]
            source = _source(store.subset(keep), image_size, channels)
            check = (
                "file sizes, headers and endings only, and images with an odd ending were decoded"
                ' (verify="full" decodes every image)'
            )
    if not len(keep):
        source, check = _source(store.subset(keep), image_size or DEFAULT_IMAGE_SIZE, 3), "files"
    return Usable(source, keep, bad, tuple(notes), check)


def _source(store, size, channels):
    decode = partial(decode_image, image_size=tuple(size), channels=channels)
    return EncodedSource(store, image_element(size, channels), decode)


def _bad_files(store):
    """{position: reason} of files that can be no image, and positions of those that look cut."""
    bad, suspects = {}, []
    with progress(len(store), "Checking files") as advance:
        for i in range(len(store)):
            try:
                with open(store.path(i), "rb") as file:
                    head = file.read(8)
                    file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
                    tail = file.read(_TAIL)
            except OSError as error:
                bad[i] = f"cannot be read ({os.strerror(error.errno)})"
            else:
                if not head:
                    bad[i] = "empty file"
                elif not any(head.startswith(magic) for magic in _MAGIC):
                    bad[i] = "not a PNG, JPEG, GIF or BMP image"
                elif any(head.startswith(h) and end not in tail for h, end in _ENDS.items()):
                    suspects.append(i)
            if i % 1000 == 999:
                advance(1000)
    return bad, suspects


def _look(store, positions):
    """The distinct (height, width) of these images, and whether all are stored as grey."""
    from PIL import Image

    sizes, grey = set(), True
    for position in positions:
        # A file's header is enough for Pillow, and saves reading the rest.
        file = (
            store.path(position)
            if isinstance(store, FileStore)
            else io.BytesIO(store.read_bytes(position))
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow warns of very large images.
                with Image.open(file) as image:
                    sizes.add((image.height, image.width))
                    grey = grey and image.mode in ("1", "L", "LA", "I", "I;16", "F")
        except Exception:  # Pillow raises many kinds; decoding reports the file in a moment.
            continue
    return sizes, grey


def _common_size(sizes):
    if len(sizes) == 1:
        return next(iter(sizes)), []
    if not sizes:
        return DEFAULT_IMAGE_SIZE, []  # No image can be read; decoding says why.
    size = DEFAULT_IMAGE_SIZE
    note = (
        f"the images have several sizes: all were resized to {size[0]}×{size[1]};"
        " pass image_size=(height, width) to choose"
    )
    return size, [note]


def _channels(store, keep, color, looks_grey):
    if color != "auto":
        return (1 if color == "grey" else 3), []
    if looks_grey:
        return 1, []
    sample = _spread(keep)
    source = _source(store, DEFAULT_IMAGE_SIZE, 3)
    pixels, failed = source.decode(sample)
    pixels = np.delete(pixels, failed, axis=0)
    if len(pixels) and (pixels == pixels[..., :1]).all():
        note = (
            f"the three colour channels are equal in {len(pixels)} images looked at: read as grey"
        )
        return 1, [note + ' (color="rgb" keeps three)']
    return 3, []


def _spread(positions):
    places = np.linspace(0, len(positions) - 1, min(len(positions), _SAMPLE)).astype(np.int64)
    return positions[places]
