"""A training that is stopped and goes on is, to the last bit, the one that was not stopped."""

import json
import shutil
import zipfile

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric._files import SUFFIX
from tfmetric.callbacks import Checkpoint, RetrievalEvaluation
from tfmetric.callbacks._archive import read_archive, write_archive

_RNG = np.random.default_rng(0)
_LABELS = np.arange(48) % 8
_IMAGES = _RNG.integers(0, 255, (48, 8, 8, 1)).astype("uint8")
_VECTORS = _RNG.normal(size=(48, 4)).astype("float32")


def _adamw():
    rate = keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=0.01, warmup_steps=2)
    return keras.optimizers.AdamW(rate, weight_decay=0.01)


def _everything(seed):
    """Random layers, random batches, sampled proxies, a schedule, a metric, figures every 2nd."""
    embedder = tm.models.embedder(
        (8, 8, 1), 4, filters=2, dropout=0.3, preprocessing=tm.layers.RandomAffine()
    )
    model = tm.models.with_proxies(embedder, tm.layers.ProxyHead(8, sampled_classes=6))
    model.compile(
        _adamw(),
        tm.losses.ArcFaceLoss(),
        metrics=["sparse_categorical_accuracy"],
        jit_compile=False,
    )
    batches = tm.datasets.balanced_batches(
        (_IMAGES, _LABELS), 4, 2, 2, augment=tm.datasets.augmentation(), seed=1
    )
    judge = RetrievalEvaluation((_IMAGES, _LABELS), every=3, ks=1, embedder=embedder)
    return model, batches, [judge]


def _memory(seed):
    embedder = tm.models.embedder((4,), 2, dropout=0.3)
    model = tm.models.CrossBatchMemory(embedder, 20, warmup_steps=1)
    model.compile("sgd", tm.losses.ContrastiveLoss(), jit_compile=False)
    return model, tm.datasets.balanced_batches((_VECTORS, _LABELS), 4, 2, 2), []


def _patience(seed):
    """Early stopping and a plateau, in pairs for a Siamese model."""
    model = tm.models.siamese(tm.models.embedder((4,), 2))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), tm.losses.SiameseContrastiveLoss())
    plateau = keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=10.0)
    stopping = keras.callbacks.EarlyStopping(
        "loss", min_delta=10.0, patience=3, restore_best_weights=True
    )
    return (
        model,
        tm.datasets.pairs((_VECTORS, _LABELS), 8, batches_per_epoch=2),
        [plateau, stopping],
    )


class _Copy(keras.callbacks.Callback):
    """The files as they are when a process is killed after its second epoch."""

    def __init__(self, directory, to):
        super().__init__()
        self.directory, self.to = directory, to

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            shutil.copytree(self.directory, self.to)


def _fit(make, directory, copy_to=None, epochs=4, seed=0):
    keras.utils.set_random_seed(seed)
    model, batches, callbacks = make(seed)
    checkpoint = Checkpoint(directory, batches, callbacks)
    done = checkpoint.restore(model)
    also = [] if copy_to is None else [_Copy(directory, copy_to)]
    model.fit(
        batches,
        epochs=epochs,
        initial_epoch=done,
        shuffle=False,
        verbose=0,
        callbacks=[*callbacks, checkpoint, *also],
    )
    return model, checkpoint, callbacks


def _state(model):
    return [np.array(v) for v in [*model.variables, *model.optimizer.variables]]


@pytest.mark.parametrize("make", [_everything, _memory, _patience])
def test_it_goes_on_to_the_last_bit(make, tmp_path):
    straight, whole, first = _fit(make, tmp_path / "straight", tmp_path / "killed")
    resumed, second, again = _fit(make, tmp_path / "killed", seed=5)
    assert second.history == whole.history
    assert len(whole.history["loss"]) == whole.epochs_done == 4
    assert whole.stopped == second.stopped == (make is _patience)
    for one, two in zip(_state(straight), _state(resumed), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(first, again, strict=True):
        assert getattr(one, "wait", None) == getattr(two, "wait", None)
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["checkpoint.npz"]


def test_it_changes_nothing_and_a_finished_training_goes_on_to_its_end(tmp_path):
    straight, _, _ = _fit(_patience, tmp_path / "kept")
    keras.utils.set_random_seed(0)
    model, batches, callbacks = _patience(0)
    model.fit(batches, epochs=4, shuffle=False, verbose=0, callbacks=callbacks)
    for one, two in zip(_state(straight), _state(model), strict=True):
        np.testing.assert_array_equal(one, two)
    # Killed between the last epoch and the end of fit, which puts the best weights back.
    resumed, checkpoint, _ = _fit(_patience, tmp_path / "kept", seed=5)
    assert checkpoint.stopped
    for one, two in zip(straight.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(np.array(one), np.array(two))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    directory = tmp_path_factory.mktemp("kept")
    _fit(_memory, directory, epochs=1)
    return directory


def _compiled(width=2, optimizer="sgd", **options):
    model = tm.models.CrossBatchMemory(tm.models.embedder((4,), width, **options), 20)
    model.compile(optimizer, tm.losses.ContrastiveLoss())
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            lambda: _compiled(3, dropout=0.3),
            r"memory_embeddings \(20, 2\) float32', here=.*\(20, 3\)",
        ),
        (lambda: _compiled(), r"in_the_checkpoint='seed_generator/.*here='embedding/"),
        (lambda: _compiled(2, "adam", dropout=0.3), "Expected the optimizer that.*adam/"),
        (lambda: tm.models.embedder((4,), 2), "built and compiled"),
    ],
)
def test_another_model_is_named(kept, model, message):
    model = model()
    before = [np.array(v) for v in model.variables]
    with pytest.raises(ValueError, match=message):
        Checkpoint(kept).restore(model)
    for one, two in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(one, np.array(two))


def test_nothing_is_overwritten_unasked(kept):
    model, batches, _ = _memory(0)
    with pytest.raises(ValueError, match=r"restore\(model\) before fit"):
        model.fit(batches, verbose=0, shuffle=False, callbacks=[Checkpoint(kept, batches)])
    checkpoint = Checkpoint(kept, batches)
    checkpoint.restore(model)
    with pytest.raises(ValueError, match="initial_epoch=1"):
        model.fit(batches, verbose=0, shuffle=False, callbacks=[checkpoint])
    with pytest.raises(ValueError, match="with 1 callbacks"):
        Checkpoint(kept, callbacks=[RetrievalEvaluation((_VECTORS, _LABELS))]).restore(model)


def test_arguments_that_cannot_work(tmp_path):
    batches = tm.datasets.balanced_batches((_VECTORS, _LABELS), 4, 2)
    with pytest.raises(ValueError, match="lose set_epoch"):
        Checkpoint(tmp_path, batches.map(lambda x, y: (x, y)))
    with pytest.raises(ValueError, match="state_attributes"):
        Checkpoint(tmp_path, callbacks=[keras.callbacks.Callback()])


def test_a_killed_writer_leaves_nothing_behind(kept, tmp_path):
    directory = tmp_path / "run"
    shutil.copytree(kept, directory)
    rubbish = directory / f".checkpoint.npz.abc{SUFFIX}"
    rubbish.mkdir()
    (rubbish / "lock").write_text("")
    (rubbish / "checkpoint.npz").write_bytes(b"half")
    _, checkpoint, _ = _fit(_memory, directory, epochs=2)
    assert checkpoint.epochs_done == 2
    assert [path.name for path in directory.iterdir()] == ["checkpoint.npz"]


def test_the_file_is_json_and_arrays(tmp_path):
    path = tmp_path / "file.npz"
    half = np.arange(3).astype("bfloat16")
    values = {"a": [1, None, np.float64(0.1)], "b": {"c": np.eye(2)}, "n": float("nan")}
    write_archive(path, values, {"x": [half, np.array(7), np.zeros((0, 2))]})
    found, arrays = read_archive(path)
    assert found["a"] == [1, None, 0.1]
    np.testing.assert_array_equal(found["b"]["c"], np.eye(2))
    np.testing.assert_array_equal(arrays["x"][0].view("bfloat16"), half)
    assert arrays["x"][1] == 7
    with np.load(path, allow_pickle=False) as members:
        assert members["x/2"].shape == (0, 2)
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("state.json"))["a"] == [1, None, 0.1]
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="this one is damaged"):
        read_archive(path)
