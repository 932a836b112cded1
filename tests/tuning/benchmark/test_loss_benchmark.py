"""The protocol of a benchmark: who is trained on what, who chooses, and what is written down."""

import json
import math

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.datasets.sources import ArraySource
from tfmetric.training import Settings, Training
from tfmetric.tuning import RunRecord, benchmark, read_benchmark
from tfmetric.tuning.benchmark import benchmark_steps
from tfmetric.tuning.benchmark.benchmark_directory import BenchmarkDirectory
from tfmetric.tuning.benchmark.contenders import contenders, own_space
from tfmetric.tuning.benchmark.seed_intervals import overlap, t_interval
from tfmetric.tuning.search import trial_runner

SETTINGS = Settings(epochs=2, batches_per_epoch=3, classes_per_batch=4, embedding_dim=3)


class Recorded(ArraySource):
    """Notes when an example is read."""

    def __init__(self, array, log):
        super().__init__(array)
        self._log = log

    def read(self, positions):
        self._log.append("read")
        return super().read(positions)

    def loader(self):
        self._log.append("read")
        return super().loader()


def make_data(log=None):
    """Twelve training classes and six test classes of vectors, whose reads are noted."""
    rng = np.random.default_rng(0)
    labels = np.arange(18 * 5) % 18
    x = (rng.normal(size=(18, 4))[labels] + 0.2 * rng.normal(size=(90, 4))).astype("float32")
    names = tuple(f"class {i:02}" for i in range(18))
    data = tm.datasets.LabeledData(ArraySource(x), labels, names)
    test = np.flatnonzero(labels >= 12)
    source = Recorded(x, [] if log is None else log)
    return data.subset(labels < 12), tm.datasets.LabeledData(
        source, labels[test], names, positions=test
    )


TRAIN, TEST = make_data()


class Stub:
    """An embedder that gives the inputs back, scaled."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def embed(self, data):
        return self.scale * data.read()


@pytest.fixture
def faked(monkeypatch):
    """Trainings that take no time: their scores are a function of loss, seed and fold."""
    calls = []

    def run(train, validation, settings, seed, *, after=None, **arguments):
        calls.append({"train": train, "validation": validation, "settings": settings, "seed": seed})
        calls[-1] |= arguments
        if calls[-1]["settings"].learning_rate > 100:
            return RunRecord(0.0, 0, (), 0.1, "collapsed", "diverged: NaN")
        score = 0.3 + 0.01 * len(settings.loss) + (seed % 97) / 1e4
        figures = {}
        if after is not None:
            figures = after(
                Training(None, Stub(settings.learning_rate), None, settings, "euclidean")
            )
            # Else all would be the same: the stub learns nothing.
            figures = dict.fromkeys(figures, score)
        return RunRecord(score, 1, (score, 0.1), 0.1, figures=figures)

    def prepare(train, settings, seed, build):
        return Training(None, Stub(), None, settings, "euclidean")

    monkeypatch.setattr(benchmark_steps, "run_once", run)
    monkeypatch.setattr(benchmark_steps, "prepare", prepare)
    monkeypatch.setattr(benchmark_steps, "embed", lambda model, data: model.embed(data))
    monkeypatch.setattr(trial_runner, "run_once", run)
    # What takes most of the time that is left.
    monkeypatch.setattr(benchmark_steps.keras.backend, "clear_session", lambda: None)
    monkeypatch.setattr(BenchmarkDirectory, "write_picture", lambda self, result: None)
    return calls


def compare(directory, losses=("TripletLoss", "NTXentLoss"), **changes):
    arguments = {"seeds": (0, 1), "folds": 3, "settings": SETTINGS, "progress": False} | changes
    return benchmark(TRAIN, TEST, losses, directory=directory, **arguments)


def test_each_class_is_held_out_once_and_no_test_class_is_ever_trained_on(faked, tmp_path):
    compare(tmp_path)
    assert len(faked) == 2 * 2 * 3
    for start in (0, 6):  # A seed's trainings; the folds are the same for both seeds.
        held_out = []
        for call in faked[start : start + 6 : 2]:
            trained, judged = (set(call[part].labels.tolist()) for part in ("train", "validation"))
            assert not trained & judged
            assert trained | judged == set(range(12))
            held_out += judged
        assert sorted(held_out) == list(range(12))
    first, second = (
        [sorted(set(call["validation"].labels.tolist())) for call in part]
        for part in (faked[:6], faked[6:])
    )
    assert first == second


def test_all_losses_have_the_same_seeds_batches_and_epochs(faked, tmp_path):
    compare(tmp_path, patience=2)
    of_loss = {
        name: [call for call in faked if call["settings"].loss == name]
        for name in ("TripletLoss", "NTXentLoss")
    }
    seeds = [[call["seed"] for call in calls] for calls in of_loss.values()]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 6  # Each seed and fold begins with weights of its own.
    for call in faked:
        own = call["settings"]
        assert (own.epochs, own.batches_per_epoch, own.classes_per_batch) == (2, 3, 4)
        assert call["patience"] == 2


def test_budgets_that_differ_are_refused(tmp_path):
    losses = {"short": SETTINGS, "long": SETTINGS.replace(epochs=20)}
    with pytest.raises(ValueError, match="one epochs for all losses"):
        compare(tmp_path, losses)
    assert not list(tmp_path.iterdir())


def test_a_seed_counts_once_and_the_interval_is_students(faked, tmp_path):
    from scipy import stats

    result = compare(tmp_path, seeds=(0, 1, 5))
    row = next(row for row in result.table() if row["label"] == "NTXentLoss")
    of_seeds = [
        np.mean(
            [
                r["figures"]["map_at_r"]
                for r in result.trainings
                if (r["label"], r["seed"]) == ("NTXentLoss", seed)
            ]
        )
        for seed in (0, 1, 5)
    ]
    assert row["figures"]["map_at_r"]["values"] == pytest.approx(of_seeds)
    wanted = stats.t.interval(0.95, 2, np.mean(of_seeds), stats.sem(of_seeds))
    assert row["figures"]["map_at_r"]["interval"] == pytest.approx(wanted)
    # TripletLoss has the longer name, and so the higher score, by the same in each seed.
    assert result.best == "TripletLoss"
    assert row["behind"]["mean"] == pytest.approx(0.01)
    assert row["behind"]["interval"] == pytest.approx((0.01, 0.01))


def test_the_interval_of_few_values():
    from scipy import stats

    values = [0.2, 0.5, 0.3, 0.9]
    wanted = stats.t.interval(0.9, 3, np.mean(values), stats.sem(values))
    assert t_interval(values, 0.9) == pytest.approx(wanted)
    assert t_interval([0.5]) is None
    assert overlap((0, 1), (1, 2)) is True


def test_the_table_and_the_page(faked, tmp_path):
    losses = {"a|b": "TripletLoss", "worse": ("NTXentLoss", {"temperature": 0.2})}
    losses["broken"] = SETTINGS.replace(learning_rate=999.0)
    result = compare(tmp_path, losses, figures=("recall_at_2", "map_at_r"), name="vectors")
    assert [row["label"] for row in result.table()][:3] == ["a|b", "worse", "broken"]
    page = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "# vectors: losses compared" in page
    assert "| loss | MAP@R | recall@2 |" in page
    assert "a\\|b" in page
    assert "2 seeds" in page
    assert "temperature=0.2" in page
    assert "6 of the 6 trainings of broken failed and count as 0 (diverged: NaN)" in page
    assert "No better than the untrained embedder in the mean: a|b, worse and broken." in page
    rows = {row["label"]: row for row in result.table()}
    assert rows["broken"]["figures"]["map_at_r"] == {
        "mean": 0,
        "interval": (0, 0),
        "values": [0, 0],
    }
    assert rows["raw inputs"]["figures"]["map_at_r"]["values"] == pytest.approx(
        [tm.evaluation.retrieval(TEST.read(), TEST.labels, progress=False).map_at_r]
    )
    again = read_benchmark(tmp_path)
    assert again.to_markdown() == page
    assert again.values("worse") == result.values("worse")
    with pytest.raises(ValueError, match="a label among"):
        result.values("nothing")


def test_one_seed_says_that_it_has_no_interval(faked, tmp_path):
    result = compare(tmp_path, "NTXentLoss", seeds=np.int64(4), figures="mrr")
    assert result.table()[0]["figures"]["map_at_r"]["interval"] is None
    assert "two seeds at least" in result.verdict()


def test_intervals_that_overlap_are_named(faked, tmp_path):
    result = compare(tmp_path, seeds=(0, 1))
    wide = result.table()[0]["figures"]["map_at_r"]["interval"]
    assert wide[0] < result.table()[1]["figures"]["map_at_r"]["mean"]  # Two seeds: t is 12.7.
    assert "interval of NTXentLoss overlaps that of the best" in result.verdict()
    # Sharper, as the seeds give both the same weights: always by as much.
    assert "behind the best is NTXentLoss by 0.0100 (0.0100 to 0.0100)" in result.verdict()
    assert result.level_with_best() == ("NTXentLoss",)


def test_what_was_killed_goes_on_and_half_a_file_is_done_again(faked, tmp_path, monkeypatch):
    whole = compare(tmp_path / "whole")
    assert len(faked) == 12
    run = benchmark_steps.run_once

    def killed(*args, **arguments):
        if len(faked) == 12 + 5:
            raise KeyboardInterrupt
        return run(*args, **arguments)

    monkeypatch.setattr(benchmark_steps, "run_once", killed)
    with pytest.raises(KeyboardInterrupt):
        compare(tmp_path / "parts")
    rows = sorted((tmp_path / "parts/trainings").iterdir())
    assert len(rows) == 5
    rows[2].write_text(rows[2].read_text()[:40])
    monkeypatch.setattr(benchmark_steps, "run_once", run)
    result = compare(tmp_path / "parts")
    assert len(faked) == 12 + 5 + 7 + 1
    assert result.table() == whole.table()
    # And there is nothing left to do, but a further seed and loss.
    compare(tmp_path / "parts")
    assert len(faked) == 25
    compare(tmp_path / "parts", ["TripletLoss", "NTXentLoss", "SupConLoss"], seeds=(0, 1, 2))
    assert len(faked) == 25 + 2 * 3 + 3 * 3


def test_another_protocol_in_the_same_directory_is_an_error(faked, tmp_path):
    compare(tmp_path)
    for changes, said in (
        ({"folds": 2}, "folds"),
        ({"figures": ["mrr"]}, "figures"),
        ({"settings": SETTINGS.replace(epochs=3)}, "budget"),
        ({"settings": SETTINGS.replace(learning_rate=1e-4)}, "these differ: TripletLoss"),
    ):
        with pytest.raises(ValueError, match=f"{said}.*overwrite=True"):
            compare(tmp_path, **changes)
    with pytest.raises(ValueError, match="these differ: data"):
        benchmark(
            TRAIN,
            TEST.subset(range(20)),
            ["TripletLoss"],
            settings=SETTINGS,
            folds=3,
            directory=tmp_path,
        )
    compare(tmp_path, folds=2, overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="directory of a benchmark"):
            compare(tmp_path / "other", overwrite=overwrite)
    assert (tmp_path / "other" / "thesis.tex").read_text() == "mine"


def test_progress_is_a_line_a_training_without_test_figures(faked, tmp_path, capsys):
    compare(tmp_path, ["TripletLoss"], progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("1/6  seed 0, fold 0, TripletLoss: map_at_r 0.")
    assert all("test" not in line for line in lines)
    compare(tmp_path, ["TripletLoss"], seeds=(0, 1, 2))
    assert capsys.readouterr().out == ""


def test_each_loss_has_as_many_trials_on_the_training_classes_alone(faked, tmp_path):
    space = {"learning_rate": None, "margin": [0.1, 0.3], "NTXentLoss/temperature": [0.1, 0.3]}
    result = compare(tmp_path, max_trials=2, search_space=space, seeds=(0,))
    searched, judged = faked[: 2 * 2 * 3], faked[2 * 2 * 3 :]
    assert [call["settings"].loss for call in searched] == ["TripletLoss"] * 6 + ["NTXentLoss"] * 6
    assert all(
        set(c["validation"].labels) | set(c["train"].labels) <= set(range(12)) for c in searched
    )
    assert len(judged) == 6
    assert not {c["seed"] for c in searched} & {c["seed"] for c in judged}
    assert {name: search["trials"] for name, search in result.searches.items()} == {
        "TripletLoss": 2,
        "NTXentLoss": 2,
    }
    assert result.settings["TripletLoss"].loss_arguments["margin"] in (0.1, 0.3)
    assert "What the searches chose" in result.to_markdown()
    compare(tmp_path, max_trials=2, search_space=space, seeds=(0,))
    assert len(faked) == 12 + 6


def test_concatenated_embeddings_of_a_seed(faked, tmp_path):
    result = compare(
        tmp_path,
        ["TripletLoss", ("broken", SETTINGS.replace(learning_rate=999.0))],
        concatenated=True,
    )
    # The models of all folds are one and the same: together they are no better than each.
    wanted = tm.evaluation.retrieval(TEST.read(), TEST.labels, progress=False).map_at_r
    assert result.values("TripletLoss", concatenated=True) == pytest.approx([wanted, wanted])
    assert result.values("broken", concatenated=True) == [0, 0]
    assert not (tmp_path / "embeddings").exists()
    assert "concatenated" in result.to_markdown()


def test_embeddings_of_different_length_have_the_same_say():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    for distance in ("euclidean", "cosine"):
        plain = benchmark_steps.concatenate([one, other], distance)
        scaled = benchmark_steps.concatenate([1000 * one, other], distance)
        np.testing.assert_allclose(plain, scaled, rtol=1e-5)
    rows = benchmark_steps.concatenate([one, other], "cosine")
    np.testing.assert_allclose(np.linalg.norm(rows[:, :3], axis=1), 1, rtol=1e-6)


class Noted(keras.callbacks.Callback):
    """Notes begin and end of trainings, and the first weights; a copy notes in the same places."""

    def __init__(self, log, weights):
        super().__init__()
        self.log, self.weights = log, weights

    def __deepcopy__(self, memo):
        return Noted(self.log, self.weights)

    def on_train_begin(self, logs=None):
        self.log.append("begin")
        self.weights.append(np.array(self.model.get_weights()[0]))

    def on_train_end(self, logs=None):
        self.log.append("chosen")


def build(embedding_dim):
    x = keras.Input((4,))
    outputs = keras.layers.UnitNormalization()(keras.layers.Dense(embedding_dim)(x))
    return keras.Model(x, outputs)


@pytest.mark.slow
def test_test_examples_are_not_read_before_the_choice_and_weights_are_the_same(tmp_path):
    log, weights = [], []
    train, test = make_data(log)
    result = benchmark(
        train,
        test,
        ["NTXentLoss", "ArcFaceLoss"],
        seeds=[3],
        folds=2,
        settings=SETTINGS.replace(epochs=1, classes_per_batch=3, examples_per_class=2),
        build_embedder=build,
        concatenated=True,
        directory=tmp_path,
        callbacks=[Noted(log, weights)],
        progress=False,
    )
    text = "".join({"begin": "b", "chosen": "c", "read": "r"}[event] for event in log)
    # A training begins, its epoch is chosen, and only then the test classes are read.
    assert text.replace("r", "") == "bc" * 4
    assert "br" not in text
    assert text.count("cr") == 4
    # Kernels of the embedder of each fold: the same for both losses.
    np.testing.assert_array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[2], weights[3])
    assert np.abs(weights[0] - weights[2]).max() > 0.01
    rows = {row["label"]: row for row in result.table()}
    untrained = rows["untrained embedder"]["figures"]["map_at_r"]["mean"]
    wanted = [
        tm.evaluation.retrieval(unit(test.read() @ kernel), test.labels, progress=False).map_at_r
        for kernel in (weights[0], weights[2])
    ]
    assert untrained == pytest.approx(np.mean(wanted))
    for label in ("NTXentLoss", "ArcFaceLoss"):
        assert 0 < rows[label]["figures"]["map_at_r"]["mean"] <= 1
        assert 0 < rows[label]["concatenated"]["map_at_r"]["mean"] <= 1
    assert (tmp_path / "results.png").stat().st_size > 1000
    json.loads((tmp_path / "results.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_labels():
    base = Settings(epochs=3)
    pairs = [("TripletLoss", {"margin": 0.1}), ("TripletLoss", {"margin": 0.3}), "SupConLoss"]
    found = contenders([*pairs, ("mine", base)], base)
    assert list(found) == [
        "TripletLoss (margin 0.1)",
        "TripletLoss (margin 0.3)",
        "SupConLoss",
        "mine",
    ]
    assert found["SupConLoss"].epochs == 3
    assert list(contenders("NTXentLoss")) == ["NTXentLoss"]
    assert contenders({"x": ("TripletLoss", {"margin": 0.4})})["x"].loss_arguments["margin"] == 0.4
    with pytest.raises(ValueError, match="a label of its own"):
        contenders([("mine", base), ("mine", Settings("NTXentLoss"))])
    for wrong in ([3], [("TripletLoss",)], []):
        with pytest.raises(ValueError, match="losses"):
            contenders(wrong)


def test_a_search_space_is_parted_by_loss():
    compared = {"TripletLoss", "NTXentLoss"}
    space = {"margin": [0.1], "NTXentLoss/temperature": [0.2], "learning_rate": [1e-3]}
    assert set(own_space(space, "TripletLoss", compared)) == {"margin", "learning_rate"}
    assert set(own_space(space, "NTXentLoss", compared)) == {
        "NTXentLoss/temperature",
        "learning_rate",
    }
    assert own_space("all", "NTXentLoss", compared) == "all"
    with pytest.raises(ValueError, match="belong to one of NTXentLoss, TripletLoss"):
        own_space({"SupConLoss/temperature": [1]}, "TripletLoss", compared)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"folds": 1}, "folds to be an int of at least 2"),
        ({"folds": 7}, "two training classes at least"),
        ({"seeds": ()}, "one seed at least"),
        ({"seeds": (1, 1)}, "each once"),
        ({"max_trials": -1}, "max_trials"),
        ({"objective": "val_loss"}, "retrieval figure"),
        ({"figures": ["accuracy"]}, "retrieval figure"),
    ],
)
def test_wrong_arguments_leave_nothing_behind(changes, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        compare(tmp_path / "new", **changes)
    assert not (tmp_path / "new").exists()


def test_classes_in_both_parts_and_too_few_test_classes(tmp_path):
    with pytest.raises(ValueError, match=r"not trained on.*class 00"):
        benchmark(TRAIN, TRAIN, ["TripletLoss"], directory=tmp_path)
    with pytest.raises(ValueError, match="two test classes"):
        benchmark(TRAIN, TEST.subset([0, 1]), ["TripletLoss"], directory=tmp_path)
    assert math.isclose(len(TEST), 30)
