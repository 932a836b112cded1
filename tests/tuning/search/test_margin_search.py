"""The search around the trainings: proposals, folds, resuming, errors; trainings are made up."""

import json
import os
import subprocess
import sys

import keras
import keras_tuner as kt
import numpy as np
import pytest

import tfmetric as tm
from tfmetric._process_lock import locked
from tfmetric.training import Settings
from tfmetric.tuning import Range, RunRecord, Stopping, Validation, margin_search, read
from tfmetric.tuning.many_trainings import FreshEmbedder
from tfmetric.tuning.search import trial_runner
from tfmetric.visualization import objective_against

LABELS = np.repeat(np.arange(20), 4)
DATA = tm.datasets.from_arrays(np.random.default_rng(0).normal(size=(80, 3)), LABELS)
TRAIN, TEST = DATA.subset(LABELS < 12), DATA.subset(LABELS >= 12)
SETTINGS = Settings(epochs=3, batches_per_epoch=1)
WHOLE = Stopping(prune=False)  # All trials go to their end.
BEST = 0.1  # The margin that is best, of what is made up.


class Runs(list):
    """Stands in for ``run_once``; a list of what it was called with."""

    fail = None

    def __call__(self, train, validation, settings, seed, *, stop, **others):
        assert not np.intersect1d(train.classes, validation.classes).size
        assert set(np.union1d(train.classes, validation.classes)) == set(TRAIN.classes)
        self.append((settings, seed, tuple(validation.classes), others))
        if self.fail is not None:
            self.fail()
        margin = settings.loss_arguments["margin"]
        top = 0.8 - 0.2 * abs(np.log(margin / BEST)) + 1e-3 * validation.classes[0]
        curve, reason = [], None
        for epoch in range(settings.epochs):
            curve.append(float(max(top, 0) * (epoch + 1) / settings.epochs))
            reason = stop(tuple(curve))
            if reason:
                break
        status = "pruned" if reason else "completed"
        return RunRecord(max(curve), len(curve), tuple(curve), 0.5, status, reason or "")


@pytest.fixture
def runs(monkeypatch):
    made_up = Runs()
    monkeypatch.setattr(trial_runner, "run_once", made_up)
    return made_up


@pytest.fixture
def search(tmp_path):
    def call(name="one", **arguments):
        usual = {
            "settings": SETTINGS,
            "directory": tmp_path / name,
            "judged": (),
            "progress": False,
            "tuner": "random",
            "search_space": {"learning_rate": None},
        }
        return margin_search(TRAIN, TEST, **{**usual, **arguments})

    return call


def files(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*.json"))


@pytest.mark.parametrize(
    ("tuner", "arguments"),
    [
        (("bayesian", {"num_initial_points": 3, "beta": 1.0}), {"max_trials": 5}),
        ("random", {"max_trials": 8}),
        ("grid", {"search_space": {"margin": [0.03, 0.1, 0.3], "mining": ["hard", "all"]}}),
        (("hyperband", {"factor": 2}), {}),
        (kt.oracles.RandomSearchOracle, {"max_trials": 8}),
        (kt.BayesianOptimization, {"max_trials": 3}),
    ],
)
def test_every_tuner_finds_about_the_best_margin(search, runs, tuner, arguments):
    result = search(tuner=tuner, stopping=WHOLE, **arguments)
    tuner = tuner[0] if isinstance(tuner, tuple) else tuner
    assert len(result.trials) == {"bayesian": 5, "random": 8, "grid": 30, "hyperband": 8}.get(
        tuner, arguments.get("max_trials")
    )
    assert len(runs) == len(result.trials)
    assert 0.03 < result.best.values["margin"] < 0.3
    assert [trial.number for trial in result.trials] == list(range(1, len(result.trials) + 1))
    assert result.best.score == max(trial.score for trial in result.trials)
    if tuner == "grid":
        assert len({str(trial.values) for trial in result.trials}) == 30
    else:  # The setting as it stands comes first, to be better than.
        assert result.trials[0].values["margin"] == 0.2
    if tuner == "hyperband":
        epochs = [trial.settings.epochs for trial in result.trials]
        assert set(epochs) == {trial.values["epochs"] for trial in result.trials} == {2, 3}


def test_bayesian_search_goes_where_it_is_good(search, runs):
    result = search(tuner="bayesian", max_trials=9, stopping=WHOLE)
    last = [trial.values["margin"] for trial in result.trials[-4:]]
    assert min(abs(np.log(margin / BEST)) for margin in last) < 0.1


def test_all_trials_have_the_same_folds_and_seeds(search, runs):
    result = search(max_trials=3, validation=Validation(folds=3, repeats=2), stopping=WHOLE, seed=5)
    assert len(runs) == 18
    plan = [(seed, classes) for _, seed, classes, _ in runs]
    assert plan[:6] == plan[6:12] == plan[12:]
    assert len({seed for seed, _ in plan}) == 6
    assert sorted(c for _, classes in plan[:3] for c in classes) == list(range(12))
    for trial in result.trials:
        assert [(run.fold, run.repeat) for run in trial.runs] == [
            (fold, repeat) for repeat in range(2) for fold in range(3)
        ]
        assert trial.score == pytest.approx(np.mean([run.best for run in trial.runs]))
    assert result.validation == {
        "by": "classes",
        "folds": 3,
        "repeats": 2,
        "classes": 4,
        "examples": 16,
    }


def test_a_search_validates_as_the_test_was_split(runs, tmp_path):
    alphabets = np.array([f"alphabet {label // 4}" for label in LABELS])
    grouped = tm.datasets.LabeledData(DATA.source, LABELS, DATA.class_names, alphabets)
    result = margin_search(
        grouped.subset(LABELS < 12),
        grouped.subset(LABELS >= 12),
        settings=SETTINGS,
        validation=Validation(fraction=0.34),
        max_trials=1,
        directory=tmp_path / "groups",
        judged=(),
        progress=False,
    )
    assert result.validation == {
        "by": "groups",
        "groups": 1,
        "folds": 1,
        "repeats": 1,
        "classes": 4,
        "examples": 16,
    }
    ((_, _, judged, others),) = runs
    assert len({label // 4 for label in judged}) == 1
    assert others["gallery"] is None
    assert "one part of the training groups (1 group, 4 classes)" in result.summary()


def test_hopeless_trials_are_stopped_and_never_the_best(search, runs):
    result = search(
        tuner="grid",
        search_space={"margin": [0.1, 0.12, 0.09, 0.11, 9.0, 0.1001], "learning_rate": None},
        validation=Validation(folds=2),
    )
    status = {trial.values["margin"]: trial.status for trial in result.trials}
    assert status[9.0] == "pruned"
    stopped = next(trial for trial in result.trials if trial.status == "pruned")
    assert len(stopped.runs) == 1
    assert result.best.values["margin"] == 0.1
    assert len(runs) < 12
    pruned = [row for row in result.table() if row["status"] == "pruned"]
    assert result.table()[-len(pruned) :] == pruned
    assert "pruned: " in result.summary()


def test_a_search_goes_on_where_it_was(search, runs, tmp_path):
    def killed():
        if len(runs) == 5:
            raise KeyboardInterrupt

    arguments = {"max_trials": 4, "validation": Validation(folds=3), "stopping": WHOLE}
    whole = search("whole", **arguments)
    runs.clear()
    runs.fail = killed
    with pytest.raises(KeyboardInterrupt):
        search(**arguments)
    assert len(read(tmp_path / "one").trials) == 1
    assert len(read(tmp_path / "one").trials[0].runs) == 3
    runs.fail = None
    runs.clear()
    result = search(**arguments)
    assert len(runs) == 12 - 4  # One trial, and one run of the second.
    assert result.trials == whole.trials
    runs.clear()
    assert search(**arguments).trials == whole.trials
    assert search(**{**arguments, "max_trials": 5}).trials[:4] == whole.trials
    assert len(runs) == 3
    assert read(tmp_path / "one").best == search(**{**arguments, "max_trials": 5}).best


@pytest.mark.parametrize("tuner", ["random", "grid", "hyperband", "bayesian"])
def test_broken_and_lost_files_cost_no_finished_trial(search, runs, tmp_path, tuner):
    space = {"margin": [0.05, 0.1, 0.2, 0.4, 0.8], "learning_rate": None}
    arguments = {"tuner": tuner, "stopping": WHOLE, "search_space": space}
    if tuner != "grid":
        arguments["search_space"] = {"learning_rate": None}
    more = {} if tuner in ("grid", "hyperband") else {"max_trials": 5}
    whole = search("whole", **arguments, **more)

    def killed():
        if len(runs) == 4:
            raise KeyboardInterrupt

    def until_the_fourth(name):
        runs.clear()
        runs.fail = killed
        with pytest.raises(KeyboardInterrupt):
            search(name, **arguments, **more)
        runs.fail = None
        runs.clear()

    until_the_fourth("half")
    for path in (tmp_path / "half").rglob("*.json"):
        if path.name not in ("oracle.json", "search.json", "outcome.json"):
            path.write_text(path.read_text()[: path.stat().st_size // 2])
    assert search("half", **arguments, **more).trials == whole.trials
    assert len(runs) == len(whole.trials) - 3

    until_the_fourth("lost")
    oracle = tmp_path / "lost/oracle.json"
    oracle.write_text(oracle.read_text()[:100])
    if tuner == "hyperband":
        with pytest.raises(ValueError, match="in which round Hyperband is"):
            search("lost", **arguments, **more)
        return
    again = search("lost", **arguments, **more)
    assert again.trials[:3] == whole.trials[:3]
    assert len(again.trials) == len(whole.trials)
    assert len(runs) == len(whole.trials) - 3
    assert len({trial.values["margin"] for trial in again.trials}) == len(again.trials)


def test_another_search_in_the_same_directory_is_refused(search, runs, tmp_path):
    search(max_trials=1)
    for other, name in (
        ({"seed": 1}, "seed"),
        ({"search_space": {"margin": Range(0.1, 0.2), "learning_rate": None}}, "arguments"),
        ({"losses": "ContrastiveLoss"}, "losses"),
        ({"settings": SETTINGS.replace(epochs=4)}, "settings"),
        ({"validation": Validation(folds=2)}, "validation"),
        ({"tuner": "bayesian"}, "tuner"),
    ):
        with pytest.raises(ValueError, match=rf"these differ: .*{name}.*overwrite=True"):
            search(max_trials=1, **other)
    other = tm.datasets.from_arrays(TRAIN.read() + 1, TRAIN.labels)
    with pytest.raises(ValueError, match="these differ: data"):
        margin_search(
            other,
            directory=tmp_path / "one",
            max_trials=1,
            progress=False,
            settings=SETTINGS,
            tuner="random",
            search_space={"learning_rate": None},
        )
    result = search(max_trials=2, seed=1, overwrite=True)
    assert len(result.trials) == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="directory"):
            search("mine", overwrite=overwrite)
    assert (tmp_path / "mine/thesis.txt").is_file()


def test_an_error_that_is_no_settings_fault_ends_the_search(search, runs):
    def broken():
        raise RuntimeError("the build is broken")

    runs.fail = broken
    with pytest.raises(RuntimeError, match="the build is broken"):
        search(max_trials=3)
    assert len(runs) == 1
    runs.fail = None
    assert len(search(max_trials=3).trials) == 3


def test_trials_that_collapse_score_nothing(search, monkeypatch, capsys):
    def collapsed(train, validation, settings, seed, **others):
        if settings.loss_arguments["margin"] == 0.2:
            return RunRecord(0.5, 1, (0.5,), 1.0)
        return RunRecord(0.0, 0, (0.1,), 1.0, "collapsed", "diverged")

    monkeypatch.setattr(trial_runner, "run_once", collapsed)
    result = search(max_trials=6, validation=Validation(folds=2), progress=True)
    assert [trial.score for trial in result.trials] == [0.5, 0, 0, 0, 0, 0]
    assert len(result.trials[1].runs) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("Trial 1 of 6: margin 0.2; map_at_r 0.5000, best 0.5000; 2 s, about")
    assert "0.0000 (collapsed: diverged), best 0.5000; 1 s" in lines[5]
    monkeypatch.setattr(
        trial_runner, "run_once", lambda *a, **k: RunRecord(0.0, 0, (), 1.0, "collapsed")
    )
    with pytest.raises(ValueError, match="a trial that went to its end"):
        search("none", max_trials=2, judged="best")


def test_a_trial_that_looks_collapsed_keeps_its_score_and_is_marked(
    search, monkeypatch, tmp_path, capsys
):
    sign = "the loss ended at the margin of the triplets (0.2000)"

    def stuck(train, validation, settings, seed, **others):
        margin = settings.loss_arguments["margin"]
        return RunRecord(margin, 1, (margin,), 1.0, sign=sign if margin > 0.15 else "")

    monkeypatch.setattr(trial_runner, "run_once", stuck)
    space = {"margin": [0.1, 0.2], "learning_rate": None}
    result = search(search_space=space, tuner="grid", progress=True)
    assert (result.best.values["margin"], result.best.sign) == (0.2, sign)
    assert [row["sign"] for row in result.table()] == [sign, ""]
    assert f"map_at_r 0.2000 (looks collapsed: {sign})" in capsys.readouterr().out
    summary = result.summary()
    assert f"looks collapsed: {sign}" in summary.splitlines()[1]
    assert f"The best trial looks collapsed: {sign}. Lower the learning rate" in summary
    assert sign in (tmp_path / "one/trials.csv").read_text()
    assert read(tmp_path / "one") == result
    axes = objective_against(result.table()).axes[0]
    rings = [line for line in axes.lines if line.get_markersize() == 11 and len(line.get_xdata())]
    assert [ring.get_xdata()[0] for ring in rings] == [0.2]


def test_values_that_do_not_go_together_score_nothing(search, runs):
    space = {"alpha": [0.5, 1.2], "margin": [0.1, 0.8], "learning_rate": None}
    result = search(losses="RankedListLoss", search_space=space, tuner="grid", stopping=WHOLE)
    reasons = {tuple(trial.values.values()): trial.status for trial in result.trials}
    assert len(result.trials) == 4
    assert list(reasons.values()).count("collapsed") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objective": "val_loss"}, "measured in margins"),
        ({"objective": kt.Objective("val_map_at_r", "min")}, "to maximise"),
        ({"tuner": "tpe"}, "tuner to be one of random, bayesian, hyperband, grid"),
        ({"tuner": ("random", {"seed": 3})}, "own arguments"),
        ({"tuner": ("random", {"optimizer": "sgd"})}, "say what is trained"),
        ({"max_trials": 0}, "max_trials to be an int above 0"),
        ({"judged": "default"}, "judged to be"),
        ({"validation": "writers"}, "validation by one of auto, classes, groups, examples"),
        ({"search_space": {"margin": 0.1, "learning_rate": None}}, "something to search"),
        ({"validation": 3}, "or a tfmetric.tuning.Validation"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(search, arguments, message):
    with pytest.raises(ValueError, match=message):
        search(**arguments)


def test_test_classes_must_be_others(tmp_path):
    with pytest.raises(ValueError, match=r"all new, or all among.*in_both=\['10', '11', '8', '9'"):
        margin_search(TRAIN, DATA.subset(LABELS >= 8), directory=tmp_path / "other")


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ("patience", r"Stopping\(patience=...\) in place of patience="),
        ("class_folds", r"validation=tfmetric.tuning.Validation\(folds=...\)"),
        ("tuner_options", r"tuner=\(NAME, OPTIONS\)"),
        ("project_name", "the search's own directory"),
        ("verbose", "progress=, the present name"),
    ],
)
def test_former_names_are_refused_with_the_present_place(search, former, present):
    with pytest.raises(TypeError, match=present):
        search(**{former: 2})


def test_one_process_works_on_a_search_at_a_time(search, runs, tmp_path):
    with locked(tmp_path / ".one.lock", "one"):
        held = (tmp_path / ".one.lock").read_text()
        assert f"process {os.getpid()}" in held
        process = (
            "import tfmetric as tm, numpy as np; "
            "tm.tuning.margin_search((np.eye(12), np.arange(12) % 6), directory='one')"
        )
        done = subprocess.run(
            [sys.executable, "-c", process], cwd=tmp_path, capture_output=True, text=True
        )
    assert "no other process works on" in done.stderr
    assert f"held_by='process {os.getpid()}" in done.stderr
    assert not (tmp_path / "one").exists()
    assert search(max_trials=1).trials


def test_the_same_model_twice_is_refused():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    build = FreshEmbedder(lambda dim: model)
    assert build(4) is model
    with pytest.raises(ValueError, match="a new model each time"):
        build(4)


def test_a_best_at_the_end_of_its_range_is_told(search, runs):
    space = {"margin": Range(0.12, 0.5, log=True), "learning_rate": None}
    result = search(search_space=space, tuner="grid", stopping=WHOLE)
    assert result.best.values == {"margin": 0.12}
    assert result.at_the_ends == {"margin": "lower"}
    assert "margin is at the lower end of its range" in result.summary()
    grid = [0.05, 0.1, 0.2]
    result = search(search_space={"margin": grid}, tuner="grid", name="grid", stopping=WHOLE)
    assert "margin" not in result.at_the_ends
    space = {
        "distance": ["cosine", "euclidean"],
        "margin": {"cosine": Range(0.3, 0.5), "euclidean": Range(0.04, 0.3)},
        "learning_rate": None,
    }
    result = search(search_space=space, name="distances", tuner="random")
    assert result.at_the_ends == {}


def test_what_is_written_can_be_read_by_others(search, runs, tmp_path):
    result = search(
        losses=["TripletLoss", "ContrastiveLoss"],
        search_space={"batch": [(4, 2), (2, 4)], "mining": ["hard", "all"]},
        max_trials=3,
        tensorboard=True,
    )
    assert result.searched == ("loss", "margin", "mining", "learning_rate", "batch")
    best = json.loads((tmp_path / "one/best.json").read_text())
    assert best["trial"] == result.best.number
    assert Settings.from_dict(best["settings"]) == result.best_settings
    lines = (tmp_path / "one/trials.csv").read_text().splitlines()
    assert lines[0] == (
        "trial,loss,margin,mining,learning_rate,batch,map_at_r,status,best_epoch,seconds,runs,remark"
    )
    assert len(lines) == 4
    assert json.loads(json.dumps(result.to_dict()))["best"] == result.best.number
    assert read(tmp_path / "one") == result
    assert len(list((tmp_path / "one/tensorboard").glob("trial_*/events.*"))) == 3
    # Keras Tuner's own state, for who opens it there.
    trial = json.loads((tmp_path / "one/trial_0/trial.json").read_text())
    assert trial["status"] == "COMPLETED"
    assert trial["score"] == result.trials[0].score
    with pytest.raises(ValueError, match=r"holds search\.json"):
        read(tmp_path)
