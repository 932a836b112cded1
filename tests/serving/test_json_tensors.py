"""Tensors as JSON: round trips, and invalid requests."""

import json

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis, of the extra test")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.served import square

from tfmetric.serving import json_tensors
from tfmetric.serving.refusals import Refused

QUICK = settings(max_examples=60, deadline=None, database=None)
OVER_HTTP = settings(
    QUICK, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NUMBERS = ("float32", "float64", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64")

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.fixed_dictionaries({"b64": st.text("ABab09+/=", max_size=6)}),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["inputs", "k", "b64", "x"]), inner, max_size=3),
    ),
    max_leaves=12,
)
REQUESTS = st.dictionaries(
    st.sampled_from(["instances", "inputs", "signature_name", "x"]),
    VALUES | st.sampled_from(["embed", "embed_bytes", "search"]),
)


@st.composite
def arrays(draw):
    shape = draw(st.lists(st.integers(1, 3), max_size=3))
    dtype = draw(st.sampled_from([*NUMBERS, "bool", "string"]))
    size = int(np.prod(shape))
    if dtype == "string":
        values = draw(st.lists(st.text(max_size=4), min_size=size, max_size=size))
        found = np.empty(size, object)
        found[:] = [value.encode() for value in values]
        return found.reshape(shape)
    data = draw(st.binary(min_size=size * 8, max_size=size * 8))
    if dtype == "bool":
        return (np.frombuffer(data, np.uint8)[:size] % 2).astype(bool).reshape(shape)
    return np.frombuffer(data, dtype)[:size].reshape(shape)


@given(arrays(), st.booleans())
@QUICK
def test_there_and_back(array, rows):
    dtype = "string" if array.dtype == object else array.dtype.name
    rows = rows and array.ndim > 0
    written = json.loads(json_tensors.answer({"x": array}, rows))
    read = json_tensors.from_rows if rows else json_tensors.from_columns
    found = read(written["predictions" if rows else "outputs"], {"x": dtype})["x"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@given(arrays(), arrays())
@QUICK
def test_two_outputs(a, b):
    rows = a.ndim > 0 and b.ndim > 0
    if rows and len(a) != len(b):
        with pytest.raises(Refused, match="inconsistent batch size"):
            json_tensors.answer({"a": a, "b_bytes": b}, rows)
        return
    written = json.loads(json_tensors.answer({"a": a, "b_bytes": b}, rows))
    types = {"a": a, "b_bytes": b}
    types = {k: "string" if v.dtype == object else v.dtype.name for k, v in types.items()}
    if rows:
        found = json_tensors.from_rows(written["predictions"], types)
    else:
        found = json_tensors.from_columns(written["outputs"], types)
    np.testing.assert_array_equal(found["a"], a)
    np.testing.assert_array_equal(found["b_bytes"], b)


def test_answers_that_are_no_rows():
    with pytest.raises(Refused, match="has no shape information"):
        json_tensors.answer({"a": np.float32(1)}, rows=True)
    with pytest.raises(Refused, match="no UTF-8"):
        json_tensors.answer({"a": np.array([b"\xff"], object)}, rows=True)
    with pytest.raises(Refused, match="to type: half"):
        json_tensors.from_columns([1.0], {"a": "half"})
    for depth in (65, 300, 900):
        deep = json.loads("[" * depth + "1" + "]" * depth)
        with pytest.raises(Refused, match=f"nested {depth} deep") as info:
            json_tensors.from_columns(deep, {"a": "float32"})
        assert info.value.http == 400
    nan = json_tensors.answer({"a": np.array([np.nan, np.inf, -np.inf])}, rows=False)
    assert nan == b'{"outputs": [NaN, Infinity, -Infinity]}'


@given(REQUESTS)
@OVER_HTTP
def test_any_request_is_answered_or_refused(http, document):
    status, found = http.predict(document)
    assert status in (200, 400), found
    assert set(found) <= {"error", "predictions", "outputs"}


@given(st.binary(max_size=60), st.integers(0, 200))
@OVER_HTTP
def test_any_bytes_are_answered_or_refused(http, data, place):
    whole = json.dumps({"instances": square(1).tolist()}).encode()
    status, found = http.predict(whole[:place] + data + whole[place + len(data) :])
    assert status in (200, 400), found
