"""Reads the first and last bytes of image files, once for each file."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tfmetric.datasets.progress import progress
from tfmetric.datasets.stores import FileStore, Store

_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*")
_MAGIC = (_PNG, b"\xff\xd8\xff", b"GIF8", b"BM", *_TIFF)
# Endings of files in these formats. A truncated file, or a whole file with appended data, ends
# differently.
_ENDS = {b"\x89PNG": b"IEND", b"\xff\xd8\xff": b"\xff\xd9", b"GIF8": b";"}
# An EXIF block, or the transparency of a PNG, begins within the head.
_HEAD, _TAIL = 1024, 32
_PNG_HEAD = 32
_EXIF = b"Exif\0\0"
_ORIENTATION = 274  # The EXIF tag; from 5 on, width and height are swapped.
_GREY_MODES = ("1", "L", "LA", "I", "I;16", "F")


@dataclass
class Headers:
    """What the headers of image files say.

    Attributes:
        bad: The reason why a file can be no image, by its position.
        suspects: Positions of files that look cut.
        special: Positions of files that TensorFlow's decoders do not read right: TIFF, 16 bits,
            EXIF rotation.
        sizes: The distinct (height, width).
        grey: Whether all are stored as grey.
        png: Whether all are PNG without alpha.
    """

    bad: dict[int, str] = field(default_factory=dict)
    suspects: list[int] = field(default_factory=list)
    special: list[int] = field(default_factory=list)
    sizes: set[tuple[int, int]] = field(default_factory=set)
    grey: bool = True
    png: bool = True

    def add(self, size: tuple[int, int] | None, grey: bool, png: bool) -> None:
        """Adds one file; its size is `None` if it could not be read."""
        self.png = self.png and png
        if size is not None:
            self.sizes.add(size)
            self.grey = self.grey and grey


def look_at(store: Store, others: Sequence[int] | np.ndarray, checksums: bool = False) -> Headers:
    """Looks at the headers of all files of a store, or of some records.

    Args:
        store: The encoded images.
        others: The positions to look at where a file is no PNG, whose header takes longer to
            read, or where the store has no files.
        checksums: Whether PNG files are read whole, and those whose checksums are wrong are
            suspects too. It finds what only decoding would find otherwise.
    """
    found = Headers()
    if not isinstance(store, FileStore):
        for position in others:
            data = store.read_bytes(position)
            size, grey = _image(io.BytesIO(data))
            found.add(size, grey, data.startswith(_PNG))
        return found
    chosen = set(np.asarray(others).tolist())
    with progress(len(store), "Checking files") as advance:
        for position in range(len(store)):
            reason = store.fault(position)
            head, tail = (b"", b"") if reason else _head_and_tail(store.path(position))
            if isinstance(tail, str):
                reason = tail
            elif not reason and not head:
                reason = "empty file"
            elif not reason and not _is_image(head):
                reason = "not a PNG, JPEG, GIF, BMP, WebP or TIFF image"
            if reason:
                found.bad[position] = reason
            else:
                cut = any(head.startswith(h) and end not in tail for h, end in _ENDS.items())
                png = checksums and head.startswith(_PNG)
                if cut or (png and not _is_whole_png(store.read_bytes(position))):
                    found.suspects.append(position)
                if head.startswith(_PNG) and len(head) >= _PNG_HEAD:
                    width, height, depth, color = struct.unpack(">IIBB", head[16:26])
                    plain = color in (0, 2, 3) and b"tRNS" not in head  # No alpha.
                    plain = plain and (color != 3 or b"IDAT" in head)
                    found.add((height, width), color in (0, 4), plain)
                    if depth == 16:
                        found.special.append(position)
                elif head.startswith(_TIFF) or _EXIF in head:
                    size, grey, turned = _oriented(store.path(position))
                    found.add(size, grey, False)
                    if turned or head.startswith(_TIFF):
                        found.special.append(position)
                elif position in chosen:
                    size, grey = _image(store.path(position))
                    found.add(size, grey, False)
                else:
                    found.png = False
            if position % 1000 == 999:
                advance(1000)
    return found


def _head_and_tail(path):
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            return head, file.read(_TAIL)
    except OSError as error:
        return b"", f"cannot be read ({os.strerror(error.errno)})"


def _is_image(head):
    return head.startswith(_MAGIC) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")


def _is_whole_png(data):
    """Returns whether each chunk matches the checksum after it."""
    place = len(_PNG)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 12 + length
        if end > len(data):
            return False
        if zlib.crc32(data[place + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            return False
        if data[place + 4 : place + 8] == b"IEND":
            return True
        place = end
    return False


def _oriented(file):
    """Returns (height, width) upright, whether the image is grey, and whether EXIF turns it."""
    from PIL import Image

    size, grey = _image(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of damaged files and large images.
            with Image.open(file) as image:
                orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Pillow raises many kinds; decoding reports the file in a moment.
        return size, grey, False
    turned = orientation in range(2, 9)
    return size[::-1] if turned and orientation >= 5 else size, grey, turned


def _image(file):
    """Returns (height, width) and whether the image is grey, from its header."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of very large images.
            with Image.open(file) as image:
                return (image.height, image.width), image.mode in _GREY_MODES
    except Exception:  # Pillow raises many kinds of errors; decoding will report the file.
        return None, False
