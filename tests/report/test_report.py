"""The page as text: what is in it, what is not, and what happens without some of it."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from support.runs import EVIL, make_run

import tfmetric as tm
from tfmetric.report.html import shortened


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
    "uses",
    "health",
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
        "loss: mining",
        "easy, hard",
        "Which threshold?",
        "too few",
    ):
        assert words in page.text, words
    assert 'class="none"' not in report.read_text()
    # What is put together of safe parts is not escaped once more.
    assert not re.search("<(p|div|table|td)", page.text)


def test_names_stay_text(report):
    page = read(report)
    for name in EVIL:
        assert shortened(name) in page.text
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
        ({"groups": False, "model": False}, ("no groups", "no model.keras")),
        ({"images": False}, ("Only images have pixels",)),
    ],
    ids=["groups and model", "images"],
)
def test_what_is_missing_is_named(options, words, tmp_path):
    page = read(tm.report.write(make_run(tmp_path / "run", **options)))
    assert sections(page) == ALL
    for one in words:
        assert one in page.text


def test_a_run_without_evidence_has_figures_still(run, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    for key in ("command", "history", "data_check", "versions", "recipe", "train"):
        del metrics[key]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    page = read(tm.report.write(tmp_path))
    assert "kept no evidence" in page.text
    assert "tfmetric quickstart --dataset" in page.text
    assert f"{metrics['result']['map_at_r']:.4f}" in page.text


EIGHT = np.repeat(np.arange(6), 8)


@pytest.mark.parametrize(
    ("labels", "embeddings", "words"),
    [
        (EIGHT, np.ones((48, 3)), "COLLAPSED"),
        (EIGHT, np.eye(48, 3) * np.nan, "48 of the embeddings hold NaN"),
        (np.r_[np.arange(10), 0], None, "of 2 examples are taken for another class"),
        (np.arange(10), None, "there are no figures"),
        (np.zeros(6, int), None, "there is one class only"),
    ],
    ids=["collapsed", "diverged", "lone classes", "only lone classes", "one class"],
)
def test_runs_that_went_wrong_have_a_report(labels, embeddings, words, tmp_path):
    x = np.random.default_rng(0).normal(size=(len(labels), 5)).astype("float32")
    data = tm.datasets.from_arrays(x, labels, groups=np.arange(len(labels)) % 2)
    model = tm.models.embedder((5,), embedding_dim=3)
    tm.report.keep_evidence(tmp_path, model, data, embeddings=embeddings)
    judged = tm.evaluation.embed(model, data)
    result = tm.evaluation.retrieval(judged, labels, ks=1).to_dict()
    (tmp_path / "metrics.json").write_text(json.dumps({"dataset": "bad", "result": result}))
    text = read(tm.report.write(tmp_path)).text
    assert words in text
    assert not re.search(r"\bnan\b", text)


def test_groups_that_have_each_class_once_have_no_rate_of_misses(tmp_path):
    labels = np.repeat(np.arange(40), 2)
    x = np.random.default_rng(0).normal(size=(40, 3))[labels]
    x += 0.3 * np.random.default_rng(1).normal(size=x.shape)
    data = tm.datasets.from_arrays(x.astype("float32"), labels, groups=np.arange(80) % 2)
    model = tm.models.embedder((3,), embedding_dim=2)
    tm.report.keep_evidence(tmp_path, model, data)
    result = tm.evaluation.evaluate(model, data, baselines=False).to_dict()
    (tmp_path / "metrics.json").write_text(json.dumps({"dataset": "fonts", "result": result}))
    text = read(tm.report.write(tmp_path)).text
    assert "No group has pairs to tell “same missed” by" in text
    assert "no pairs" not in text
    assert re.search(r"Different accepted: [01] has \d.\d\d times", text)


@pytest.mark.parametrize("interval", [{}, {"interval": [0.25, 0.75]}])
def test_one_shot_runs_are_listed(interval, run, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["one_shot"] = {"accuracy": 0.5, "ways": [20, 20], "runs": {"run01": 0.125}, **interval}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    text = read(tm.report.write(tmp_path)).text
    assert "mean of 1 20-way runs" in text
    assert "0.1250" in text
    assert ("0.5000 (0.2500 to 0.7500)" in text) == bool(interval)


def test_the_other_uses_are_those_of_the_functions(run, report):
    text, kept = read(report).text, tm.report.read_evidence(run)
    x, labels = kept.embeddings, kept.labels
    for value in (
        tm.evaluation.nearest_class_mean(x, labels).accuracy,
        tm.evaluation.few_shot(x, labels, 5, 5, 3, 300).accuracy,
        tm.evaluation.clustering(x, labels).ami,
        tm.evaluation.health(x, labels).effective_dimension,
        tm.evaluation.health(x, labels).figures()["orphans"],
    ):
        assert f"{value:.4f}" in text
    low, high = tm.evaluation.clustering(x, labels).interval("b3_f1")
    assert f"{low:.4f} to {high:.4f}" in text


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
    monkeypatch.setattr("tfmetric.report.gathering._EXAMPLES", 25)
    labels = np.repeat(np.arange(9), 7)
    images = np.random.default_rng(0).integers(0, 255, (63, 100, 60, 3)).astype("uint8")
    data = tm.datasets.from_arrays(images, labels)
    model = tm.models.embedder((100, 60, 3), embedding_dim=2)
    embeddings = np.arange(126, dtype="float32").reshape(63, 2)
    tm.report.keep_evidence(tmp_path, model, data, embeddings=embeddings)
    kept = tm.report.read_evidence(tmp_path)
    assert kept.total == 63
    assert np.unique(kept.labels, return_counts=True)[1].tolist() == [7, 7, 7]
    assert kept.thumbnails.values.shape == (21, 48, 29, 3)
    rows = [int(key.split("/")[-1]) for key in kept.ids]
    np.testing.assert_array_equal(kept.embeddings, embeddings[rows])
    np.testing.assert_array_equal(kept.pair_inputs[0, 0], images[rows[kept.pairs[0, 0]]])


def test_a_file_that_is_no_evidence_is_not_advised_to_be_unpickled(tmp_path):
    (tmp_path / "evidence.npz").write_text("something else")
    with pytest.raises(ValueError, match=r"no \.npz file") as error:
        tm.report.read_evidence(tmp_path)
    assert "pickle" not in str(error.value)


def test_a_collapse_stands_above_the_verdict(run, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    assert "Collapsed." not in read(tm.report.write(run, tmp_path / "before.html")).text
    (tmp_path / "run").mkdir()
    metrics.update(collapsed=True, collapse="All embeddings are one: try warmup=True.")
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(metrics))
    text = read(tm.report.write(tmp_path / "run")).text
    place = text.index("Collapsed.")
    assert "All embeddings are one: try warmup=True." in text
    assert place < text.index(metrics["result"]["verdict"].splitlines()[0])


@pytest.mark.parametrize(
    ("known", "unseen", "words"),
    [
        ([0.5, 0.9], [0.6, 0.5], "highest after epoch 1 of 2 (0.600): stop earlier"),
        ([0.5, 0.9], [0.4, 0.5], "More classes, augmentation"),
        ([0.5, 0.6], [0.4, 0.5], None),
    ],
)
def test_known_classes_far_above_unseen_ones_are_commented(known, unseen, words, run, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["history"] = {"loss": [2.0, 1.0], "known_map_at_r": known, "val_map_at_r": unseen}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    text = read(tm.report.write(tmp_path)).text
    assert ("found far better than the unseen ones" in text) == (words is not None)
    assert words is None or words in text


def test_names_of_any_length_make_a_page_of_usual_size(tmp_path):
    def page(length):
        names = np.array([f"{number}-" + "x" * length for number in range(12)])
        x = np.random.default_rng(0).normal(size=(36, 4)).astype("float32")
        data = tm.datasets.from_arrays(
            x, names[np.arange(36) % 12], groups=names[np.arange(36) % 2]
        )
        directory = tmp_path / str(length)
        directory.mkdir()
        model = tm.models.embedder((4,), embedding_dim=2)
        tm.report.keep_evidence(directory, model, data)
        result = tm.evaluation.evaluate(model, data, baselines=False)
        metrics = {
            "dataset": "long names",
            "result": result.to_dict(),
            "data_check": {
                "test": {"smallest": [names[0], 1], "largest": [names[1], 2]},
                "notes": [f"one picture under two labels: {names[0]}, {names[1]}"],
            },
        }
        (directory / "metrics.json").write_text(json.dumps(metrics))
        return len(tm.report.write(directory).read_text())

    assert page(10_000) - page(100) < 20_000


def test_all_of_a_few_classes_are_in_the_matrix(run, monkeypatch):
    from tfmetric.report import figures
    from tfmetric.report.evidence_file import read_evidence
    from tfmetric.report.subject import Subject

    drawn = []
    monkeypatch.setattr(
        figures, "confusion_matrix", lambda matrix, names, **_: drawn.append((matrix, names))
    )
    monkeypatch.setattr(figures, "chart", lambda *_: "")
    metrics = json.loads((run / "metrics.json").read_text())
    seen = Subject(run, metrics, read_evidence(run))
    figures.confusion_section(seen)
    ((matrix, names),) = drawn
    assert names == [shortened(name) for name in sorted(EVIL)]
    # Rows add up to the examples of each class: no column of others is needed.
    assert matrix.shape == (6, 6)
    assert matrix.sum(axis=1).tolist() == [8] * 6
