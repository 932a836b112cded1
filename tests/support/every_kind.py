"""A tiny data set of each kind of example, whose classes can be told apart: one entry a kind.

`tests/kinds` takes each registered kind through every room, and fails where one has no entry here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

CLASSES, EACH = 12, 6
LABELS = np.repeat(np.arange(CLASSES), EACH)
NAMES = np.array([f"class {n:02d}" for n in range(CLASSES)])
_RATE = 8000


class Tiny(NamedTuple):
    """A small data set of one kind.

    Attributes:
        values: The examples, as `from_arrays` and `load` take them.
        options: The options beside them.
    """

    values: Any
    options: dict


def tiny(kind: str) -> Tiny:
    """The data set of a kind."""
    return _MAKERS[kind](np.random.default_rng(3))


def poisoned(inputs: Any, row: int = 1) -> Any:
    """What a model takes, with a NaN in one row; None where no array of it can hold one."""
    if isinstance(inputs, dict):
        for name in sorted(inputs):
            if (found := poisoned(inputs[name], row)) is not None and name != "length":
                return {**inputs, name: found}
        return None
    if inputs.dtype.kind not in "fu":
        return None
    found = inputs.astype("float32")
    found.reshape(len(found), -1)[row, 0] = np.nan
    return found


def _image(rng):
    centers = rng.uniform(0, 255, (CLASSES, 12, 12, 1))
    noisy = centers[LABELS] + rng.normal(0, 40, (len(LABELS), 12, 12, 1))
    return Tiny(np.clip(noisy, 0, 255).astype("uint8"), {})


def _text(rng):
    words = [f"{a}{b}" for a in ("ba", "do", "ki") for b in ("lu", "me", "so", "ta")]
    shared = ["the", "and", "über", "of"]
    return Tiny([f"{rng.choice(shared)} {words[n]} {rng.choice(shared)}" for n in LABELS], {})


def _audio(rng):
    tones = 200 * 1.25 ** np.arange(CLASSES)
    values = []
    for n in LABELS:
        time = np.arange(int(rng.integers(800, 2400))) / _RATE
        tone = 0.5 * np.sin(2 * np.pi * tones[n] * time)
        values.append((tone + rng.normal(0, 0.05, len(time))).clip(-1, 1).astype("float32"))
    return Tiny(values, {"kind": "audio", "sampling_rate": _RATE})


def _vector(rng):
    values = (rng.normal(size=(CLASSES, 8))[LABELS] + rng.normal(0, 0.3, (len(LABELS), 8))).astype(
        "float32"
    )
    return Tiny(values, {})


def _sequence(rng):
    directions = rng.normal(size=(CLASSES, 3))
    values = [
        (directions[n] + rng.normal(0, 0.3, (int(rng.integers(3, 9)), 3))).astype("float32")
        for n in LABELS
    ]
    return Tiny(values, {"kind": "sequence"})


def _video(rng):
    centers = rng.uniform(0, 255, (CLASSES, 1, 8, 8, 1))
    noisy = centers[LABELS] + rng.normal(0, 40, (len(LABELS), 4, 8, 8, 1))
    return Tiny(np.clip(noisy, 0, 255).astype("uint8"), {"kind": "video"})


def _record(rng):
    vectors, texts = _vector(rng), _text(rng)
    return Tiny({"numbers": vectors.values, "words": texts.values}, {"kind": "record"})


_MAKERS: dict[str, Callable] = {
    "image": _image,
    "text": _text,
    "audio": _audio,
    "vector": _vector,
    "sequence": _sequence,
    "video": _video,
    "record": _record,
}
KINDS = tuple(_MAKERS)
