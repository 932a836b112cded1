"""Tables of texts, numbers and paths; rows that do not fit; time series; readers from outside."""

import json

import numpy as np
import pytest

from tfmetric import datasets

_ROWS = [(f"{'abcd'[n % 4]}", f"text, number {n}", n / 8, f"g{n % 3}") for n in range(16)]


def _write(path, delimiter):
    lines = [delimiter.join(("label", "text", "size", "group"))]
    lines += [delimiter.join((a, f'"{b}"', str(c), d)) for a, b, c, d in _ROWS]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "delimiter", "options"),
    [("t.csv", ",", {}), ("t.tsv", "\t", {}), ("t.csv", ";", {"delimiter": ";"})],
)
def test_texts_of_a_table(tmp_path, name, delimiter, options):
    path = _write(tmp_path / name, delimiter)
    train, test = datasets.load(path, **options)
    assert train.element.kind == "text"
    assert sorted([*train.read(), *test.read()]) == sorted(row[1] for row in _ROWS)
    assert set(train.groups) == {"g0", "g1", "g2"}
    assert train.ids[0].startswith(f"{name} line ")


def test_texts_of_json_lines(tmp_path):
    path = tmp_path / "t.jsonl"
    rows = [{"intent": 2**60 + n % 4, "sentence": f"é {n}"} for n in range(16)]
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join([*lines[:3], "no json", *lines[3:]]), encoding="utf-8")
    with pytest.warns(UserWarning, match="1 unusable"):
        train, test = datasets.load(path, label="intent", text="sentence")
    assert train.class_names == tuple(str(2**60 + n) for n in range(4))
    assert sorted([*train.read(), *test.read()]) == sorted(row["sentence"] for row in rows)
    assert train.report.skipped == (("t.jsonl line 4", "no JSON object"),)


def test_numbers_of_a_table(tmp_path):
    path = _write(tmp_path / "t.csv", ",")
    train, test = datasets.load(path, columns="size")
    assert train.element.kind == "vector"
    assert train.element.options["columns"] == ("size",)
    found = np.concatenate([train.read(), test.read()])[:, 0]
    assert sorted(found) == [row[2] for row in _ROWS]
    with pytest.raises(ValueError, match=r"numbers in every column.*column='text'.*line 2"):
        datasets.load(path, columns=("size", "text"))


def test_rows_that_do_not_fit_are_left_out_and_named(tmp_path):
    path = tmp_path / "t.csv"
    lines = ["label,text", *(f"{'abcd'[n % 4]},text {n}" for n in range(12))]
    lines += ["Smith, John,c", "nan,x", ",y", "a,"]
    path.write_text("\n".join(lines) + "\n")
    with pytest.warns(UserWarning, match="4 unusable"):
        train, _ = datasets.load(path)
    assert train.class_names == ("a", "b", "c", "d")
    reasons = dict(train.report.skipped)
    assert "3 cells under a header of 2" in reasons["t.csv line 14"]
    assert reasons["t.csv line 15"] == reasons["t.csv line 16"] == "missing label"
    assert reasons["t.csv line 17"] == "missing text"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("label,text\na,b\n", {"label": "intent"}, "names the column intent"),
        ("label,text\na,b\n", {"text": "words"}, "names the column words"),
        ("label,text\na,b\n", {"group": "writer"}, "names the column writer"),
        ("label;text\na;b\n", {}, "names the column label"),
        ("label,label\na,b\n", {}, "names each column once"),
        ("label\na\n", {}, "a column for the example"),
        ("label,path\na,x.xyz\n", {}, "files of a known kind"),
    ],
)
def test_bad_tables(tmp_path, text, options, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        datasets.load(path, **options)


def test_a_table_that_is_not_utf8(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"label,text\na,\xff\n")
    with pytest.raises(ValueError, match="a table in UTF-8"):
        datasets.load(path)


def _series(path, labels):
    lines = ["@problemName X", "@data"]
    for n, label in enumerate(labels):
        values = ",".join(str(n + step) for step in range(2 + n % 3))
        lines.append(f"{values}:{values}:{label}")
    path.write_text("\n".join([*lines, "1,2:1:a", "bad"]) + "\n")


def test_time_series(tmp_path):
    _series(tmp_path / "X_TRAIN.ts", "aabb")
    _series(tmp_path / "X_TEST.ts", "abab")
    with pytest.warns(UserWarning, match="4 unusable"):
        train, test = datasets.load(tmp_path / "X_TEST.ts", split="as given")
    assert train.element.describe() == "sequences of free length, 2 numbers a step, float32"
    assert (len(train), len(test)) == (4, 4)
    read = train.read([1])
    assert read["values"].tolist() == [[[1, 1], [2, 2], [3, 3]]]
    assert read["length"].tolist() == [3]
    (tmp_path / "empty.ts").write_text("@data\n")
    with pytest.raises(ValueError, match=r"a \.ts file with one example per line"):
        datasets.load(tmp_path / "empty.ts")


def test_free_lengths_end_to_end(tmp_path):
    lengths = np.arange(1, 13)
    offset = np.concatenate([[0], np.cumsum(lengths)])
    x = np.arange(offset[-1] * 2.0).reshape(-1, 2)
    np.savez(tmp_path / "a.npz", steps=x, offset=offset, who=np.arange(12) % 4)
    train, test = datasets.load(tmp_path / "a.npz", columns="steps", label="who", kind="sequence")
    for part in (train, test):
        read = part.read()
        for row, one in enumerate(part.ids):
            number = int(one.split("/")[1])
            own = x[offset[number] : offset[number + 1]]
            np.testing.assert_array_equal(read["values"][row, : read["length"][row]], own)
    with pytest.raises(ValueError, match="an offset of whole numbers that rise"):
        datasets.load({"x": x, "y": np.arange(12), "offset": offset[::-1]}, kind="sequence")


def test_files_of_texts(tmp_path):
    for label in "abcd":
        (tmp_path / label).mkdir()
        for n in range(2):
            (tmp_path / label / f"{n}.txt").write_text(f"{label} é {n}", encoding="utf-8")
    (tmp_path / "a" / "2.txt").write_bytes(b"\xff")
    (tmp_path / "b" / "2.txt").write_bytes(b"")
    with pytest.warns(UserWarning, match="2 unusable"):
        train, test = datasets.load(tmp_path)
    assert train.element.kind == "text"
    assert dict(train.report.skipped) == {"a/2.txt": "not UTF-8", "b/2.txt": "empty text"}
    assert sorted([*train.read(), *test.read()]) == [f"{c} é {n}" for c in "abcd" for n in range(2)]


def test_a_reader_from_outside():
    class Swaps(str):
        __slots__ = ()

    def read(source, options):
        texts = [f"{c}{source}{n}" for c in "abcd" for n in range(2)]
        return datasets.examples_of_values(
            texts, [text[0] for text in texts], name="swaps", options=options
        )

    datasets.register_reader(
        "test swaps", read, lambda source: isinstance(source, Swaps), "a Swaps of the tests"
    )
    train, test = datasets.load(Swaps("-"))
    assert {*train.read(), *test.read()} == {f"{c}-{n}" for c in "abcd" for n in range(2)}
    with pytest.raises(ValueError, match="a Swaps of the tests"):
        datasets.load("unknown")


def test_japanese_vowels(shared):
    path = shared("data/japanese_vowels/JapaneseVowels_TRAIN.ts")
    train, test = datasets.load(path, split="as given")
    assert (len(train), len(test), train.num_classes) == (270, 370, 9)
    lengths = train.read()["length"]
    assert lengths.min() >= 7
    assert lengths.max() <= 29
