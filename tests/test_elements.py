"""The rules of an element, its JSON and its words."""

import copy
import json
import pickle

import numpy as np
import pytest

from tfmetric.elements import TEXT, Element, kind_of

_SPEECH = Element("audio", (None,), "float32", options={"sampling_rate": 8000})
_ELEMENTS = [
    (Element("image", (28, 28, 1), "uint8", options={"range": (0, 255)}), "images of 28×28×1"),
    (Element("image", (4, 28, 28, 2), "float32"), "images of 4×28×28×2 float32"),
    (TEXT, "texts"),
    (_SPEECH, "recordings of free length at 8,000 Hz"),
    (Element("vector", (1200,), "float64"), "vectors of 1,200 numbers, float64"),
    (Element("sequence", (7, 12), "float32"), "sequences of 7 steps, 12 numbers a step"),
    (Element("video", (None, 8, 9, 3), "uint8"), "videos of free length, frames of 8×9×3 uint8"),
    (Element("record", (), "", {"name": TEXT, "sound": _SPEECH}), "records of name (texts), sound"),
]


@pytest.mark.parametrize(("element", "words"), _ELEMENTS)
def test_round_trips_and_words(element, words):
    plain = json.loads(json.dumps(element.to_dict()))
    for again in (
        Element.from_dict(plain),
        copy.copy(element),
        copy.deepcopy(element),
        pickle.loads(pickle.dumps(element)),
    ):
        assert again == element
        assert hash(again) == hash(element)
    assert element.describe().startswith(words)


def test_the_arrays_of_a_batch():
    assert TEXT.inputs == {"values": ((), "string")}
    assert not TEXT.named
    assert _SPEECH.named
    assert _SPEECH.inputs == {"values": ((None,), "float32"), "length": ((), "int32")}
    record = Element("record", (), "", {"name": TEXT, "sound": _SPEECH})
    assert record.named
    assert list(record.inputs) == ["name", "sound", "sound_length"]


def test_an_element_is_immutable():
    with pytest.raises(AttributeError):
        TEXT.kind = "image"
    with pytest.raises(TypeError):
        _SPEECH.options["sampling_rate"] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("picture", (1, 2, 3), "uint8"), "kind as one of"),
        (("image", (28, 28), "uint8"), "rank 3 or 4"),
        (("image", (None, 28, 1), "uint8"), "a free length"),
        (("sequence", (None, None), "float32"), "a free length"),
        (("audio", (None,), "float32"), "sampling_rate"),
        (("record", (), ""), "fields for a record"),
        (("text", (), "string", {"a": TEXT}), "fields for a record"),
        (("record", (), "", {"a": Element("record", (), "", {"b": TEXT})}), "no records"),
    ],
)
def test_bad_elements(arguments, message):
    with pytest.raises(ValueError, match=message):
        Element(*arguments)


def test_a_file_without_a_kind():
    with pytest.raises(ValueError, match="kind, shape and dtype"):
        Element.from_dict({"shape": []})


@pytest.mark.parametrize(
    ("shape", "dtype", "kind"),
    [
        ((9, 8, 8), "uint8", "image"),
        ((9, 8, 8, 3), "uint8", "image"),
        ((9, 5), "float32", "vector"),
        ((9, 5), "int64", "vector"),
        ((9,), "<U3", "text"),
        ((9,), object, "text"),
    ],
)
def test_kinds_by_rule(shape, dtype, kind):
    assert kind_of(shape, dtype) == kind


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((9, 8, 8), "float32", "kind= with examples"),
        ((9, 8, 8, 3), "float32", "kind= with examples"),
        ((9, 8, 8), "uint16", "kind= with examples"),
        ((9, 3, 8, 8), "uint8", "channels first"),
        ((9,), "float32", "rank 2"),
        ((9, 2), "<U3", "strings of shape"),
        ((9, 2), np.complex64, "numeric examples"),
    ],
)
def test_no_kind_by_rule(shape, dtype, message):
    with pytest.raises(ValueError, match=message):
        kind_of(shape, dtype)
