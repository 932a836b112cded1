"""The page as text: what is in it, what is not, and what happens without some of it."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from support.runs import EVIL, make_run

import tfmetric as tm


class Reader(HTMLParser):
    """Collects elements and text, and holds every end tag against its start."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


def read(path):
    return Reader(path.read_text(encoding="utf-8"))


def sections(reader):
    return [values["id"] for tag, values in reader.elements if tag == "section"]


ALL = [
    "data",
    "training",
    "figures",
    "neighbours",
    "worst",
    "verification",
    "confusions",
    "map-of",
    "groups",
    "saliency",
    "reproduce",
]


def test_everything_is_in_it(run, report):
    page = read(report)
    metrics = json.loads((run / "metrics.json").read_text())
    result = metrics["result"]
    assert sections(page) == ALL
    for words in (
        f"{result['recall_at_1']:.4f}",
        f"{result['raw']['map_at_r']:.4f}",
        f"{result['intervals']['map_at_r'][0]:.4f}",
        result["verdict"].splitlines()[0],
        metrics["command"],
        "Exact duplicates across train and test: 1.",
        "and 10 more, in metrics.json",
        "Which threshold?",
        "too few",
    ):
        assert words in page.text, words
    assert 'class="none"' not in report.read_text()


def test_names_stay_text(report):
    page = read(report)
    for name in EVIL:
        assert name in page.text
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"b", "i", "u", "iframe", "form", "object"}
    assert not any(key.startswith("on") for _, values in page.elements for key in values)
    scripts = [values for tag, values in page.elements if tag == "script"]
    assert len(scripts) == 2


def test_nothing_is_fetched(report):
    page, text = read(report), report.read_text()
    for tag, values in page.elements:
        for key in ("src", "href"):
            assert values.get(key, "#").startswith(("#", "data:")), (tag, values[key][:80])
    assert not re.search(r"url\((?!data:)|@import", text)
    policy = next(v["content"] for t, v in page.elements if v.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "sha256-" in policy


def test_the_map_holds_its_names_whatever_they_are(report):
    text = re.search(r'id="map-data">(.*?)</script>', report.read_text(), re.DOTALL)[1]
    data = json.loads(text)
    assert len(data["words"]) == len(data["points"]) == 48
    assert data["words"][0].startswith(EVIL[0]) or any(w.startswith(EVIL[0]) for w in data["words"])


def test_it_says_the_same_again(run, report, tmp_path):
    again = tm.report.write(run, tmp_path / "again.html")
    assert again.read_text() == report.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"groups": False}, "no groups"),
        ({"images": False}, "Only images have pixels"),
        ({"model": False}, "no model.keras"),
    ],
)
def test_what_is_missing_is_named(options, words, tmp_path):
    page = read(tm.report.write(make_run(tmp_path / "run", **options)))
    assert sections(page) == ALL
    assert words in page.text


def test_a_run_without_evidence_has_figures_still(run, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    for key in ("command", "history", "data_check", "versions", "recipe", "train"):
        del metrics[key]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    page = read(tm.report.write(tmp_path))
    assert "kept no evidence" in page.text
    assert "tfmetric quickstart --dataset" in page.text
    assert f"{metrics['result']['map_at_r']:.4f}" in page.text


def test_two_classes_and_one_class(tmp_path):
    for number in (1, 2):
        directory = tmp_path / str(number)
        directory.mkdir()
        x = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
        data = tm.datasets.from_arrays(x, np.arange(6) % number)
        model = tm.models.embedder((5,), embedding_dim=2)
        tm.report.keep_evidence(directory, model, data)
        result = tm.evaluation.evaluate(model, data, ks=(1,)).to_dict()
        (directory / "metrics.json").write_text(json.dumps({"dataset": "few", "result": result}))
        assert "few" in read(tm.report.write(directory)).text


@pytest.mark.parametrize("contents", [None, "{", "[]", '{"result": 3}'])
def test_a_directory_that_is_no_run(contents, tmp_path):
    if contents is not None:
        (tmp_path / "metrics.json").write_text(contents)
    with pytest.raises(ValueError, match="Expected"):
        tm.report.write(tmp_path)


def test_a_directory_of_runs_names_them(run, tmp_path):
    make_run(tmp_path / "data/1", model=False)
    with pytest.raises(ValueError, match=r"runs_inside=.*data"):
        tm.report.write(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "text", "objects", "labels"])
def test_damaged_evidence_is_one_error(damage, run, tmp_path):
    (tmp_path / "metrics.json").write_bytes((run / "metrics.json").read_bytes())
    path = tmp_path / "evidence.npz"
    whole = (run / "evidence.npz").read_bytes()
    if damage in ("cut", "text"):
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"text")
    else:
        with np.load(run / "evidence.npz") as file:
            arrays = dict(file)
        arrays["labels"] = (
            np.array([{}] * 48, object) if damage == "objects" else arrays["labels"] + 100
        )
        np.savez(path, **arrays)
    with pytest.raises(ValueError, match="evidence"):
        tm.report.write(tmp_path)


def test_evidence_of_many_examples_is_whole_classes(tmp_path, monkeypatch):
    monkeypatch.setattr("tfmetric.report.evidence._EXAMPLES", 25)
    labels = np.repeat(np.arange(9), 7)
    images = np.random.default_rng(0).integers(0, 255, (63, 100, 60, 3)).astype("uint8")
    data = tm.datasets.from_arrays(images, labels)
    model = tm.models.embedder((100, 60, 3), embedding_dim=2)
    embeddings = np.arange(126, dtype="float32").reshape(63, 2)
    tm.report.keep_evidence(tmp_path, model, data, embeddings=embeddings)
    kept = tm.report.read_evidence(tmp_path)
    assert kept.total == 63
    assert np.unique(kept.labels, return_counts=True)[1].tolist() == [7, 7, 7]
    assert kept.examples.shape == (21, 48, 29, 3)
    rows = [int(key.split("/")[-1]) for key in kept.ids]
    np.testing.assert_array_equal(kept.embeddings, embeddings[rows])
    np.testing.assert_array_equal(kept.pair_inputs[0, 0], images[rows[kept.pairs[0, 0]]])
