"""Runs on a closed set: test examples of the classes that are trained on."""

from pathlib import Path

import numpy as np
import pytest
from support.trainings import QUICK, run_eagerly

import tfmetric as tm
from tfmetric.runs import protocol
from tfmetric.runs.config import RunConfig


def digits(seed=0):
    """(train, test) of vectors of the same six classes, and of a class of the training alone."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(7, 8))
    y, ty = np.arange(84) % 7, np.arange(30) % 6
    x = centres[y] + 0.4 * rng.normal(size=(84, 8))
    tx = centres[ty] + 0.4 * rng.normal(size=(30, 8))
    return (x.astype("float32"), y), (tx.astype("float32"), ty)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        run_eagerly(patch)
        directory = tmp_path_factory.mktemp("closed")
        arguments = {"export": directory / "saved", "name": "digits", "progress": False}
        return tm.runs.train(digits(), QUICK, directory / "run", **arguments)


def test_it_is_judged_by_the_training_part(run):
    train, test = digits()
    model, found = run.model(), run.metrics["result"]
    queries, gallery = (tm.evaluation.embed(model, x) for x, _ in (test, train))
    expected = tm.evaluation.retrieval(
        queries, test[1], gallery, train[1], distance="cosine", progress=False
    )
    assert found["map_at_r"] == pytest.approx(expected.map_at_r, abs=1e-6)
    voted = tm.evaluation.knn(queries, test[1], gallery, train[1], k=5, progress=False)
    assert found["knn"]["accuracy"] == pytest.approx(voted.accuracy, abs=1e-6)
    assert found["protocol"] == "against a gallery of 84 examples"
    assert run.metrics["closed_set"] is True


def test_each_epoch_is_judged_likewise(run):
    assert run.history["val_recall_at_1"][-1] == pytest.approx(
        run.metrics["result"]["recall_at_1"], abs=1e-6
    )


def test_the_export_has_the_training_part_as_its_gallery(run):
    version = tm.export.load(Path(run.metrics["saved_model"]).parent)
    assert version.metadata["gallery_size"] == 84
    assert run.metrics["served"]["queries"] == 6


def test_the_page_says_which_protocol_it_is(run):
    page = (run.path / "report.html").read_text(encoding="utf-8")
    for words in ("A closed set", "classes, all trained on", "the training part is its gallery"):
        assert words in page
    assert "unseen classes" not in page
    assert "training never saw" not in page


def test_the_evidence_holds_queries_and_gallery(run):
    kept = run.evidence
    assert (kept.judged, kept.searched, kept.searched_total) == (30, 84, 84)
    assert kept.gallery.tolist() == list(range(30, 114))
    own = kept.of_judged()
    assert (len(own.labels), own.gallery, len(own.thumbnails)) == (30, None, 30)
    (_, y), (_, ty) = digits()
    assert kept.names(slice(None)) == [str(label) for label in (*ty, *y)]


def test_it_is_repeated_by_resume(run, tmp_path):
    (run.path / "report.html").unlink()
    (run.path / "evidence.npz").unlink()
    assert tm.runs.open(run.path).resume(digits(), progress=False).complete


@pytest.mark.parametrize("groups", [None, np.arange(84) // 28])
def test_early_stopping_holds_out_as_the_test_was(groups):
    (x, y), (tx, ty) = digits()
    train = tm.datasets.from_arrays(x, y, groups=groups)
    others = None if groups is None else np.full(30, 9)
    test = tm.datasets.from_arrays(tx, ty, groups=others)
    config = RunConfig(tm.training.Settings(), None, patience=2)
    kept, held_out = protocol.divided(config, (train, test))
    assert len(kept) + len(held_out) == 84
    assert kept.num_classes == 7
    if groups is not None:
        assert not set(kept.groups) & set(held_out.groups)
    watched = protocol.watched(config, (train, test))
    assert (len(watched.data), len(watched.gallery)) == (len(held_out), len(kept))


def test_new_classes_have_no_gallery():
    (x, y), _ = digits()
    data = tm.datasets.from_arrays(x, y)
    found = protocol.judged(data.subset(y < 4), data.subset(y >= 4))
    assert found.gallery is None
    assert found.words == "36 examples of 3 classes"


def test_a_sample_holds_each_class():
    labels = np.repeat([0, 1, 2], [900, 90, 3])
    data = tm.datasets.from_arrays(np.random.default_rng(0).normal(size=(993, 2)), labels)
    some = protocol.some_examples(data, 0, 100)
    assert np.unique(some.labels, return_counts=True)[1].tolist() == [91, 9, 1]
    assert protocol.some_examples(data, 0, 1000) is data


def test_a_page_of_a_result_in_a_gallery(tmp_path):
    train, test = digits()
    model = tm.models.embedder((8,), embedding_dim=4)
    result = tm.evaluation.evaluate(model, test, gallery=train, baselines=False, progress=False)
    given = {"model": model, "data": test}
    page = tm.report.write(result, tmp_path / "page.html", gallery=train, **given)
    assert "A closed set" in page.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="gallery=, data= and model="):
        tm.report.write(result, tmp_path / "page.html", **given)
