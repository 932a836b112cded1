"""Image files: checks sizes, colours and readability, and decides on keeping them in memory."""

from __future__ import annotations

from functools import partial

import numpy as np

from tfmetric.datasets.decoding import decode_image
from tfmetric.datasets.encoded import DecodedSource, EncodedSource
from tfmetric.datasets.modalities.converted_images import converted
from tfmetric.datasets.modalities.float_images import float_images
from tfmetric.datasets.modalities.image_headers import look_at
from tfmetric.datasets.modalities.modality import Usable
from tfmetric.datasets.stores import FileStore, Store
from tfmetric.elements import Element

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")

# Images of several sizes are resized to this size by default.
DEFAULT_IMAGE_SIZE = (64, 64)
# verify="auto" decodes every image up to this number; above, it reads sizes and headers.
FULL_CHECK_LIMIT = 20_000
# A decoded set up to this size is kept in memory; a larger set is read batch by batch.
CACHE_BYTES = 512 * 2**20

VERIFY = ("auto", "full", "quick")
COLORS = ("auto", "grey", "rgb")
_SAMPLE = 256


def image_element(size: tuple[int, int], channels: int) -> Element:
    """Returns the element of 8-bit images."""
    return Element("image", (*size, channels), "uint8", options={"range": (0, 255)})


def image_files(
    store: Store,
    verify: str,
    cache_bytes: int,
    image_size: tuple[int, int] | None = None,
    color: str = "auto",
    value_range: tuple[float, float] | None = None,
) -> Usable:
    """Checks the images of a store and chooses how to read them.

    Args:
        store: The encoded images.
        verify: "auto", "full" or "quick".
        cache_bytes: Decoded sets up to this size are kept in memory.
        image_size: (height, width), or `None` for the images' own size if they share one.
        color: "auto", "grey" or "rgb".
        value_range: The range of the pixels as the files store them, which are then kept as
            `float32` in memory; by default pixels have 8 bits.
    """
    if value_range is not None:
        return float_images(store, value_range, image_size, color)
    chosen = verify
    if verify == "auto":
        verify = "full" if len(store) <= FULL_CHECK_LIMIT else "quick"
    every = np.arange(len(store))
    full = verify == "full"
    found = look_at(store, every if full else _spread(every), checksums=not full)
    bad, suspects = found.bad, found.suspects
    keep = np.array([i for i in every.tolist() if i not in bad], np.int64)
    notes: list[str] = []
    if len(keep):
        sizes = found.sizes
        if image_size is None:
            image_size, note = _common_size(sizes)
            notes += note
        if found.special:
            given = [position for position in found.special if position not in bad]
            store, failed, more = converted(store, given, image_size)
            bad |= failed
            notes += more
            suspects = [position for position in suspects if position not in failed]
            keep = np.array([i for i in keep.tolist() if i not in failed], np.int64)
    if len(keep) and image_size is not None:
        channels, note = _channels(store, keep, color, found.grey)
        notes += note
        # Every PNG can be read with three channels, and a grey PNG with one.
        size = image_size or DEFAULT_IMAGE_SIZE
        plain = found.png and found.sizes == {tuple(size)} and (channels == 3 or found.grey)
        plain = plain and isinstance(store, FileStore)
        source = _source(store, image_size, channels, plain)
        cache = chosen != "quick" and len(keep) * int(np.prod(source.element.shape)) <= cache_bytes
        if cache or verify == "full":
            pixels, failed = source.decode(keep, keep=cache, show=True)
            for place in failed:
                bad[int(keep[place])] = source.why_unreadable(int(keep[place]))
            good = np.delete(np.arange(len(keep)), failed)
            keep = keep[good]
            source = _source(store.subset(keep), image_size, channels, plain)
            if cache:
                pixels = pixels if not len(failed) else pixels[good]
                notes += _constant(pixels, source.store)
                source = DecodedSource(pixels, source.store, source.element)
            check = "every image was decoded"
        else:
            doubtful = np.array(suspects, np.int64)
            _, failed = source.decode(doubtful, keep=False, show=True)
            for position in doubtful[failed].tolist():
                bad[position] = source.why_unreadable(position)
            keep = keep[~np.isin(keep, doubtful[failed])]
            source = _source(store.subset(keep), image_size, channels, plain)
            sample = _spread(np.arange(len(keep)))
            pixels, failed = source.decode(sample)
            looked_at = source.store.subset(np.delete(sample, failed))
            notes += _constant(np.delete(pixels, failed, axis=0), looked_at)
            check = (
                "file sizes, headers, endings and the checksums of PNG files; images with an odd"
                " ending or checksum were decoded"
                ' (verify="full" decodes every image)'
            )
    if not len(keep):
        source, check = _source(store.subset(keep), image_size or DEFAULT_IMAGE_SIZE, 3), "files"
    return Usable(source, keep, bad, tuple(notes), check)


def _source(store, size, channels, plain=False):
    if plain:
        decode = partial(_decode_plain_png, size=tuple(size), channels=channels)
    else:
        decode = partial(decode_image, image_size=tuple(size), channels=channels)
    return EncodedSource(store, image_element(size, channels), decode)


def _decode_plain_png(encoded, size, channels):
    """Returns the pixels of `decode_image`, by one operation instead of twenty."""
    import tensorflow as tf

    image = tf.io.decode_png(encoded, channels=channels)
    return tf.ensure_shape(image, (*size, channels))


def _constant(pixels, store):
    """Returns a note on images that hold a single value."""
    flat = pixels.reshape(len(pixels), -1)
    rows = np.flatnonzero([(row == row[0]).all() for row in flat])
    if not len(rows):
        return []
    first = ", ".join(store.ids(rows[:3]).tolist())
    more = ", ..." if len(rows) > 3 else ""
    return [f"{len(rows):,} of {len(pixels):,} images looked at hold one value only: {first}{more}"]


def _common_size(sizes):
    if len(sizes) == 1:
        return next(iter(sizes)), []
    if not sizes:
        return DEFAULT_IMAGE_SIZE, []  # No image can be read; decoding gives the reason.
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
