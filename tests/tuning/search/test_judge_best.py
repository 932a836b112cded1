"""A whole search with real trainings: the best retrained, judged once, and beside the default."""

import json

import keras
import numpy as np
import pytest
from support.trainings import run_eagerly

import tfmetric as tm
from tfmetric.training import Settings
from tfmetric.tuning import Validation, margin_search, read
from tfmetric.tuning.search import judge_best, judgement

CLASSES, EACH = 16, 6
RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(CLASSES), EACH)
X = RNG.normal(size=(CLASSES, 5))[LABELS] + 0.9 * RNG.normal(size=(len(LABELS), 5))
DATA = tm.datasets.from_arrays(X.astype("float32"), LABELS)
TRAIN, TEST = DATA.subset(LABELS < 10), DATA.subset(LABELS >= 10)
ARGUMENTS = {
    "settings": Settings(epochs=2, batches_per_epoch=2, embedding_dim=3),
    "search_space": {"margin": [0.2, 0.6], "learning_rate": None},
    "losses": "TripletLoss",
    "tuner": "grid",
    "validation": Validation(fraction=0.3),
    "progress": False,
}


def build(dim):
    inputs = keras.Input((5,))
    x = keras.layers.Dense(dim)(inputs)
    return keras.Model(inputs, keras.layers.UnitNormalization()(x))


class Judged(list):
    """Notes each time that test classes are read."""

    def __call__(self, *arguments, **others):
        self.append(arguments)
        return final_evaluate(*arguments, **others)


final_evaluate = judgement.evaluate


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished search, what it printed, and how often it judged on test classes."""
    with pytest.MonkeyPatch.context() as patch:
        run_eagerly(patch)
        judged = Judged()
        patch.setattr(judgement, "evaluate", judged)
        directory = tmp_path_factory.mktemp("search")
        arguments = {**ARGUMENTS, "directory": directory / "vectors", "build_embedder": build}
        result = margin_search(TRAIN, TEST, **arguments)
        yield result, judged, arguments


def test_the_best_is_judged_once_on_test_classes_and_so_is_the_default(done):
    result, judged, _ = done
    best_is_default = result.best.values["margin"] == 0.2
    assert len(judged) == (1 if best_is_default else 2)
    assert all(set(data.classes) == set(TEST.classes) for _, data, *_ in judged)
    assert result.final.validation == result.best.score
    assert result.final.settings == result.best_settings
    assert result.final.epochs == result.best.best_epoch
    assert result.final.classes == (6, 3)
    assert set(result.final.baselines) == {"standardised columns", "untrained embedder"}
    assert result.default.settings.loss_arguments.get("margin", 0.2) == 0.2
    default = next(trial for trial in result.trials if trial.values["margin"] == 0.2)
    assert result.default.validation == default.score


def test_optimism_is_measured_on_as_many_classes(done):
    result, _, _ = done
    embeddings = tm.evaluation.embed(result.embedder, TEST)
    rng, figures = np.random.default_rng(0), []
    for _ in range(10):
        chosen = np.isin(TEST.labels, rng.choice(TEST.classes, 3, replace=False))
        found = tm.evaluation.retrieval(embeddings[chosen], TEST.labels[chosen])
        figures.append(found.map_at_r)
    assert result.final.same_size == pytest.approx(np.mean(figures), abs=1e-6)
    assert result.optimism == pytest.approx(result.best.score - np.mean(figures), abs=1e-6)
    whole = tm.evaluation.retrieval(embeddings, TEST.labels).map_at_r
    assert result.final.figures["map_at_r"] == pytest.approx(whole, abs=1e-6)
    assert result.final.interval[0] < whole < result.final.interval[1]
    assert result.final.same_size > whole  # Among fewer classes there are fewer mistakes.


def test_the_summary_says_it_all(done):
    result, _, _ = done
    lines = result.summary().splitlines()
    assert lines[0].split() == ["trial", "margin", "map_at_r", "epoch", "time"]
    assert lines[1].split()[:3] == [
        str(result.best.number),
        f"{result.best.values['margin']:g}",
        f"{result.best.score:.4f}",
    ]
    text = "\n".join(lines)
    for words in (
        "2 trials, judged on one part of the training classes (3 classes)",
        "test, 3 of its classes (10 draws)",
        "test, all 6 classes",
        "test, standardised columns",
        "Optimism: the search made map_at_r look",
    ):
        assert words in text


def test_the_same_call_again_does_nothing_again(done, monkeypatch):
    result, judged, arguments = done
    monkeypatch.setattr(judge_best, "train_all", None)
    count = len(judged)
    again = margin_search(TRAIN, TEST, **arguments)
    assert len(judged) == count
    assert again.to_dict() == result.to_dict() == read(result.directory).to_dict()
    assert again.model is None
    np.testing.assert_allclose(
        again.embedder.predict(X, verbose=0), result.embedder.predict(X, verbose=0), rtol=1e-6
    )
    written = json.loads((result.directory / "result.json").read_text())
    assert written["optimism"] == result.optimism
    assert written["best_settings"] == result.best_settings.to_dict()


def test_a_kill_after_the_best_was_trained_costs_only_the_rest(done, monkeypatch):
    result, _, arguments = done
    (result.directory / "result.json").unlink()
    trained = []

    def train_all(train, settings, *others):
        trained.append(settings)
        return judgement.train_all(train, settings, *others)

    monkeypatch.setattr(judge_best, "train_all", train_all)
    again = margin_search(TRAIN, TEST, **arguments)
    assert result.best_settings not in trained
    assert again.final == result.final
    assert again.default == result.default


def test_classes_that_are_trained_on_are_looked_for_among_the_training_part(tmp_path, monkeypatch):
    run_eagerly(monkeypatch)
    closed = DATA.subset(LABELS < 3)
    part = np.arange(len(closed)) % EACH < 4
    train, test = closed.subset(part), closed.subset(~part)
    arguments = {**ARGUMENTS, "validation": Validation(fraction=0.25), "judged": "best"}
    result = margin_search(
        train, test, **arguments, build_embedder=build, directory=tmp_path / "closed"
    )
    assert result.validation == {
        "by": "examples",
        "folds": 1,
        "repeats": 1,
        "classes": 3,
        "examples": 3,
    }
    queries, gallery = (tm.evaluation.embed(result.embedder, data) for data in (test, train))
    found = tm.evaluation.retrieval(queries, test.labels, gallery, train.labels)
    assert result.final.figures["map_at_r"] == pytest.approx(found.map_at_r, abs=1e-6)
    assert result.optimism == pytest.approx(result.best.score - found.map_at_r, abs=1e-6)
    raw = [data.read().reshape(len(data), -1) for data in (test, train)]
    scaled = [(part - raw[1].mean(axis=0)) / raw[1].std(axis=0) for part in raw]
    found = tm.evaluation.retrieval(scaled[0], test.labels, scaled[1], train.labels)
    assert set(result.final.baselines) == {"standardised columns", "untrained embedder"}
    assert result.final.baselines["standardised columns"] == pytest.approx(found.map_at_r, abs=1e-6)
    assert "one part of the training examples (3 new examples of 3 classes)" in result.summary()
    assert "than it is on the test data" in result.summary()


def test_groups_are_drawn_whole():
    groups = np.array([f"alphabet {label // 3}" for label in LABELS])
    test = tm.datasets.LabeledData(DATA.source, LABELS, DATA.class_names, groups)
    for seed in range(5):
        chosen = judgement.draw_classes(test, 6, "groups", np.random.default_rng(seed))
        assert len(set(chosen.tolist())) == 6
        of_each = np.unique(chosen // 3, return_counts=True)[1]
        assert sum(count < 3 for count in of_each) <= 2  # The last one, and the short alphabet.
    any_of_all = judgement.draw_classes(test, 6, "classes", np.random.default_rng(0))
    assert len(set((any_of_all // 3).tolist())) > 2


def test_without_test_classes_nothing_is_judged_and_a_failure_is_told(done, monkeypatch):
    result, judged, arguments = done
    count = len(judged)
    again = margin_search(TRAIN, **{**arguments, "judged": "best"})
    assert len(judged) == count
    assert (again.final.figures, again.final.optimism, again.optimism) == ({}, None, None)
    assert again.embedder is not None
    monkeypatch.setattr(judge_best, "train_all", lambda *arguments: (None, "diverged"))
    (result.directory / "retrained.json").unlink()
    again = margin_search(TRAIN, TEST, **arguments)
    assert again.final.reason == "diverged"
    assert "best: diverged" in again.summary()
