import copy

import keras
import numpy as np
import pytest

from tfmetric import models
from tfmetric.callbacks import RetrievalEvaluation
from tfmetric.evaluation import embed, retrieval

LABELS = np.arange(24) % 4
X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(dict(logs))


def trained(callbacks, epochs=1, learning_rate=0.01):
    model = models.embedder((3,), embedding_dim=2)
    model.compile(keras.optimizers.SGD(learning_rate), loss="mse")
    history = model.fit(
        X, np.zeros((24, 2)), epochs=epochs, verbose=0, callbacks=callbacks, batch_size=12
    )
    return model, history.history


def test_later_callbacks_and_the_history_see_the_figures(tmp_path):
    judge, recorder = RetrievalEvaluation((X, LABELS), ks=(1, 3)), Recorder()
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="val_map_at_r", mode="max", save_best_only=True
    )
    stop = keras.callbacks.EarlyStopping("val_recall_at_1", mode="max", patience=5)
    model, history = trained([judge, recorder, best, stop], epochs=2)
    want = retrieval(embed(model, X), LABELS, ks=(1, 3)).figures()
    names = {name[4:] for name in history if name.startswith("val_")}
    assert names == {name for name in want if not name.startswith(("map_at_1", "map_at_3", "ndcg"))}
    for name in names:
        value = want[name]
        assert history[f"val_{name}"][-1] == pytest.approx(value)
        assert recorder.seen[-1][f"val_{name}"] == history[f"val_{name}"][-1]
    assert (tmp_path / "best.keras").exists()
    assert stop.best is not None


def test_an_epoch_without_evaluation_repeats_the_last_figures():
    _, history = trained([RetrievalEvaluation((X, LABELS), every=3)], epochs=5, learning_rate=0.3)
    figures = history["val_map_at_r"]
    assert len(figures) == 5
    assert figures[0] == figures[1]
    assert figures[2] == figures[3] == figures[4]


def test_a_deep_copy_evaluates_like_the_original():
    judge = RetrievalEvaluation((X, LABELS), max_queries=7, prefix="test_")
    twin = copy.deepcopy(judge)
    _, history = trained([judge, RetrievalEvaluation((X, LABELS), max_queries=7), twin])
    assert history["test_map_at_r"] == history["val_map_at_r"]
    assert judge.result.num_queries == twin.result.num_queries == 7
    assert judge.result.num_gallery == 24


def test_known_and_unseen_classes_are_judged_apart():
    known = X[:12] * 2, LABELS[:12]
    judge = RetrievalEvaluation(
        (X[12:], LABELS[12:]), ks=1, known=known, figures=("ndcg_at_1", "map_at_r"), every=2
    )
    twin = copy.deepcopy(judge)
    assert twin.known is known
    model, history = trained([judge], epochs=2)
    assert {n for n in history if n != "loss"} == {
        f"{prefix}_{name}" for prefix in ("val", "known") for name in ("ndcg_at_1", "map_at_r")
    }
    for prefix, (x, labels) in {"val": (X[12:], LABELS[12:]), "known": known}.items():
        want = retrieval(embed(model, x), labels, ks=1)
        assert history[f"{prefix}_map_at_r"][-1] == pytest.approx(want.map_at_r)
        assert history[f"{prefix}_ndcg_at_1"][-1] == pytest.approx(want.ndcg_at[1])
    assert judge.known_result.num_queries == 12
    _, again = trained([twin], epochs=2)
    assert again.keys() == history.keys()


def test_a_sample_of_queries_is_taken_of_both():
    judge = RetrievalEvaluation((X, LABELS), known=(X, LABELS), known_prefix="", max_queries=5)
    _, history = trained([judge])
    assert history["map_at_r"] == history["val_map_at_r"]
    assert judge.known_result.num_queries == 5


def test_siamese_training_is_judged_by_its_embedder():
    embedder = models.embedder((3,), embedding_dim=2)
    model = models.siamese(embedder)
    model.compile("sgd", "mse")
    judge = copy.deepcopy(RetrievalEvaluation((X, LABELS), embedder=embedder))
    history = model.fit((X, X[::-1]), np.zeros(24), verbose=0, callbacks=[judge]).history
    want = retrieval(embed(embedder, X), LABELS).map_at_r
    assert history["val_map_at_r"] == [pytest.approx(want)]


def test_a_second_fit_starts_afresh():
    judge = RetrievalEvaluation((X, LABELS), every=10)
    trained([judge])
    first = judge.result
    trained([judge])
    assert judge.result is not first


def test_nan_embeddings_are_said_clearly():
    with pytest.raises(ValueError, match=r"training has diverged.*epoch=1, rows_not_finite=24"):
        trained([RetrievalEvaluation((X, LABELS))], learning_rate=float("nan"))


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        ((X, LABELS), {"every": 0}, "every to be an integer above 0"),
        ((X, LABELS), {"max_queries": 0}, "max_queries to be an integer above 0"),
        ((X, LABELS), {"every": None}, "every to be an integer above 0"),
        ((X, LABELS), {"distance": "far"}, "distance to be one of"),
        ((X, LABELS), {"ks": (1, 0)}, "ks to be one or more integers above 0"),
        ((X, LABELS), {"ks": "5"}, "ks to be one or more integers above 0"),
        ((X, LABELS), {"known": X}, "LabeledData or a pair"),
        ((X, LABELS), {"known": (X, LABELS), "known_prefix": "val_"}, "another known_prefix"),
        ((X, LABELS), {"figures": "map_at_2"}, "figures to be some of recall_at_1"),
        ((X, LABELS), {"figures": ()}, "figures to be some of"),
        (X, {}, "LabeledData or a pair"),
        ((X, LABELS[:3]), {}, "labels of shape"),
    ],
)
def test_arguments_that_make_no_sense_are_named(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        RetrievalEvaluation(data, **arguments)


def test_tensorboard_checkpoints_and_early_stopping_find_the_figure(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    judge = RetrievalEvaluation((X, LABELS), every=np.int64(1), ks=1)
    stop = keras.callbacks.EarlyStopping("val_map_at_r", mode="max", patience=9)
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "{val_map_at_r:.3f}.keras", "val_map_at_r", mode="max", save_best_only=True
    )
    board = keras.callbacks.TensorBoard(tmp_path / "logs", write_graph=False)
    _, history = trained([judge, stop, best, board])
    figure = history["val_map_at_r"][0]
    assert stop.best == best.best == figure
    assert (tmp_path / f"{figure:.3f}.keras").exists()
    (events,) = (tmp_path / "logs" / "validation").iterdir()
    assert b"epoch_map_at_r" in events.read_bytes()
