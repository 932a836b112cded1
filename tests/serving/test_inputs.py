"""What a client is given, and what it makes of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from tfmetric.serving import client
from tfmetric.serving.inputs import as_array, is_files, read_files
from tfmetric.serving.over_rest import _text
from tfmetric.serving.requests import _tensor, prepare


@pytest.mark.parametrize(
    ("values", "pictures", "texts"),
    [
        ("a.png", True, False),
        (["a.png", "b.png"], True, False),
        (np.array(["a.png"]), True, False),
        (Path("a.png"), True, True),
        ([b"bytes", Path("a.png")], True, True),
        ([b"bytes", 1], False, False),
        ([], False, False),
        ([[1.0, 2.0]], False, False),
        (np.zeros((2, 3)), False, False),
    ],
)
def test_what_is_a_file(values, pictures, texts):
    assert is_files(values, takes_texts=False) == pictures
    assert is_files(values, takes_texts=True) == texts


def test_files_are_read(tmp_path):
    (tmp_path / "a").write_bytes(b"\x00\x00")
    assert read_files([tmp_path / "a", b"b\x00", bytearray(b"c")]).tolist() == [
        b"\x00\x00",
        b"b\x00",
        b"c",
    ]
    assert read_files(str(tmp_path / "a")).shape == (1,)


def test_texts():
    for values in (["é", "b"], ("é", "b"), np.array(["é", "b"]), np.array(["é", "b"], "T")):
        found = as_array("inputs", values, "string", (None,))
        assert found.tolist() == ["é".encode(), b"b"]
    assert as_array("inputs", "é", "string", (None,)).shape == (1,)
    assert as_array("inputs", [["a"], ["b"]], "string", (None, 1)).shape == (2, 1)
    with pytest.raises(ValueError, match="Expected inputs to be all strings"):
        as_array("inputs", [1, 2], "string", (None,))


def test_arrays():
    assert as_array("x", [[1, 2]], "float32", (None, 2)).dtype == np.float32
    assert as_array("x", [[1, 2]], "uint8", None).dtype == np.uint8
    with pytest.raises(ValueError, match=r"Expected x of shape \(B, None, 3\)\. Received"):
        as_array("x", np.zeros((2, 5, 4)), "float32", (None, None, 3))
    with pytest.raises(ValueError, match="Expected x to be an array of numbers"):
        as_array("x", ["a"], "float32", (None,))


def test_answers_wider_than_asked_are_cut():
    """A server that answers requests together gives as many as the largest k among them."""
    found = client._neighbors({"ids": np.ones((2, 9)), "distances": np.ones((2, 9))}, 4)
    assert (found.ids.shape, found.distances.shape, found.labels) == ((2, 4), (2, 4), None)


def test_what_the_metadata_says_of_a_tensor():
    float_image = {
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "8"}], "unknown_rank": False},
    }
    assert _tensor(float_image) == {"dtype": "float32", "shape": (None, 8)}
    k = {"dtype": "DT_INT32", "tensor_shape": {"dim": [], "unknown_rank": True}}
    assert _tensor(k) == {"dtype": "int32", "shape": None}


def test_a_side_of_texts_and_a_side_of_files():
    """A ``str`` is a text on one side, and the path of a file on the other."""

    def signature(*names):
        inputs = {name: {"dtype": "string", "shape": (None,)} for name in names}
        return {"inputs": inputs, "outputs": {}}

    signatures = {
        "embed_query": signature("inputs"),
        "embed_candidate_bytes": signature("image_bytes"),
        "verify_bytes": signature("a", "b"),
        "similar_bytes": signature("image_bytes"),
        "search": signature("inputs"),
    }
    here = str(Path(__file__))
    content = Path(here).read_bytes()
    name, arrays = prepare(signatures, "verify", ([here], [here]), None)
    assert name == "verify_bytes"
    assert (arrays["a"].tolist(), arrays["b"].tolist()) == ([here.encode()], [content])
    for verb, found in (("search", here.encode()), ("similar", content)):
        ((array,),) = (prepare(signatures, verb, ([here],), None)[1].values(),)
        assert array.tolist() == [found]
    with pytest.raises(ValueError, match=r"embed_query or embed_candidate for a model of two tow"):
        prepare(signatures, "embed", ([here],), None)
    with pytest.raises(ValueError, match=r"a model of two towers, exported from models\.two_tower"):
        prepare({"embed": signature("inputs")}, "similar", (["a"],), None)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 2, 1), (2, 0), (1, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_arrays_are_written_as_they_are(shape, dtype):
    rng = np.random.default_rng(0)
    for scale in (1, 7.3):
        value = (rng.normal(size=shape) * 100 * scale).astype(dtype)
        np.testing.assert_array_equal(np.array(json.loads(_text(value)), dtype), value)
    whole = np.trunc(np.asarray(value, np.float64)).astype(dtype)
    assert "." not in _text(whole)
    odd = np.float32([np.nan, -np.inf, 1e30, 2.0**24])
    np.testing.assert_array_equal(np.float32(json.loads(_text(odd))), odd)


def test_answers_are_of_one_class_wherever_they_come_from():
    from tfmetric import export, search, serving

    assert serving.Neighbors is export.Neighbors is search.Neighbors
    assert serving.Verified is export.Verified
    assert serving.Classified is export.Classified


def test_what_python_says_of_the_graph_is_left_out():
    from tfmetric.serving.refusals import said

    for before in ("", "Detected at node a/b defined at (most recent call last):\n"):
        for traces in ("", "<stack traces unavailable>\n")[: 1 + bool(before)]:
            error = ValueError(
                f"Graph execution error:\n\n{before}{traces}Invalid PNG data\n [[a]]"
            )
            assert said(error) == "Invalid PNG data\n [[a]]"
    assert said(ValueError("plain")) == "plain"
