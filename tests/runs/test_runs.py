"""Runs in Python: made, found again, gone on with, shown."""

import errno
import json
import shutil

import numpy as np
import pytest
from support.trainings import QUICK, vectors

import tfmetric as tm
from tfmetric.runs import fitting, late_steps, steps


def train(parts, directory, **arguments):
    return tm.runs.train(parts, QUICK, directory, progress=False, **arguments)


def test_a_run_knows_all_of_itself(finished, parts):
    run = tm.runs.open(finished.path)
    assert run.finished
    assert run.complete
    assert "finished" in repr(run)
    assert (run.config.dataset, run.config.name, run.config.settings.epochs) == (None, "people", 2)
    assert len(run.history["loss"]) == 2
    assert run.distance == "cosine"  # That of the recipe of vectors.
    assert run.metrics["dataset"] == "people"
    assert run.metrics["collapsed"] is False
    embeddings = tm.evaluation.embed(run.model(), parts[1])
    found = tm.evaluation.retrieval(embeddings, parts[1][1], distance=run.distance, progress=False)
    assert found.map_at_r == pytest.approx(run.metrics["result"]["map_at_r"], abs=1e-6)
    np.testing.assert_allclose(run.evidence.embeddings, embeddings, atol=1e-6)


def test_a_run_is_a_path_and_has_a_report(finished, tmp_path):
    written = tm.report.write(finished, tmp_path / "page.html")
    assert written == finished.report(tmp_path / "again.html").with_name("page.html")
    assert "people" in written.read_text(encoding="utf-8")
    assert (finished.path / "report.html").is_file()


def test_data_without_a_name_must_be_given_again(finished):
    with pytest.raises(ValueError, match=r"resume\(data\)"):
        finished.data()


def test_a_complete_run_stays_as_it_is(finished):
    before = {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")}
    assert finished.resume() is finished
    assert before == {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")}


def test_a_run_on_a_source_loads_its_data_again(tmp_path, eagerly):
    (x, y), (tx, ty) = vectors()
    np.savez(tmp_path / "people.npz", x_train=x, y_train=y, x_test=tx, y_test=ty)
    run = train(tmp_path / "people.npz", tmp_path / "run", report=False)
    loaded = tm.runs.open(run).data()
    assert [len(part) for part in loaded] == [48, 48]
    np.testing.assert_array_equal(loaded[1].read(), tx)
    assert not (run.path / "report.html").exists()


def test_without_a_directory_runs_are_numbered(parts, tmp_path, monkeypatch, eagerly):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/people/²").mkdir(parents=True)
    (tmp_path / "runs/people" / ("9" * 20)).mkdir()
    run = train(parts, None, name="people", report=False)
    assert run.path.as_posix() == "runs/people/1"


def test_stopped_and_resumed_it_is_the_run_that_nothing_stopped(
    finished, parts, tmp_path, monkeypatch, eagerly
):
    class Stopped(Exception):
        pass

    def stop(*_):
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(fitting._HistoryFile, "on_epoch_end", stop)
        with pytest.raises(Stopped):
            train(parts, tmp_path / "run", name="people")
    run = tm.runs.open(tmp_path / "run")
    assert not run.finished
    with pytest.raises(ValueError, match="Give the same again"):
        run.resume(progress=False)
    with pytest.raises(ValueError, match="the data that the run began with"):
        run.resume(vectors(1), progress=False)
    run.resume(parts, progress=False)
    assert run.complete
    assert run.history == finished.history
    assert run.metrics["result"] == finished.metrics["result"]
    with pytest.raises(ValueError, match="directory to be new or empty"):
        train(parts, run.path)


@pytest.mark.parametrize(
    ("data", "words"),
    [(3, "a source for tfmetric.datasets.load"), ((1, 2, 3), "or as"), ("nowhere", "source")],
)
def test_data_that_are_none(data, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        train(data, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_cannot_be_had_leave_no_directory(tmp_path, monkeypatch):
    def build(*_, **__):
        raise Exception("URL fetch failure on https://example.invalid/weights.h5")

    monkeypatch.setattr("keras.applications.MobileNetV2", build)
    rng, y = np.random.default_rng(0), np.arange(32) % 8
    images = rng.integers(0, 255, (32, 32, 32, 3)).astype("uint8")
    parts = (images[y < 4], y[y < 4]), (images[y >= 4], y[y >= 4])
    with pytest.raises(RuntimeError, match=r"--weights.*weights\.h5"):
        tm.runs.train(
            parts,
            {**QUICK, "backbone": "MobileNetV2", "weights": "imagenet"},
            tmp_path / "run",
            progress=False,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_late_step_that_fails_holds_nothing_back(parts, tmp_path, monkeypatch, eagerly):
    def fails(*_, **__):
        raise UnicodeEncodeError("utf-8", "x", 0, 1, "no such letter")

    with monkeypatch.context() as patch:
        patch.setattr(late_steps, "write", fails)
        patch.setattr(late_steps, "training_picture", fails)
        with pytest.raises(tm.runs.IncompleteRun) as caught:
            train(parts, tmp_path / "run")
    message = str(caught.value)
    assert "\n" not in message
    assert "training.png" in message
    assert "report" in message
    assert f"tfmetric train --resume {tmp_path / 'run'}" in message
    run = tm.runs.open(caught.value.path)
    assert run.finished
    assert not run.complete
    assert run.model().output_shape[-1] == 64
    assert (run.path / "neighbours.png").is_file()
    before = run.metrics
    run.resume(parts, progress=False)
    assert run.complete
    assert run.metrics == before


def test_names_that_are_no_utf8_hold_nothing_back(parts, tmp_path, eagerly):
    (x, y), (tx, ty) = parts
    names = np.array([f"caf\udce9-{label}" for label in range(16)], dtype=object)
    run = train(((x, list(names[y])), (tx, list(names[ty]))), tmp_path / "run")
    assert run.complete
    assert "caf?-8" in (run.path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("Unable to write (errno = 28, error message = 'No space left on device')"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
    ],
)
def test_a_full_disk_says_where_and_how_to_go_on(error, parts, tmp_path, monkeypatch, eagerly):
    def full(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("tfmetric.callbacks.checkpoint.write_archive", full)
        with pytest.raises(OSError, match="No space is left") as caught:
            train(parts, tmp_path / "run", report=False)
    assert f"tfmetric train --resume {tmp_path / 'run'}" in str(caught.value)
    assert tm.runs.open(tmp_path / "run").resume(parts, progress=False).complete


def test_a_full_disk_of_another_kind_stays_what_it_is(parts, tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", "x")

    monkeypatch.setattr(steps, "fit", denied)
    with pytest.raises(PermissionError):
        train(parts, tmp_path / "run")


def test_metrics_say_that_a_training_has_collapsed(parts, tmp_path, eagerly):
    """A learning rate of 1000 throws all embeddings onto one point, or the loss onto its margin."""
    same = np.ones((48, 8), "float32")
    labels = [part[1] for part in parts]
    run = train(((same, labels[0]), (same, labels[1])), tmp_path / "run")
    assert run.metrics["collapsed"] is True
    assert "nearly one" in run.metrics["collapse"]
    assert "Collapsed" in (run.path / "report.html").read_text(encoding="utf-8")


def test_a_run_that_is_judged_again_draws_its_pictures_again(finished, parts, tmp_path, eagerly):
    run = shutil.copytree(finished.path, tmp_path / "run")
    (run / "metrics.json").unlink()
    (run / "report.html").write_text("old")
    tm.runs.open(run).resume(parts, progress=False)
    assert (run / "report.html").read_text(encoding="utf-8") != "old"
    assert json.loads((run / "metrics.json").read_text())["result"] == finished.metrics["result"]
