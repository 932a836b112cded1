"""Labels, ids and texts keep every value, however they come."""

import dataclasses
import datetime
import enum
import json
import pathlib

import numpy as np
import pytest
from numpy.dtypes import StringDType

from tfmetric import values

pd = pytest.importorskip("pandas", reason="pandas is not installed")
BIG = 2**63
NAMES = ["b", "ä/漢", "17", ""]


@pytest.mark.parametrize(
    ("given", "wanted", "dtype"),
    [
        ([1, 2, 1], [1, 2, 1], "int64"),
        (range(3), [0, 1, 2], "int64"),
        ((2**53, 2**53 + 1), [2**53, 2**53 + 1], "int64"),
        ([1.0, 2**53 + 1], [1, 2**53 + 1], "int64"),
        ([5, BIG], [5, BIG], "uint64"),
        ([-BIG, BIG - 1], [-BIG, BIG - 1], "int64"),
        (np.array([1, 2], "int8"), [1, 2], "int64"),
        (np.array([1, 255], "uint8"), [1, 255], "int64"),
        (np.array([1, 2**32 - 1], "uint32"), [1, 2**32 - 1], "int64"),
        (np.array([1, 2**64 - 1], "uint64"), [1, 2**64 - 1], "uint64"),
        (np.array([1.0, -3.0], "float32"), [1, -3], "int64"),
        (np.array([[4], [5]]), [4, 5], "int64"),
        (np.array([2**53 + 1, 7], object), [2**53 + 1, 7], "int64"),
        ([True, False], [True, False], "bool"),
        ([], [], "int64"),
        (np.array([], "U3"), [], "U"),
        (NAMES, NAMES, "U"),
        (tuple(NAMES), NAMES, "U"),
        ([name.encode() for name in NAMES], NAMES, "U"),
        (np.array(NAMES), NAMES, "U"),
        (np.array(NAMES, object), NAMES, "U"),
        (np.array([name.encode() for name in NAMES]), NAMES, "U"),
        (np.array(NAMES, StringDType()), NAMES, "U"),
        (pd.Series(NAMES), NAMES, "U"),
        (pd.Series(NAMES, dtype="string"), NAMES, "U"),
        (pd.Series(NAMES, dtype="category"), NAMES, "U"),
        (pd.Series([3, 2**53 + 1], dtype="Int64"), [3, 2**53 + 1], "int64"),
        (pd.Index([1, 2]), [1, 2], "int64"),
    ],
)
def test_labels_stay_as_they_are(given, wanted, dtype):
    found = values.labels(given)
    assert found.tolist() == wanted
    assert found.dtype.kind == "U" if dtype == "U" else found.dtype == dtype
    kept = values.ids(given)
    assert kept.tolist() == wanted
    assert kept.dtype == (object if dtype == "U" else "int64" if dtype == "bool" else dtype)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, None], "without missing values.*row=1"),
        (["a", None], "without missing values.*row=1"),
        (["a", float("nan")], "without missing values.*row=1"),
        ([1.0, 2.0, float("nan")], "without missing values.*row=2"),
        (pd.Series([1, None], dtype="Int64"), "without missing values.*row=1"),
        (pd.Series(["a", None], dtype="string"), "without missing values.*row=1"),
        (np.array([1.0, np.nan]), "without missing values.*row=1"),
        ([1, 2.5], "whole numbers.*row=1.*2.5"),
        (np.array([1, np.inf]), "whole numbers.*row=1"),
        (np.array([2.0**24 - 1, 2.0**24], "float32"), "float32 does not hold.*row=1"),
        (np.array([2.0**53]), "float64 does not hold"),
        ([0, 2**64], "int64 or uint64.*row=1"),
        ([BIG, -1], "one type.*row=1"),
        ([1, "1"], "all integers or all strings.*row=1"),
        (["1", 1], "all integers or all strings.*row=1"),
        (["a", "a\0"], "zero character.*row=1"),
        (np.array(["2020-01-01"], "M8[D]"), "integers or strings"),
        ([1j], "integers or strings"),
        ("abc", r"shape \(N,\)"),
        (3, r"shape \(N,\)"),
        (np.eye(3), r"shape \(N,\)"),
        ([[1, 2], [3]], "ragged.*\\[1, 2\\]"),
    ],
)
def test_what_is_no_label_is_named_by_its_row(given, message):
    with pytest.raises(
        ValueError, match=f"(?s)Expected codes .*{message}|Expected codes {message}"
    ):
        values.labels(given, name="codes")


def test_a_wrong_number_of_labels_is_refused():
    with pytest.raises(ValueError, match=r"labels of shape \(3,\).*labels_shape=\(2,\)"):
        values.labels([1, 2], 3)


def test_texts_and_their_bytes():
    for given in (NAMES, np.array(NAMES), pd.Series(NAMES), np.array(NAMES, StringDType())):
        assert values.texts(given).tolist() == NAMES
        assert values.encoded(given).tolist() == [name.encode() for name in NAMES]
    assert values.texts(["a\0"]).tolist() == ["a\0"]
    assert values.encoded([["a\0", b"\xff\0"]]).tolist() == [[b"a\0", b"\xff\0"]]
    assert values.encoded("one\0").tolist() == b"one\0"
    with pytest.raises(ValueError, match=r"texts to be texts.*float64"):
        values.encoded(np.ones(2))
    assert values.encoded([]).shape == (0,)
    with pytest.raises(ValueError, match=r"texts to be all strings.*row=1.*value=3"):
        values.texts(["a", 3])
    with pytest.raises(ValueError, match=r"names without missing values.*row=1"):
        values.texts(np.array(["a", None], object), name="names")
    with pytest.raises(ValueError, match=r"UTF-8 can hold.*place=1"):
        values.encoded(["a", "\ud800"])
    with pytest.raises(ValueError, match=r"texts to be all strings.*row=0"):
        values.encoded([1.5])


def test_bytes_that_are_no_utf8_stay_apart():
    found = values.labels([b"\xff", b"\xfe", b"\xff"])
    assert len(set(found.tolist())) == 2
    assert values.labels(["a", b"\xff"]).tolist() == ["a", "\udcff"]


def test_missing_rows():
    assert values.missing([None, "", " \t", "nan", "a"]).tolist() == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert values.missing(pd.Series([1, None], dtype="Int64")).tolist() == [False, True]
    assert values.missing(np.array([0, 1])).tolist() == [False, False]
    assert values.missing(pd.Series(["a", None], dtype="string")).tolist() == [False, True]


class Colour(enum.StrEnum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: np.ndarray
    name: str = "p"


class Described:
    def to_dict(self):
        return {"b": np.uint64(2**64 - 1)}


def test_plain_values_are_what_json_reads_back():
    given = {
        "numbers": (np.int8(3), np.float16(0.5), np.bool_(True), 2**70, np.array(2.0)),
        "texts": [np.str_("a"), b"b", Colour.RED, pathlib.PurePosixPath("c/d")],
        "arrays": np.array([[1.0, np.nan], [np.inf, 2.0]], "float32"),
        "set": {"z", "a"},
        "when": datetime.date(2020, 1, 2),
        "point": Point(np.arange(2)),
        "described": Described(),
        3: None,
    }
    found = values.plain(given)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found == {
        "numbers": [3, 0.5, True, 2**70, 2.0],
        "texts": ["a", "b", "red", "c/d"],
        "arrays": [[1.0, None], [None, 2.0]],
        "set": ["a", "z"],
        "when": "2020-01-02",
        "point": {"x": [0, 1], "name": "p"},
        "described": {"b": 2**64 - 1},
        "3": None,
    }
    with pytest.raises(TypeError, match=r"JSON can hold.*object"):
        values.plain([object()])
    with pytest.raises(ValueError, match="keys that differ"):
        values.plain({1: "a", "1": "b"})
