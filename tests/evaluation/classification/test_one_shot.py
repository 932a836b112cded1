import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfmetric import evaluation, models

OMNIGLOT = Path(__file__).parents[3] / "shared/data/omniglot_one_shot/all_runs.zip"


def run(training, test, answers):
    return evaluation.OneShotRun("run", np.array(training), np.array(test), np.array(answers))


def test_accuracy_is_the_mean_over_runs():
    runs = [
        run([[0.0], [1.0]], [[0.1], [0.2], [0.9]], [0, 1, 1]),
        run([[0.0], [1.0], [2.0]], [[2.1]], [2]),
    ]
    result = evaluation.one_shot(lambda x: x, runs)
    np.testing.assert_allclose(result.run_accuracies, [2 / 3, 1.0])
    assert result.accuracy == pytest.approx(5 / 6)
    assert result.correct[0].tolist() == [True, False, True]
    assert result.ways == (2, 3)
    assert "2 2-, 3-way runs, 4 items" in result.summary()
    assert json.loads(result.to_json())["accuracy"] == result.figures()["accuracy"]
    low, high = result.interval()
    assert (low, high) == (pytest.approx(2 / 3), 1.0)
    table = result.by_group(["Latin", "Greek"], small=1)
    assert (table["Latin"].value, table["Latin"].count) == (pytest.approx(2 / 3), 3)
    for call in (result.interval, lambda name: result.by_group([0, 1], name)):
        with pytest.raises(ValueError, match="figure to be accuracy"):
            call("auc")


def test_ties_count_against_the_model():
    result = evaluation.one_shot(np.zeros_like, [run([[0.0], [1.0]], [[0.0], [1.0]], [0, 1])])
    assert result.accuracy == 0.0


def test_a_keras_model_embeds_all_runs():
    model = models.embedder((2,), embedding_dim=2)
    x = np.random.default_rng(0).normal(size=(5, 2))
    assert evaluation.one_shot(model, [run(x, x, np.arange(5))]).accuracy == 1.0


def test_no_runs_and_nan_are_errors():
    with pytest.raises(ValueError, match="at least one run"):
        evaluation.one_shot(lambda x: x, [])
    with pytest.raises(ValueError, match="without NaN"):
        evaluation.one_shot(lambda x: x * np.nan, [run([[0.0]], [[0.0]], [0])])


def test_the_published_layout_is_read_with_the_decoder_given(tmp_path):
    path = tmp_path / "runs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for folder, answers in (("run02", (1, 2)), ("run01", (2, 1))):
            lines = []
            for i, answer in enumerate(answers, 1):
                test, training = f"{folder}/test/item0{i}.png", f"{folder}/training/class0{i}.png"
                archive.writestr(test, bytes([10 * i]))
                archive.writestr(training, bytes([i]))
                lines.append(f"{test} {folder}/training/class0{answer}.png")
            archive.writestr(f"{folder}/training/class03.png", bytes([3]))
            archive.writestr(f"{folder}/class_labels.txt", "\n".join(lines) + "\n")

    def decode(encoded, image_size, channels):
        return np.full((*image_size, channels), encoded[0], "uint8")

    runs = evaluation.read_one_shot_runs(path, (2, 3), channels=1, decode=decode)
    assert [r.name for r in runs] == ["run01", "run02"]
    assert runs[0].training.shape == (3, 2, 3, 1)
    assert runs[0].training[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert runs[0].test[:, 0, 0, 0].tolist() == [10, 20]
    assert runs[0].answers.tolist() == [1, 0]
    assert runs[1].answers.tolist() == [0, 1]


def test_a_file_that_is_no_such_zip_is_an_error(tmp_path):
    (tmp_path / "a.zip").write_text("no")
    with pytest.raises(ValueError, match="Expected a zip file of one-shot runs"):
        evaluation.read_one_shot_runs(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("x", "y")
    with pytest.raises(ValueError, match="class_labels"):
        evaluation.read_one_shot_runs(tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("r/class_labels.txt", "a.png b.png")
    with pytest.raises(ValueError, match="both in the zip"):
        evaluation.read_one_shot_runs(tmp_path / "c.zip")


@pytest.mark.skipif(not OMNIGLOT.exists(), reason="the published Omniglot runs are not here")
def test_the_published_omniglot_runs():
    runs = evaluation.read_one_shot_runs(OMNIGLOT, (28, 28))
    assert len(runs) == 20
    assert all(r.training.shape == r.test.shape == (20, 28, 28, 1) for r in runs)
    assert all(sorted(r.answers) == list(range(20)) for r in runs)
    assert runs[0].answers[:3].tolist() == [7, 8, 1]
    # Black on white, as published.
    assert np.median(runs[0].test) == 255
    raw = evaluation.one_shot(lambda x: x.reshape(len(x), -1), runs)
    assert 0.1 < raw.accuracy < 0.5
