"""Finds labels and images inside TFRecord files without reading whole files.

A TFRecord file is a chain of: length (8 bytes), CRC (4), payload, CRC (4). A payload of TFDS is a
`tf.train.Example` message. Walking its length prefixes locates the image and reads the small
fields, without touching the pages in between.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tfmetric._errors import expected

_VARINT, _BYTES = 0, 2


def record_spans(data: bytes, path: str) -> Iterator[tuple[int, int]]:
    """Yields (start, stop) of the payload of each record of a TFRecord file.

    Args:
        data: The file, preferably as a memory map.
        path: Its name, for the error message.

    Raises:
        ValueError: If the file ends in the middle of a record.
    """
    offset, end = 0, len(data)
    while offset < end:
        start = offset + 12
        length = struct.unpack_from("<Q", data, offset)[0] if start <= end else end
        offset = start + length + 4
        if offset > end:
            raise ValueError(
                expected("whole TFRecord files; this one is cut short: prepare it again", path=path)
            )
        yield start, start + length


def example_fields(data: bytes, start: int, stop: int, wanted: frozenset[str]) -> dict:
    """Locates features of a serialized `tf.train.Example`.

    Args:
        data: A buffer that holds the message.
        start: Where the message starts in it.
        stop: Where the message ends.
        wanted: Names of features.

    Returns:
        {name: (start, stop)} of the first value of a bytes feature, {name: int} of the first
        value of an integer feature; features that are absent or empty are left out.
    """
    found = {}
    for _, first, last in _fields(data, start, stop):  # Example.features
        for _, entry, entry_end in _fields(data, first, last):  # Features.feature, a map entry
            name, value = None, (entry, entry)
            for number, a, b in _fields(data, entry, entry_end):
                if number == 1:
                    name = bytes(data[a:b]).decode()
                else:
                    value = (a, b)
            if name in wanted:
                for kind, a, b in _fields(data, *value):  # Feature.bytes_list is 1, int64_list 3
                    first_value = _first(data, kind, a, b)
                    if first_value is not None:
                        found[name] = first_value
    return found


def _first(data, kind, start, stop):
    if start == stop:
        return None
    if kind == 1:
        _, a, b = next(_fields(data, start, stop))
        return a, b
    if kind == 3:
        tag, offset = _varint(data, start)
        if tag & 7 == _BYTES:  # Packed values follow their length.
            length, offset = _varint(data, offset)
            if not length:
                return None
        value, _ = _varint(data, offset)
        return value - 2**64 if value >= 2**63 else value
    return None


def _fields(data, offset, stop):
    """Yields (field number, start, stop) of the length-delimited fields of a message."""
    while offset < stop:
        tag, offset = _varint(data, offset)
        size, offset = _varint(data, offset)
        if tag & 7 == _VARINT:
            continue
        yield tag >> 3, offset, offset + size
        offset += size


def _varint(data, offset):
    value = data[offset]
    offset += 1
    if value < 128:
        return value, offset
    value &= 127
    shift = 7
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, offset
        shift += 7
