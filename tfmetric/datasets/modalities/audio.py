"""Recordings: arrays of samples and sound files, converted to one channel at one sampling rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from math import gcd
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.modalities.audio_files import FORMATS, SUFFIXES, decoded
from tfmetric.datasets.modalities.modality import Modality, Usable, kept_ids
from tfmetric.datasets.progress import progress
from tfmetric.datasets.ragged import RaggedSource
from tfmetric.datasets.stores import FileStore, Store
from tfmetric.elements import Element

# (value of silence, value of full scale) of each type of whole numbers.
_SCALES = {
    "uint8": (128, 2**7),
    "int8": (0, 2**7),
    "int16": (0, 2**15),
    "int32": (0, 2**31),
}
_MOST_CHANNELS = 32


def audio_values(
    values: Any,
    name: str,
    ids: np.ndarray | None = None,
    sampling_rate: int | None = None,
    seconds: float | None = None,
) -> Usable:
    """Reads `(N, samples)`, or a list of `(samples,)` or `(samples, channels)`.

    Floats are samples from -1 to 1; whole numbers are scaled by the range of their type. The result
    is `float32`. Empty or silent recordings and recordings with NaN are left out.
    """
    if sampling_rate is None:
        raise ValueError(
            expected("sampling_rate= in hertz with recordings in arrays", sampling_rate=None)
        )
    skipped: dict[int, str] = {}
    sounds, several = {}, 0
    for row, value in enumerate(values):
        samples = np.asarray(value)
        fits = samples.ndim in (1, 2) and (samples.dtype.kind == "f" or not samples.size)
        if not fits and (samples.ndim not in (1, 2) or samples.dtype.name not in _SCALES):
            raise ValueError(
                expected(
                    "each recording as floats from -1 to 1, or as uint8, int8, int16 or int32, of"
                    " shape (samples,) or (samples, channels)",
                    row=row,
                    shape=samples.shape,
                    dtype=str(samples.dtype),
                )
            )
        if samples.ndim == 2:
            if samples.shape[1] > _MOST_CHANNELS:
                raise ValueError(
                    expected(
                        "channels last, (samples, channels), with at most"
                        f" {_MOST_CHANNELS} channels",
                        row=row,
                        shape=samples.shape,
                    )
                )
            several += samples.shape[1] > 1
        sound, reason = _usable(_mono(samples), sampling_rate, seconds)
        if reason:
            skipped[row] = reason
        else:
            sounds[row] = (sound, sampling_rate)
    return _joined(
        sounds,
        skipped,
        sampling_rate,
        seconds,
        several,
        name,
        lambda keep: kept_ids(ids, name, keep, len(values)),
    )


def audio_files(
    store: Store,
    verify: str,
    cache_bytes: int,
    sampling_rate: int | None = None,
    seconds: float | None = None,
) -> Usable:
    """Decodes every file and keeps the samples in memory.

    Files of several rates are resampled to `sampling_rate`, or to the most frequent rate.
    """
    del verify, cache_bytes  # A recording is decoded whole or left out.
    skipped: dict[int, str] = {}
    sounds, several = {}, 0
    with progress(len(store), "Reading recordings") as advance:
        for position in range(len(store)):
            reason = store.fault(position) if isinstance(store, FileStore) else ""
            if not reason:
                samples, rate, reason = decoded(store, position)
            if not reason:
                channels = samples.shape[1]
                sound, reason = _usable(_mono(samples), rate, seconds)
            if reason:
                skipped[position] = reason
            else:
                several += channels > 1
                sounds[position] = (sound, rate)
            advance(1)
    usable = _joined(sounds, skipped, sampling_rate, seconds, several, "audio", store.ids)
    usable.check = "every recording was decoded"
    return usable


def resampled(sound: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Resamples by a polyphase filter (`scipy.signal.resample_poly`).

    >>> resampled(np.ones(800, "float32"), 8000, 4000).shape
    (400,)
    """
    if rate == target:
        return sound
    from scipy.signal import resample_poly

    common = gcd(rate, target)
    return resample_poly(sound, target // common, rate // common).astype(np.float32, copy=False)


def _mono(samples):
    """Returns one channel of `float32`; whole numbers are scaled by the range of their type."""
    if samples.dtype.kind != "f":
        silence, full = _SCALES.get(samples.dtype.name, (0, 1))
        samples = (samples.astype(np.float64) - silence) / full
    if samples.ndim == 2:
        samples = samples[:, 0] if samples.shape[1] == 1 else samples.mean(1, dtype=np.float64)
    return samples.astype(np.float32, copy=False)


def _usable(sound, rate, seconds):
    """Returns the sound, cut to length, and "" or the reason why it cannot be used."""
    if seconds is not None:
        sound = sound[: max(1, round(seconds * rate))]
    if not len(sound):
        return sound, "no samples"
    if not np.isfinite(sound).all():
        return sound, "missing values (NaN or infinite)"
    if sound.min() == sound.max():
        return sound, "silent: all samples are equal"
    return sound, ""


def _joined(
    sounds: Mapping[int, tuple[np.ndarray, int]],
    skipped: Mapping[int, str],
    sampling_rate: int | None,
    seconds: float | None,
    several: int,
    name: str,
    ids_of: Callable[[np.ndarray], np.ndarray | None],
) -> Usable:
    rates = Counter(rate for _, rate in sounds.values())
    target = sampling_rate or (rates.most_common(1)[0][0] if rates else 1)
    notes = []
    changed = sum(count for rate, count in rates.items() if rate != target)
    if changed:
        others = ", ".join(f"{rate:,}" for rate in sorted(rates) if rate != target)
        notes.append(f"{changed:,} recordings were resampled from {others} to {target:,} Hz")
    if several:
        notes.append(f"{several:,} recordings of several channels became their mean")
    keep = np.array(sorted(sounds), np.int64)
    pieces = [resampled(*sounds[int(row)], target) for row in keep]
    loud = sum(np.abs(piece).max() > 1 for piece in pieces)
    if loud and not changed:  # A filter overshoots slightly near full scale.
        notes.append(f"{loud:,} recordings have samples beyond -1 to 1; nothing was rescaled")
    if seconds is not None:
        notes.append(f"of each recording, at most the first {seconds:g} seconds were kept")
    element = Element("audio", (None,), "float32", options={"sampling_rate": int(target)})
    pieces = pieces or [np.empty(0, np.float32)]
    source = RaggedSource.of_examples(pieces, element, name, ids_of(keep))
    return Usable(source, keep, skipped, tuple(notes))


MODALITY = Modality(
    "audio",
    ("sampling_rate", "seconds"),
    audio_values,
    audio_files,
    suffixes=SUFFIXES,
    formats=FORMATS,
)
