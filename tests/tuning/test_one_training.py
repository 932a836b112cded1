"""One run: what it measures, what a setting is to blame for, and what it is not."""

import gc

import keras
import numpy as np
import pytest
from support.trainings import run_eagerly

import tfmetric as tm
from tfmetric.training import Settings
from tfmetric.tuning import run_once, validation_folds

CLASSES, EACH = 12, 8
RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(CLASSES, 6))
LABELS = np.repeat(np.arange(CLASSES), EACH)
X = (CENTRES[LABELS] + 0.8 * RNG.normal(size=(len(LABELS), 6))).astype("float32")
DATA = tm.datasets.from_arrays(X, LABELS)
[(TRAIN, VALIDATION)] = validation_folds(DATA, fraction=0.4)
QUICK = Settings(
    epochs=3, batches_per_epoch=2, embedding_dim=4, classes_per_batch=6, examples_per_class=4
)


def build(dim, unit=True):
    inputs = keras.Input((6,))
    x = keras.layers.Dense(dim)(inputs)
    return keras.Model(inputs, keras.layers.UnitNormalization()(x) if unit else x)


class Noted(keras.callbacks.Callback):
    """Keeps what it sees in a list that copies share."""

    seen: list = []  # noqa: RUF012

    def on_epoch_end(self, epoch, logs=None):
        Noted.seen.append(dict(logs))


@pytest.fixture
def eager(monkeypatch):
    """Trainings without a compilation each."""
    run_eagerly(monkeypatch)


@pytest.fixture(scope="module")
def whole():
    """A run to its end, its callback's logs, and what its embedder was worth at its end."""
    Noted.seen = []

    def after(training):
        result = tm.evaluation.evaluate(training.embedder, VALIDATION, baselines=False)
        return {"again": result.map_at_r}

    with pytest.MonkeyPatch.context() as patch:
        run_eagerly(patch)
        record = run_once(
            TRAIN, VALIDATION, QUICK, 7, build_embedder=build, callbacks=[Noted()], after=after
        )
    return record, list(Noted.seen)


def test_the_record_is_what_was_measured(whole):
    record, logs = whole
    assert record.status == "completed"
    assert record.reason == ""
    assert record.curve == tuple(log["val_map_at_r"] for log in logs)
    assert record.best == max(record.curve)
    assert record.curve[record.best_epoch - 1] == record.best
    assert record.figures["again"] == pytest.approx(record.best, abs=1e-6)  # The best epoch's.
    assert record.from_dict(record.to_dict()) == record


def test_the_same_seed_is_the_same_run_and_a_part_of_it_its_beginning(whole, eager):
    record, _ = whole
    again = run_once(TRAIN, VALIDATION, QUICK, 7, build_embedder=build, epochs=2)
    assert again.curve == record.curve[:2]


def test_a_loss_that_ends_at_its_margin_looks_collapsed():
    # Distances of embeddings of length 1 are at most 2: a margin of 90 is never met.
    settings = Settings(
        "TripletLoss", {"margin": 90.0, "mining": "hard"}, epochs=1, batches_per_epoch=1
    )
    record = run_once(TRAIN, VALIDATION, settings, build_embedder=build)
    assert record.status == "completed"
    assert "the loss ended at the margin of the triplets (9" in record.sign
    assert record.best == record.curve[0] > 0


def test_a_run_is_stopped_by_patience_or_as_hopeless(eager):
    still = QUICK.replace(learning_rate=1e-12, weight_decay=0.0)
    record = run_once(TRAIN, VALIDATION, still, build_embedder=build, patience=1)
    assert (record.status, len(record.curve), record.best_epoch) == ("completed", 2, 1)
    assert record.reason == "no better epoch than 1 in 1"
    record = run_once(
        TRAIN, VALIDATION, still, build_embedder=build, stop=lambda curve: "poor", objective="mrr"
    )
    assert (record.status, record.reason, len(record.curve)) == ("pruned", "poor", 1)


def diverges():
    record = run_once(TRAIN, VALIDATION, QUICK, build_embedder=lambda dim: deep(dim, 1e30))
    assert (record.status, record.best, record.best_epoch) == ("collapsed", 0.0, 0)
    assert record.reason == "diverged: embeddings are NaN or infinite"


def test_a_setting_that_diverges_is_a_result():
    diverges()  # The loss says so in the graph.


def test_a_setting_that_diverges_or_collapses_is_a_result(eager, monkeypatch):
    diverges()
    # XLA drops what the loss says: RetrievalEvaluation says it then.
    monkeypatch.setattr("tfmetric.losses._inputs.require", lambda right, message: None)
    diverges()
    still = QUICK.replace(learning_rate=1e-9, epochs=1)
    record = run_once(TRAIN, VALIDATION, still, build_embedder=lambda dim: deep(dim, 1e-9))
    assert (record.status, record.best) == ("collapsed", 0.0)
    assert "all embeddings are at one point" in record.reason


def deep(dim, gain):
    """Multiplies what it gets by the gain, beside a constant."""
    inputs = keras.Input((6,))
    x = keras.layers.Dense(dim)(inputs)
    x = keras.layers.Rescaling(gain, offset=1.0)(x)
    return keras.Model(inputs, keras.layers.Rescaling(gain if gain > 1 else 1.0)(x))


def test_no_memory_is_a_result_and_any_other_error_an_error(eager):
    import tensorflow as tf

    def too_large(dim):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    record = run_once(TRAIN, VALIDATION, QUICK, build_embedder=too_large)
    assert (record.status, record.reason) == ("collapsed", "out of memory")
    with pytest.raises(ZeroDivisionError):
        run_once(TRAIN, VALIDATION, QUICK, build_embedder=lambda dim: 1 // 0)
    with pytest.raises(ValueError, match=r"built keras\.Model"):
        run_once(TRAIN, VALIDATION, QUICK, build_embedder=lambda dim: None)
    images = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    with pytest.raises(ValueError, match="incompatible"):
        run_once(TRAIN, VALIDATION, QUICK, build_embedder=lambda dim: images)


@pytest.mark.parametrize("objective", ["loss", "val_loss", "accuracy", None, "recall_at_0"])
def test_an_objective_is_a_retrieval_figure(objective):
    message = "measured in margins" if "loss" in str(objective) else "a retrieval figure"
    with pytest.raises(ValueError, match=message):
        run_once(TRAIN, VALIDATION, QUICK, objective=objective)


@pytest.mark.slow
def test_nothing_of_a_run_stays_in_memory(whole):
    def objects():
        gc.collect()
        return len(gc.get_objects())

    short = Settings("NTXentLoss", epochs=1, batches_per_epoch=1)
    run_once(TRAIN, VALIDATION, short, build_embedder=build)
    before = objects()
    run_once(TRAIN, VALIDATION, short, build_embedder=build)
    # The graph of one such training is 9,000 objects.
    assert objects() - before < 1000
