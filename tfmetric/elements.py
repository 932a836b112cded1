"""Describes one example: its kind, shape and dtype. Imports neither Keras nor TensorFlow.

Every room above has one table by `Element.kind`: the default tower, the augmentation, the fair
baseline, the inputs of an export, the thumbnail. No room asks for the rank of an array or looks at
its values.

This module defines the form of a batch for all rooms:

- **A fixed shape**: one array `(batch, *shape)`. Images, vectors, sequences and videos of one
  length. Texts are one array of strings `(batch,)`.
- **A free length** (the first axis of `shape` is `None`): a dictionary of `"values"`, an array
  `(batch, longest, ...)` padded with zeros at the end, and `"length"`, an `int32` array `(batch,)`.
  `longest` is that of the batch. A model makes its mask from the lengths, never from the values: a
  zero may be data.
- **A record**: a flat dictionary with an array for each field; a field `f` of free length has `f`
  and `f_length`.

`Element.inputs` names these arrays, so that a model can be built without a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tfmetric._errors import expected

if TYPE_CHECKING:
    import numpy as np

KINDS = ("image", "text", "audio", "vector", "sequence", "video", "record")
# The ranks that one example may have: a volume is an image with a depth.
_RANKS = {
    "image": (3, 4),
    "text": (0,),
    "audio": (1,),
    "vector": (1,),
    "sequence": (2,),
    "video": (4,),
    "record": (0,),
}
_FREE = ("audio", "sequence", "video")


@dataclass(frozen=True)
class Element:
    """The description of one example.

    Use it wherever code depends on the kind of the data; `LabeledData.element` holds it.

    Attributes:
        kind: "image", "text", "audio", "vector", "sequence", "video" or "record".
        shape: The shape of one example. The first axis is `None` where the length is free: the
            samples of a recording, the steps of a sequence, the frames of a video.

            - image: `(height, width, channels)`, a volume `(depth, height, width, channels)`;
            - text and record: `()`;
            - audio: `(samples,)`; vector: `(numbers,)`;
            - sequence: `(steps, numbers)`; video: `(frames, height, width, channels)`.
        dtype: The dtype of the values; "string" for a text, "" for a record.
        fields: The named inputs of a record, each an element of another kind; otherwise `None`.
        options: Further properties of the kind. An image: `range`, the (lowest, highest) value of a
            pixel, absent if unknown. Audio: `sampling_rate` in hertz (required). A vector:
            `categories`, a number N, where the values are whole numbers from 0 to N − 1 that stand
            for categories or ids.

    Raises:
        ValueError: If the shape or an option does not fit the kind.

    >>> Element("image", (28, 28, 1), "uint8").describe()
    'images of 28×28×1 uint8'
    >>> speech = Element("audio", (None,), "float32", options={"sampling_rate": 8000})
    >>> speech.free_length, speech.inputs["length"]
    (True, ((), 'int32'))
    """

    kind: str
    shape: tuple[int | None, ...]
    dtype: str
    fields: Mapping[str, Element] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        require_kind(self.kind)
        shape = tuple(None if n is None else int(n) for n in self.shape)
        object.__setattr__(self, "shape", shape)
        fields = None if self.fields is None else MappingProxyType(dict(self.fields))
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))
        if len(shape) not in _RANKS[self.kind]:
            ranks = " or ".join(map(str, _RANKS[self.kind]))
            raise ValueError(
                expected(f"a shape of rank {ranks} for one {self.kind} example", shape=shape)
            )
        if None in shape[1:] or (None in shape and self.kind not in _FREE):
            raise ValueError(
                expected(
                    "a free length (None) as the first axis of an audio, sequence or video only",
                    kind=self.kind,
                    shape=shape,
                )
            )
        if self.kind == "audio" and not self.options.get("sampling_rate"):
            raise ValueError(
                expected("options with the sampling_rate in hertz for audio", options={})
            )
        if (self.kind == "record") != bool(fields):
            raise ValueError(
                expected(
                    "fields for a record, and for no other kind",
                    kind=self.kind,
                    fields=list(fields or ()),
                )
            )
        for name, element in (fields or {}).items():
            if element.kind == "record":
                raise ValueError(expected("fields that are no records themselves", field=name))
            if element.free_length and f"{name}_length" in fields:
                raise ValueError(
                    expected(
                        f"no field {name}_length, the name of the lengths of {name}",
                        fields=list(fields),
                    )
                )

    def __hash__(self):
        return hash((self.kind, self.shape, self.dtype))

    def __reduce__(self):  # A mapping proxy cannot be copied or pickled.
        fields = None if self.fields is None else dict(self.fields)
        return Element, (self.kind, self.shape, self.dtype, fields, dict(self.options))

    @property
    def free_length(self) -> bool:
        """Whether examples differ in length; a batch is then padded and has a `"length"`."""
        return bool(self.shape) and self.shape[0] is None

    @property
    def volume(self) -> bool:
        """Whether an example is a volume, an image with a depth."""
        return self.kind == "image" and len(self.shape) == 4

    @property
    def named(self) -> bool:
        """Whether a batch is a dictionary of arrays, not one array."""
        return self.kind == "record" or self.free_length

    @property
    def inputs(self) -> dict[str, tuple[tuple[int | None, ...], str]]:
        """(shape of one example, dtype) of each array of a batch, by its name.

        A batch of a single array (see `named`) has it under `"values"`.

        >>> row = Element(
        ...     "record",
        ...     (),
        ...     "",
        ...     {"title": TEXT, "curve": Element("sequence", (None, 2), "float32")},
        ... )
        >>> sorted(row.inputs)
        ['curve', 'curve_length', 'title']
        """
        if self.kind != "record":
            arrays = {"values": (self.shape, self.dtype)}
            return {**arrays, "length": ((), "int32")} if self.free_length else arrays
        arrays = {}
        for name, element in (self.fields or {}).items():
            arrays[name] = (element.shape, element.dtype)
            if element.free_length:
                arrays[f"{name}_length"] = ((), "int32")
        return arrays

    def describe(self) -> str:
        """Describes the element in a few words, for people to read."""
        return _WORDS[self.kind](self)

    def to_dict(self) -> dict[str, Any]:
        """Returns the element as plain dictionaries, lists, numbers and text, ready for JSON.

        >>> Element.from_dict(TEXT.to_dict()) == TEXT
        True
        """
        plain: dict[str, Any] = {"kind": self.kind, "shape": list(self.shape), "dtype": self.dtype}
        if self.fields is not None:
            plain["fields"] = {name: item.to_dict() for name, item in self.fields.items()}
        if self.options:
            plain["options"] = {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.options.items()
            }
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Element:
        """Restores the element from `to_dict`.

        Raises:
            ValueError: If an entry is missing, or does not fit the kind.
        """
        missing = [name for name in ("kind", "shape", "dtype") if name not in plain]
        if missing:
            raise ValueError(expected("an element with kind, shape and dtype", names=sorted(plain)))
        fields = plain.get("fields")
        options = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in plain.get("options", {}).items()
        }
        return cls(
            plain["kind"],
            tuple(plain["shape"]),
            plain["dtype"],
            None if fields is None else {n: cls.from_dict(item) for n, item in fields.items()},
            options,
        )


def require_kind(kind: str) -> None:
    """Raises a ValueError for an unknown kind."""
    if kind not in KINDS:
        raise ValueError(expected(f"kind as one of {', '.join(map(repr, KINDS))}", kind=kind))


def kind_of(shape: tuple[int, ...], dtype: str | np.dtype) -> str:
    """Returns the kind of a batch of examples by rule, from its shape and dtype.

    Strings are texts; `uint8` arrays `(N, height, width)` and `(N, height, width, 1 or 3)` are
    images; numbers `(N, D)` are vectors.

    Args:
        shape: The shape with the batch axis.
        dtype: A NumPy dtype; object means text (the caller checks the values).

    Raises:
        ValueError: If no rule fits; it asks for `kind=`.

    >>> kind_of((10, 28, 28), "uint8"), kind_of((10, 5), "float32"), kind_of((10,), "<U7")
    ('image', 'vector', 'text')
    """
    import numpy as np  # The command line lists the kinds without importing NumPy.

    dtype = np.dtype(dtype)
    if dtype.kind in "UTSO" and len(shape) == 1:
        return "text"
    if dtype == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[-1] in (1, 3))):
        return "image"
    if dtype.kind in "fiub" and len(shape) == 2:
        return "vector"
    raise ValueError(expected(_hint(shape, dtype), shape=tuple(shape), dtype=str(dtype)))


def element_of_shape(shape: tuple[int | None, ...]) -> Element | None:
    """Returns the element for the shape of one example without a kind, by rule.

    `(height, width, 1 or 3)` is an image, `(features,)` a vector; other shapes need a kind: `None`.
    """
    if len(shape) == 3 and shape[-1] in (1, 3):  # An example has a fixed size.
        return Element("image", tuple(n or 1 for n in shape), "float32")
    if len(shape) == 1 and shape[0] is not None:
        return Element("vector", shape, "float32")
    return None


def _hint(shape, dtype):
    if len(shape) < 2:
        return "numeric examples of rank 2 (vectors) to 5, batch first, or strings (texts)"
    if dtype.kind not in "fiub":
        return "numeric examples, or strings of shape (N,)"
    first = ""
    if len(shape) == 4 and shape[1] in (1, 3) and shape[-1] not in (1, 3):
        first = "; these look channels first: move the axis for images"
    return (
        "kind= with examples of this shape and dtype, which may be of several kinds: 'image'"
        " (N, height, width, channels), channels last, 'sequence' (N, steps, numbers) or 'video'"
        f" (N, frames, height, width, channels){first}"
    )


def _times(shape):
    return "×".join("free" if n is None else f"{n}" for n in shape)


def _length(element, unit):
    free = element.shape[0] is None
    return "of free length" if free else f"of {element.shape[0]:,} {unit}"


def _numbers(count):
    return "1 number" if count == 1 else f"{count:,} numbers"


def _categories(count):
    return "" if count is None else f", each one of {count:,} categories"


def _record_words(element):
    words = [f"{name} ({item.describe()})" for name, item in element.fields.items()]
    return f"records of {', '.join(words)}"


_WORDS = {
    "image": lambda e: f"images of {_times(e.shape)} {e.dtype}",
    "text": lambda e: "texts",
    "audio": lambda e: (
        f"recordings {_length(e, 'samples')} at {e.options['sampling_rate']:,} Hz, {e.dtype}"
    ),
    "vector": lambda e: (
        f"vectors of {_numbers(e.shape[0])}, {e.dtype}{_categories(e.options.get('categories'))}"
    ),
    "sequence": lambda e: (
        f"sequences {_length(e, 'steps')}, {_numbers(e.shape[1])} a step, {e.dtype}"
    ),
    "video": lambda e: f"videos {_length(e, 'frames')}, frames of {_times(e.shape[1:])} {e.dtype}",
    "record": _record_words,
}

# All texts share one element.
TEXT = Element("text", (), "string")
