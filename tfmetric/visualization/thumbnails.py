"""Makes thumbnails of examples of every kind: a picture, some words, or a few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric.datasets.labeled import LabeledData
from tfmetric.elements import Element

# The longer side of a picture, in pixels; letters of words; points and lines of a curve.
SIDE, _LETTERS, _POINTS, _LINES = 48, 160, 64, 4
# Rows of a recording's picture for its spectrum; its waveform is below.
_SPECTRUM, _WIDTH, _DECIBELS = 32, 64, 60.0
_FRAMES, _BLOCK = 3, 512


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Thumbnails of some examples, all of one type.

    Attributes:
        look: "picture", "words" or "lines".
        values: Pictures (N, height, width, 1 or 3) uint8; words (N,) text; lines
            (N, points, lines) float32.
    """

    look: str
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Any:
        """The stand-in for one example; for a slice those of some."""
        one = Thumbnails if isinstance(index, slice) else Thumbnail
        return one(self.look, self.values[index])


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """The thumbnail of one example; see :class:`Thumbnails`."""

    look: str
    value: Any


def thumbnails(data: LabeledData, indices: Any = None) -> Thumbnails:
    """Makes the thumbnails of some examples, read a block at a time.

    Use it to show examples of unknown kind, in a gallery, a sheet or a report.

    Args:
        data: The data.
        indices: (N,) integers; None for all examples.

    Returns:
        Pictures of images (of the middle layer of a volume), of the spectrum and the waveform of a
        recording, and of three frames of a video; lines for vectors and sequences; words for texts
        and records.

    Example:

    >>> import tfmetric as tm
    >>> data = tm.datasets.from_arrays(["one", "two"], [0, 1])
    >>> thumbnails(data).values.tolist()
    ['one', 'two']
    """
    look, make = _LOOKS[data.element.kind]
    places = np.arange(len(data)) if indices is None else np.asarray(indices, np.int64)
    made = [make(example, data.element) for example in examples_of(data, places)]
    if look == "words":
        return Thumbnails(look, np.array(made, dtype=np.str_))
    return Thumbnails(look, np.stack(made) if made else np.zeros((0, 1, 1, 1), np.uint8))


def examples_of(data: LabeledData, indices: np.ndarray) -> Iterator[Any]:
    """Yields examples one by one, without padding; a record as a dictionary of its fields."""
    for start in range(0, len(indices), _BLOCK):
        part = indices[start : start + _BLOCK]
        batch = data.read(part)
        for row in range(len(part)):
            yield _example(batch, row, data.element)


def _example(batch, row, element):
    if element.kind == "record":
        return {
            name: batch[name][row][: batch[f"{name}_length"][row]]
            if item.free_length
            else batch[name][row]
            for name, item in element.fields.items()
        }
    if element.free_length:
        return batch["values"][row][: batch["length"][row]]
    return batch[row]


def _image(image, element):
    image = np.asarray(image)
    while image.ndim > 3:  # The middle layer of a volume.
        image = image[len(image) // 2]
    if image.shape[-1] not in (1, 3):
        image = image.astype(np.float32).mean(axis=-1, keepdims=True)
    if image.dtype != np.uint8:
        known = element.options.get("range")
        low, high = known or (float(image.min()), float(image.max()))
        image = np.clip(255 * (image - low) / max(high - low, 1e-12), 0, 255).astype(np.uint8)
    return _shrunk(image, SIDE)


def _shrunk(image, side):
    """Shrinks the image to a largest side."""
    from PIL import Image

    height, width, channels = image.shape
    scale = min(1.0, side / max(height, width))
    if scale == 1.0:
        return image
    page = Image.fromarray(image[..., 0] if channels == 1 else image)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(page.resize(size, Image.Resampling.BOX))
    return small.reshape(size[1], size[0], channels)


def _video(frames, element):
    """Joins three frames: the first, the middle and the last."""
    frame = Element("image", element.shape[1:], element.dtype, options=element.options)
    if not len(frames):
        return np.zeros((SIDE, _FRAMES * SIDE, 1), np.uint8)
    places = np.linspace(0, len(frames) - 1, _FRAMES).round().astype(int)
    return np.concatenate([_image(frames[place], frame) for place in places], axis=1)


def _audio(samples, element):
    """Draws the spectrum, low tones at the bottom, above the waveform; both dark on white."""
    samples = np.asarray(samples, np.float32)
    picture = np.full((SIDE, _WIDTH, 1), 255, np.uint8)
    if not len(samples) or not np.abs(samples).max():
        return picture
    samples = samples / np.abs(samples).max()
    picture[:_SPECTRUM, :, 0] = _spectrum(samples)
    rows = SIDE - _SPECTRUM
    for column, part in enumerate(np.array_split(samples, _WIDTH)):
        if len(part):
            top, bottom = ((1 - end) / 2 * (rows - 1) for end in (part.max(), part.min()))
            picture[_SPECTRUM + round(top) : _SPECTRUM + round(bottom) + 1, column] = 40
    return picture


def _spectrum(samples):
    """Computes energy by time and frequency, (bands, columns) uint8; 0 is the loudest."""
    window = int(np.clip(2 * len(samples) // _WIDTH, 128, 1024))
    padded = np.pad(samples, window // 2)
    starts = np.linspace(0, max(len(padded) - window, 0), _WIDTH).astype(int)
    frames = np.stack(
        [np.pad(padded[s : s + window], (0, max(0, s + window - len(padded)))) for s in starts]
    )
    energy = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    # Bands widen with frequency, as in hearing.
    edges = np.unique(np.geomspace(1, energy.shape[1], _SPECTRUM + 1).astype(int))
    places = np.linspace(0, len(edges) - 2, _SPECTRUM).astype(int)
    bands = np.stack([energy[:, edges[i] : edges[i + 1]].mean(axis=1) for i in places])
    level = 10 * np.log10(np.maximum(bands / max(bands.max(), 1e-20), 1e-20))
    shade = np.clip(1 + level / _DECIBELS, 0, 1)
    return (255 * (1 - shade[::-1])).astype(np.uint8)


def _sequence(steps, element):
    steps = np.asarray(steps, np.float32).reshape(-1, element.shape[-1])[:, :_LINES]
    if not len(steps):
        return np.zeros((_POINTS, steps.shape[1]), np.float32)
    places = np.linspace(0, len(steps) - 1, _POINTS)
    return np.stack(
        [np.interp(places, np.arange(len(steps)), line) for line in steps.T], axis=1
    ).astype(np.float32)


def _vector(vector, element):
    vector = np.asarray(vector, np.float32).reshape(-1)
    if len(vector) > 2 * _POINTS:
        vector = vector[np.linspace(0, len(vector) - 1, 2 * _POINTS).round().astype(int)]
    return vector[:, None]


def _text(text, element):
    text = " ".join(
        (text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)).split()
    )
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _record(fields: Mapping[str, Any], element):
    words = [f"{name}: {_field(fields[name], item)}" for name, item in element.fields.items()]
    return _text(", ".join(words), element)


def _field(value, element):
    if element.kind == "text":
        text = _text(value, element)
        return text if len(text) <= 40 else f"{text[:39]}…"
    numbers = np.asarray(value).reshape(-1)
    if element.kind == "vector" and len(numbers) <= _LINES:
        return " ".join(f"{number:.4g}" for number in numbers)
    return element.describe()


_LOOKS: dict[str, tuple[str, Callable[[Any, Element], Any]]] = {
    "image": ("picture", _image),
    "audio": ("picture", _audio),
    "video": ("picture", _video),
    "vector": ("lines", _vector),
    "sequence": ("lines", _sequence),
    "text": ("words", _text),
    "record": ("words", _record),
}


def cells(values: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Converts the examples of a gallery to an array, thumbnails as objects.

    Args:
        values: An array of images, vectors or texts; or :class:`Thumbnails`.
        shape: The shape that thumbnails get; (N,) if None.
    """
    if not isinstance(values, Thumbnails):
        return np.asarray(values)
    held = np.empty(len(values), dtype=object)
    held[:] = [values[index] for index in range(len(values))]
    return held if shape is None else held.reshape(shape)
