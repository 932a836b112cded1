"""`load_pairs`: every source, kinds, ids, parts, and what is wrong."""

import json

import numpy as np
import pytest
from PIL import Image

from tfmetric import datasets

QUESTIONS = ["who are you", "where is it", "how old are you", "what is it", "who is it", "is it"]
ANSWERS = ["a friend", "over there", "forty", "a cat", "a friend", "yes"]


def _shown(*parts):
    """The links of all parts as pairs of what the sides hold."""
    return sorted(
        (str(left), str(right))
        for part in parts
        for left, right in zip(
            part.left.read(part.links[:, 0]), part.right.read(part.links[:, 1]), strict=True
        )
    )


def _csv(path, rows, header=("left", "right"), delimiter=","):
    path.write_text("\n".join(delimiter.join(row) for row in [header, *rows]) + "\n", "utf-8")
    return path


def _rows():
    return list(zip(QUESTIONS, ANSWERS, strict=True))


def _sources(tmp_path):
    import pandas as pd

    columns = {"left": QUESTIONS, "right": ANSWERS}
    lines = tmp_path / "a.jsonl"
    lines.write_text("\n".join(json.dumps({"left": a, "right": b}) for a, b in _rows()), "utf-8")
    return {
        "csv": _csv(tmp_path / "a.csv", _rows()),
        "tsv": _csv(tmp_path / "a.tsv", _rows(), delimiter="\t"),
        "jsonl": lines,
        "mapping": columns,
        "arrays": {name: np.array(column) for name, column in columns.items()},
        "frame": pd.DataFrame(columns),
        "list": [{"left": a, "right": b} for a, b in _rows()],
    }


def test_every_source_gives_the_same_links(tmp_path):
    for name, source in _sources(tmp_path).items():
        train, test = datasets.load_pairs(source, split="links", split_seed=1)
        assert _shown(train, test) == sorted(_rows()), name
        assert len(train.right) == 5, name  # Two questions have one answer.
        assert train.right.class_names == tuple(dict.fromkeys(ANSWERS)), name
        assert (train.left.element.kind, train.right.element.kind) == ("text", "text")


def test_a_given_split_is_kept(tmp_path):
    parts = ["train", "train", "dev", "test", "test", "train"]
    rows = [(*row, part) for row, part in zip(_rows(), parts, strict=True)]
    source = _csv(tmp_path / "a.csv", rows, ("left", "right", "split"))
    train, test = datasets.load_pairs(source)
    assert _shown(train) == sorted(_rows()[row] for row in (0, 1, 5))
    assert _shown(test) == sorted(_rows()[row] for row in (3, 4))
    # "a friend" is in both parts, so all answers but those of the validation part are candidates.
    assert sorted(test.right.read()) == ["a cat", "a friend", "over there", "yes"]
    assert "the validation part, 1 row, is in neither part" in str(train.report)
    same = {"train": [], "test": []}
    for (left, right), part in zip(_rows(), parts, strict=True):
        if part != "dev":
            same[part].append({"left": left, "right": right})
    again = datasets.load_pairs(same)
    assert _shown(again[0]) == _shown(train)
    assert _shown(again[1]) == _shown(test)
    merged, apart = datasets.load_pairs(source, split="components")
    assert _shown(merged, apart) == sorted(_rows())
    assert "merged and split anew" in str(merged.report)


def test_a_link_in_both_given_parts_stays_in_the_test_and_is_not_seen():
    _, test = datasets.load_pairs(
        {
            "train": {"left": ["a", "b", "a"], "right": ["x", "y", "z"]},
            "test": {"left": ["a", "c"], "right": ["x", "y"]},
        }
    )
    assert _shown(test) == [("a", "x"), ("c", "y")]
    assert [test.right.read([right])[0] for _, right in test.seen] == ["z"]
    assert "1 link of the test part in train too" in str(test.report)


def test_components_share_no_element():
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 60, 80), rng.integers(0, 60, 80)
    source = {"left": [f"l{n}" for n in left], "right": [f"r{n}" for n in right]}
    train, test = datasets.load_pairs(source, split="components")
    assert not set(train.left.read()) & set(test.left.read())
    assert not set(train.right.read()) & set(test.right.read())
    every = {(f"l{a}", f"r{b}") for a, b in zip(left, right, strict=True)}
    assert _shown(train, test) == sorted(every)


def test_auto_takes_components_unless_most_hang_together():
    apart = datasets.load_pairs({"left": QUESTIONS, "right": ANSWERS})[0]
    assert "by component" in apart.report.split
    hub = {"left": [f"q{n}" for n in range(20)], "right": ["yes"] * 15 + list("abcde")}
    assert "by left element" in datasets.load_pairs(hub)[0].report.split


def _pictures(folder, count, seed=0):
    rng = np.random.default_rng(seed)
    names = []
    for number in range(count):
        names.append(f"{number}.png")
        pixels = rng.integers(0, 256, (6, 5, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / names[-1])
    return names


def test_files_of_images_beside_texts(tmp_path):
    names = _pictures(tmp_path, 6)
    source = _csv(
        tmp_path / "a.csv", list(zip(names, QUESTIONS, strict=True)), ("image", "caption")
    )
    train, test = datasets.load_pairs(source, left="image", right="caption", split="links")
    assert train.left.element.kind == "image"
    assert train.left.element_shape == (6, 5, 3)
    assert train.left.class_names == tuple(names)
    for part in (train, test):
        for (left, right), ids in part.batches(2) if len(part) > 1 else ():
            for picture, text, label in zip(left.numpy(), right.numpy(), ids.numpy(), strict=True):
                row = QUESTIONS.index(text.decode())
                assert part.right.class_names[label] == QUESTIONS[row]
                assert (picture == np.asarray(Image.open(tmp_path / names[row]))).all()
    small, _ = datasets.load_pairs(
        source, left="image", right="caption", left_kind={"kind": "image", "image_size": 4}
    )
    assert small.left.element_shape == (4, 4, 3)


def test_a_broken_file_leaves_its_links_out_and_is_reported(tmp_path):
    names = _pictures(tmp_path, 6)
    (tmp_path / names[2]).write_bytes(b"no image")
    source = _csv(tmp_path / "a.csv", list(zip(names, QUESTIONS, strict=True)))
    with pytest.warns(UserWarning, match=r"1 unusable rows .* 2\.png"):
        train, test = datasets.load_pairs(source, split="links")
    assert len(train) + len(test) == 5
    assert QUESTIONS[2] not in {*train.right.read(), *test.right.read()}
    assert "1 link of elements that were left out" in str(train.report)
    with pytest.raises(ValueError, match="only usable rows under strict=True"):
        datasets.load_pairs(source, split="links", strict=True)


def test_equal_contents_are_one_element(tmp_path):
    names = _pictures(tmp_path, 5)
    (tmp_path / "copy.png").write_bytes((tmp_path / names[1]).read_bytes())
    source = _csv(tmp_path / "a.csv", list(zip(QUESTIONS, [*names, "copy.png"], strict=True)))
    train, test = datasets.load_pairs(source, split="links")
    assert len(train.right) == 5
    assert "1 right element with the content of another" in str(train.report)
    rows = np.eye(4)[[0, 1, 2, 3, 1, 0]]
    train, test = datasets.load_pairs({"left": rows, "right": QUESTIONS}, split="links")
    assert len(set(train.left.labels) | set(test.left.labels)) == 4


def test_ids_say_which_elements_are_equal():
    source = {
        "left": QUESTIONS,
        "right": ANSWERS,
        "number": [7, 7, 2**40, 3, 4, 5],
        "answer": list("abcdef"),
    }
    train, test = datasets.load_pairs(source, left_id="number", right_id="answer", split="links")
    assert train.left.class_names == ("7", str(2**40), "3", "4", "5")
    assert train.right.class_names == tuple("abcdef")
    assert "1 left id with several values" in str(train.report)
    assert len(train) + len(test) == 6


def test_records_of_several_columns():
    source = {"title": QUESTIONS, "price": np.arange(6.0), "right": ANSWERS}
    train, _ = datasets.load_pairs(source, left=("title", "price"), split="links")
    assert sorted(train.left.element.fields) == ["price", "title"]


def test_records_of_several_columns_of_a_table(tmp_path):
    rows = [(*row, str(n)) for n, row in enumerate(_rows())]
    source = _csv(tmp_path / "a.csv", rows, ("title", "right", "price"))
    train, _ = datasets.load_pairs(source, left=("title", "price"), split="links")
    assert train.left.element.fields["price"].kind == "vector"


def test_scores_stay_with_their_links():
    score = np.linspace(0, 5, 6)
    source = {"left": QUESTIONS, "right": ANSWERS, "grade": score}
    train, test = datasets.load_pairs(source, score="grade", split="links")
    for part in (train, test):
        for link, grade in zip(part.links, part.score, strict=True):
            row = QUESTIONS.index(part.left.read(link[:1])[0])
            assert grade == np.float32(score[row])


def test_rows_without_a_value_and_repeated_rows_are_counted(tmp_path):
    rows = [("a", "x", "1"), ("b", "", "2"), ("a", "x", "3"), ("c", "y", ""), ("d", "z", "4")]
    source = _csv(tmp_path / "a.csv", rows, ("left", "right", "grade"))
    with pytest.warns(UserWarning, match=r"2 unusable rows .* a\.csv line 3 \(missing right\)"):
        train, test = datasets.load_pairs(source, score="grade", split="links")
    assert _shown(train, test) == [("a", "x"), ("d", "z")]
    assert sorted([*train.score, *test.score]) == [1, 4]
    words = str(train.report)
    assert "1 row with a link that an earlier row has; it counts as its first row has it" in words
    assert "1 link with several scores; the first counts" in words


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"left": "question"}, "left= as one of the columns left, right, grade"),
        ({"score": "note"}, "score= as one of the columns"),
        ({"right_id": "id"}, "right_id= as one of the columns"),
        ({"score": "right"}, "one number a row in the column right"),
        ({"split": "time"}, "split as one of"),
        ({"split": "as given"}, "parts of its own"),
        ({"kind": "image"}, "image"),
        ({"left_kind": {"kind": "text", "image_size": 3}}, "options of this kind"),
        ({"left": ()}, "a column for each side"),
        ({"test_fraction": 1.0}, "test_fraction between 0 and 1"),
    ],
)
def test_wrong_arguments_are_refused(wrong, words):
    source = {"left": QUESTIONS, "right": ANSWERS, "grade": np.arange(6)}
    with pytest.raises(ValueError, match=words):
        datasets.load_pairs(source, **wrong)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("no_such.csv", "links as an existing .csv"),
        (7, "links as an existing .csv"),
        ({}, "columns with names"),
        ({"left": [], "right": []}, "at least one row"),
        ({"left": ["a"], "right": ["b", "c"]}, "fields of one number of examples"),
        ({"left": [""], "right": ["b"]}, "at least one row that has a value"),
        ({"left": ["a", "b"], "right": ["c", "d"], "split": ["x", "train"]}, "in the column split"),
        ({"train": {"left": ["a"]}, "test": {"right": ["b"]}}, "parts with the same columns"),
        (
            {"left": ["a", "b"], "right": ["c", "d"], "score": [1.0, np.inf]},
            "finite numbers as score",
        ),
    ],
)
def test_wrong_sources_are_refused(source, words):
    score = "score" if isinstance(source, dict) and "score" in source else None
    with pytest.raises(ValueError, match=words):
        datasets.load_pairs(source, score=score, split="auto" if score is None else "links")


def test_a_cell_that_is_no_number_is_named(tmp_path):
    rows = [("a", "x", "1"), ("b", "y", "good")]
    source = _csv(tmp_path / "a.csv", rows, ("left", "right", "grade"))
    with pytest.raises(ValueError, match=r"column grade. Received: cell='good', where='a.csv line"):
        datasets.load_pairs(source, score="grade")


def test_stsbenchmark(shared):
    import pandas as pd

    def part(name):
        return pd.read_csv(
            shared(f"data/stsbenchmark/sts-{name}.csv"),
            sep="\t",
            quoting=3,
            header=None,
            usecols=[4, 5, 6],
            names=["score", "left", "right"],
        )

    train, test = datasets.load_pairs(
        {name: part(name) for name in ("train", "dev", "test")}, score="score"
    )
    assert (len(train), len(test)) == (5706, 1378)
    assert float(test.score.max()) == 5.0
    assert "7 links of the test part in train too" in str(test.report)


def test_clinc(shared):
    found = json.loads(shared("data/clinc150/data_full.json").read_text())
    parts = {
        name: {"left": [text for text, _ in found[name]], "right": [i for _, i in found[name]]}
        for name in ("train", "test")
    }
    train, test = datasets.load_pairs(parts)
    assert len(train.right) == len(test.right) == 150
    assert (len(train), len(test)) == (15000, 4500)
    for _, ids in train.batches(128).take(3):
        assert len(set(ids.numpy().tolist())) == len(ids)


def test_built_in_pictures_of_characters_and_their_names():
    train, test = datasets.load_pairs("glyph_names")
    assert (len(train.right), len(test.right)) == (1067, 1066)
    assert set(train.right.read()).isdisjoint(test.right.read())
    assert "GREEK SMALL LETTER ALPHA WITH TONOS" in {*train.right.read(), *test.right.read()}
    assert train.left.element.shape == (32, 32, 1)
    # Each picture is that of the character with the name.
    glyphs = datasets.load("glyphs", split="examples")[0]
    letter = glyphs.class_names.index("k (U+006B)")
    drawn = {picture.tobytes() for picture in glyphs.read(np.flatnonzero(glyphs.labels == letter))}
    part = train if "LATIN SMALL LETTER K" in train.right.read() else test
    name = part.right.read().tolist().index("LATIN SMALL LETTER K")
    pictures = part.left.read(part.links[part.links[:, 1] == name, 0])
    assert drawn <= {picture.tobytes() for picture in pictures}
    whole, few = datasets.load_pairs("glyph_names", split="right", test_fraction=0.1)
    assert (len(few.right), len(whole.right)) == (213, 1920)
