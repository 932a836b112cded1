"""Decodes WAV, FLAC and Ogg files, and detects truncated files."""

from __future__ import annotations

import io
import struct

import numpy as np

from tfmetric._optional import require
from tfmetric.datasets.stores import Store

SUFFIXES = (".wav", ".flac", ".ogg")
FORMATS = "WAV, FLAC and Ogg"
_CUT = "cut short: the file ends before its recording does"
_LAST_PAGE = 4  # The flag of an Ogg page that ends its stream.
_UNKNOWN = (0, 2**32 - 1)  # Sizes in WAV files that were written as streams.


def decoded(store: Store, position: int) -> tuple[np.ndarray, int, str]:
    """Decodes one file.

    Returns:
        `float32` `(samples, channels)`, the sampling rate in hertz, and "" or the reason why the
        file cannot be used (the samples are empty then).
    """
    soundfile = require("soundfile", "audio")
    nothing = np.empty((0, 1), np.float32)
    try:
        data = store.read_bytes(position)
    except OSError as error:
        return nothing, 1, f"cannot be read ({error.strerror})"
    if not data:
        return nothing, 1, "empty file"
    if _is_cut(data):
        return nothing, 1, _CUT
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            samples = file.read(dtype="float32", always_2d=True)
            whole = len(samples) == file.frames
            rate = int(file.samplerate)
    except (soundfile.SoundFileError, ValueError, MemoryError) as error:
        words = str(error).rstrip(".").splitlines() or [type(error).__name__]
        return nothing, 1, f"not a readable WAV, FLAC or Ogg file ({_without_object(words[0])})"
    return (samples, rate, "") if whole else (nothing, rate, _CUT)


def _without_object(words):
    """Removes the address of the buffer from the message."""
    return words.rsplit(">: ", 1)[-1]


def _is_cut(data):
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        return _wav_is_cut(data)
    if data.startswith(b"OggS"):
        last = data.rfind(b"OggS")
        return last + 6 > len(data) or not data[last + 5] & _LAST_PAGE
    return False


def _wav_is_cut(data):
    place = 12
    while place + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, place + 4)
        if data[place : place + 4] == b"data":
            return size not in _UNKNOWN and place + 8 + size > len(data)
        place += 8 + size + size % 2
    return True
