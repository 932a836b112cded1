"""Records: fields from tables, arrays and files; missing fields, mixed types, absent columns."""

import json

import numpy as np
import pytest
from PIL import Image

from tfmetric import datasets

_LABELS = [f"c{n % 4}" for n in range(16)]


def _pixels(row):
    return np.random.default_rng(row).integers(0, 256, (6, 5, 3)).astype("uint8")


@pytest.fixture
def table(tmp_path):
    """A table with numbers, texts, categories, large ids and paths of images."""
    lines = ["label,price,title,code,path,group"]
    for row, label in enumerate(_LABELS):
        Image.fromarray(_pixels(row)).save(tmp_path / f"{row}.png")
        lines.append(f'{label},{row / 8},"title, {row}",{2**60 + row},{row}.png,g{row % 3}')
    path = tmp_path / "items.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _rows(part):
    """The row of the table of each record: line 2 is the first."""
    return [int(where.rsplit(" ", 1)[1]) - 2 for where in part.ids]


@pytest.mark.parametrize("cache_bytes", [10**6, 0], ids=["in memory", "on demand"])
def test_columns_of_a_table_are_fields(table, cache_bytes):
    train, test = datasets.load(table, kind="record", cache_bytes=cache_bytes)
    kinds = {name: field.kind for name, field in train.element.fields.items()}
    assert kinds == {"price": "vector", "title": "text", "code": "vector", "path": "image"}
    assert any(
        "price, code as vector; title as text; path as image" in n for n in train.report.notes
    )
    for part in (train, test):
        for batch in (part.read(), next(iter(part.batches(16)))[0]):
            for place, row in enumerate(_rows(part)):
                assert batch["price"][place] == [row / 8]
                assert batch["code"][place] == [2**60 + row]  # Exact, not by way of a float.
                np.testing.assert_array_equal(batch["path"][place], _pixels(row))
                title = np.asarray(batch["title"])[place]
                assert (title.decode() if isinstance(title, bytes) else title) == f"title, {row}"
    x, _ = next(iter(datasets.balanced_batches(train, 2, 2)))
    assert {name: len(array) for name, array in x.items()} == dict.fromkeys(kinds, 4)


def test_fields_are_chosen_with_their_options(table):
    train, _ = datasets.load(
        table,
        kind="record",
        columns=("code", "path"),
        fields={"code": "text", "path": {"kind": "image", "color": "grey"}},
        image_size=4,
    )
    assert train.element.inputs == {"code": ((), "string"), "path": ((4, 4, 1), "uint8")}
    assert train.read([0])["code"][0] == str(2**60 + _rows(train)[0])


def test_a_missing_field_and_a_bad_file_are_left_out_with_the_reason(table):
    text = table.read_text(encoding="utf-8").splitlines()
    text[3] = text[3].replace("0.25", "")
    table.write_text("\n".join(text), encoding="utf-8")
    (table.parent / "7.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="2 unusable"):
        train, test = datasets.load(table, kind="record")
    skipped = dict(train.report.skipped)
    assert skipped["items.csv line 4"] == "missing price"
    assert skipped["items.csv line 9"].startswith("path: not a PNG")
    assert sorted([*_rows(train), *_rows(test)]) == [n for n in range(16) if n not in (2, 7)]


def test_a_number_that_is_none_is_an_error_with_its_row(table):
    text = table.read_text(encoding="utf-8").replace("c2,0.25,", "c2,about 2,")
    table.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"fields=.*'price'.*'about 2'.*line 4"):
        datasets.load(table, kind="record")
    train, _ = datasets.load(table, kind="record", fields={"price": "text"})
    assert train.element.fields["price"].kind == "text"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": ("price", "cost")}, "names the column cost"),
        ({"fields": {"cost": "text"}}, "fields= with columns of the table.*'cost'"),
        ({"fields": {"title": "vector"}}, "a number in each cell.*'title, 0'.*line 2"),
        ({"fields": {"title": "sequence"}}, "a list of numbers in each cell of the column title"),
        ({"fields": {"title": "words"}}, "kind as one of"),
        ({"sampling_rate": 8000}, "no field takes sampling_rate"),
    ],
)
def test_what_does_not_fit_is_an_error(table, options, words):
    with pytest.raises(ValueError, match=words):
        datasets.load(table, kind="record", **options)


def test_a_column_that_is_not_read_is_mentioned(table):
    text = table.read_text(encoding="utf-8").replace("title", "text", 1)
    table.write_text(text, encoding="utf-8")
    train, _ = datasets.load(table)
    assert train.element.kind == "image"
    assert any("the column text was not read beside path" in n for n in train.report.notes)


def test_a_table_of_several_kinds_names_the_kind_that_reads_it(table):
    with pytest.raises(ValueError, match="kind='record'"):
        datasets.load(table, columns=("price", "title"))


def test_lists_of_numbers_in_json_lines(tmp_path):
    path = tmp_path / "t.jsonl"
    rows = [
        {"label": label, "ids": [row, row + 1, 0], "curve": [[row, 1]] * (row % 3 + 1)}
        for row, label in enumerate(_LABELS)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    train, _ = datasets.load(path, kind="record", fields={"curve": "sequence"})
    assert train.element.inputs["ids"] == ((3,), "int64")
    assert train.element.fields["curve"].shape == (None, 2)
    for place, where in enumerate(train.ids):
        row = int(where.rsplit(" ", 1)[1]) - 1
        record = train.read([place])
        assert record["ids"].tolist() == [[row, row + 1, 0]]
        assert record["curve_length"].tolist() == [row % 3 + 1]
    rows[4]["ids"] = [1, 2]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(ValueError, match=r"one length in the column ids.*line 5"):
        datasets.load(path, kind="record", columns="ids")


def test_rows_as_mappings_and_missing_values():
    rows = [{"size": n, "name": f"n{n}"} for n in range(8)]
    del rows[3]["size"]
    rows[5]["name"] = " "
    with pytest.warns(UserWarning, match="2 unusable"):
        train, _ = datasets.load((rows, np.arange(8) % 2), kind="record", split="examples")
    assert dict(train.report.skipped) == {
        "arrays/3": "size: missing",
        "arrays/5": "name: empty text",
    }


def test_named_arrays_of_an_npz_and_of_two_parts(tmp_path):
    ids, mask = np.arange(40, dtype="int32").reshape(8, 5), np.ones((8, 5), bool)
    labels = np.repeat(np.arange(4), 2)
    np.savez(tmp_path / "t.npz", ids=ids, mask=mask, y=labels)
    train, _ = datasets.load(tmp_path / "t.npz", kind="record", columns=("ids", "mask"))
    assert train.element.inputs == {"ids": ((5,), "int32"), "mask": ((5,), "bool")}
    fields = {"ids": ids, "mask": mask}
    train, test = datasets.load(((fields, labels), (fields, labels)), split="as given")
    np.testing.assert_array_equal(train.read()["ids"], test.read()["ids"])
    assert len(train.report.duplicates) == 8
    with pytest.raises(ValueError, match="the same fields in all parts"):
        datasets.load(((fields, labels), ({"ids": ids}, labels)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Expected fields"),
        ({"a": np.ones(4), "b": np.ones(3)}, "fields of one number of examples"),
        ({"a": [None] * 4}, "at least one value.*field='a'"),
        ({"a": np.ones((4, 2, 2))}, "kind=.*field='a'"),
        ({"a": ["x", 1, "y", "z"]}, "field='a'"),
        ({1: np.ones(4)}, "names that are text"),
        ({"a": [np.ones((1, 2)), *[np.ones((2, 2))] * 3], "a_length": np.ones(4)}, "a_length"),
    ],
)
def test_records_that_do_not_fit_are_an_error(fields, words):
    told = {"a": "sequence"} if "a_length" in fields else None
    with pytest.raises(ValueError, match=words):
        datasets.from_arrays(fields, [0, 0, 1, 1], kind="record", fields=told)


def test_a_table_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"size": np.arange(8.0), "name": [f"n{n}" for n in range(8)]})
    data = datasets.from_arrays(frame, np.arange(8) % 2, kind="record")
    assert data.read([3])["size"].tolist() == [[3.0]]
    assert data.read([3])["name"].tolist() == ["n3"]
