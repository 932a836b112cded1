import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from support import oracles
from support.beyond_one_batch import LABELS, X, cached, embedder, fit, remembered

import tfmetric as tm
from tfmetric.models import CachedGradients, CrossBatchMemory

WAYS = ["graph", "xla", pytest.param("eager", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def queue():
    """The training with a memory, with an explicit queue, step by step in float64."""
    weight = embedder(hidden=0).get_weights()[0].astype("float64")
    kept, losses = [], []
    for step in range(8):
        part = slice(step % 4 * 6, step % 4 * 6 + 6)
        x, y = X[part].astype("float64"), LABELS[part]
        z = x @ weight
        used = kept if step >= 1 else []
        every = np.concatenate([z, *(e[None] for _, e in used)])
        of = [*y, *(label for label, _ in used)]
        rows = oracles.contrastive_terms(of, every, 1.0, 0.0, "all", "euclidean", 2)
        rows = [row if i < 6 else [] for i, row in enumerate(rows)]
        loss, gradient = oracles.reduce(rows, every, "euclidean", "mean_over_active")
        weight -= 0.3 * x.T @ gradient[:6]
        kept = (list(zip(y, z, strict=True)) + kept)[:10]
        losses.append(loss)
    history = np.reshape(losses, (2, 4)).mean(axis=1)
    return np.concatenate([history, weight.ravel()]), kept


def check_queue(found, queue):
    trained, labels, embeddings = found
    np.testing.assert_allclose(trained, queue[0], rtol=1e-4, atol=1e-5)
    assert labels == [label for label, _ in queue[1]]
    np.testing.assert_allclose(embeddings, [e for _, e in queue[1]], rtol=1e-3, atol=1e-4)


def check_cached(found):
    plain, again, drawn = found
    assert plain < 1e-5
    assert again < 1e-5
    # Two steps of three micro-batches: the second runs have drawn the same, not more.
    assert drawn == [[3, 6]]


@pytest.mark.parametrize("how", WAYS)
def test_memory_equals_a_queue(how, queue):
    check_queue(remembered(how), queue)


@pytest.mark.parametrize(
    "how", ["graph", *(pytest.param(how, marks=pytest.mark.slow) for how in ("xla", "eager"))]
)
def test_cached_gradients_are_those_of_the_whole_batch(how):
    check_cached(cached(how))


@pytest.mark.slow
def test_both_on_jax(queue):
    pytest.importorskip("jax", reason="jax is not installed")
    code = (
        "import json, sys; sys.modules['tensorflow'] = None\n"
        "sys.path.insert(0, 'tests')\n"
        "from support.beyond_one_batch import cached, remembered\n"
        "print(json.dumps([cached('graph'), remembered('graph')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    gradients, memory = json.loads(done.stdout.splitlines()[-1])
    check_cached(gradients)
    check_queue(memory, queue)


def test_labels_of_any_size_and_none_that_stands_for_empty():
    """Empty places are no class: 0, -1 and the largest numbers are labels as others are."""
    values = np.array([0, -1, 2**62, 2**62 + 1])
    plain = remembered("graph")
    other = remembered("graph", values[LABELS])
    np.testing.assert_allclose(other[0], plain[0], rtol=1e-4)
    assert other[1] == values[plain[1]].tolist()


def test_memory_is_saved_and_only_training_changes_it(tmp_path):
    model = CrossBatchMemory(embedder(), 10, warmup_steps=0)
    fit(model, batch_size=8)
    before = [np.asarray(v) for v in model.embedder.trainable_variables]
    assert model.evaluate(X, LABELS, batch_size=24, verbose=0) == pytest.approx(
        float(model.loss(LABELS, model.embedder(X))) + float(sum(model.losses)), rel=1e-5
    )
    np.testing.assert_allclose(
        model.predict(X, verbose=0), model.embedder.predict(X, verbose=0), rtol=1e-6
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert (again.memory_size, again.warmup_steps, again.label_shape) == (10, 0, ())
    model.save_weights(tmp_path / "all.weights.h5")
    weights = CrossBatchMemory(embedder(), 10, warmup_steps=0)
    weights.load_weights(tmp_path / "all.weights.h5")
    for loaded in (again, weights):
        for name in ("memory_embeddings", "memory_labels", "remembered", "step"):
            np.testing.assert_array_equal(getattr(loaded, name), getattr(model, name))
    assert int(model.remembered) == 10
    for old, new in zip(before, model.embedder.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new)
    losses = [m.fit(X, LABELS, verbose=0).history["loss"] for m in (model, again)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_memory_of_several_labels_an_example():
    labels = np.random.default_rng(2).integers(0, 2, (24, 4))
    model = CrossBatchMemory(embedder(), 10, warmup_steps=0, label_shape=(4,))
    loss = tm.losses.ContrastiveLoss(1.0, match="any_shared")
    assert np.isfinite(fit(model, loss=loss, labels=labels)).all()
    np.testing.assert_array_equal(model.memory_labels, labels[12:22])


def test_memory_of_a_loss_with_parts():
    """As long as the embedding, and the only part: the same training as the loss itself."""
    part = tm.losses.ContrastiveLoss(1.0, distance="cosine")
    whole = tm.losses.MatryoshkaLoss(tm.losses.WeightedSum([part]), dims=(3,))
    one, other = (
        fit(CrossBatchMemory(embedder(), 10, warmup_steps=0), loss=loss) for loss in (part, whole)
    )
    np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)


def test_memory_of_cached_gradients():
    both = CrossBatchMemory(CachedGradients(embedder(), 5), 10, warmup_steps=0)
    one = CrossBatchMemory(embedder(), 10, warmup_steps=0)
    np.testing.assert_allclose(fit(both), fit(one), rtol=1e-4, atol=1e-6)


def test_cached_gradients_with_batch_normalisation_and_an_unknown_batch(tmp_path):
    model = CachedGradients(tm.models.embedder((6,), embedding_dim=3), 5)
    # The last batch of 4 is a micro-batch of its own.
    assert np.isfinite(fit(model, batch_size=10)).all()
    means = [v for v in model.embedder.non_trainable_variables if "moving_mean" in v.path]
    assert any(np.abs(np.asarray(v)).max() > 0 for v in means)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.micro_batch_size == 5
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrossBatchMemory(embedder(), 0), "memory_size to be an int of at least 1"),
        (lambda: CrossBatchMemory(embedder(), warmup_steps=-1), "Received: warmup_steps=-1"),
        (lambda: CachedGradients(embedder(), True), "Received: micro_batch_size=True"),
        (lambda: CachedGradients(keras.layers.Dense(3)), "a built keras.Model with one output"),
        (
            lambda: CachedGradients(CrossBatchMemory(embedder(), 5)),
            "a memory goes around cached gradients",
        ),
        (lambda: fit_eagerly(loss_weights=0.5), "no loss_weights beside one loss. Received: loss"),
        (lambda: fit_eagerly(labels=None), "Expected batches"),
        (lambda: fit(CrossBatchMemory(embedder()), loss="mse"), "one loss on labels and embed"),
        (
            lambda: fit(CrossBatchMemory(embedder()), labels=LABELS.astype("float32")),
            "labels of an integer type to remember. Received: y_dtype='float32'",
        ),
        (
            lambda: fit(CachedGradients(with_activity(), 5)),
            "an embedder without losses on activations",
        ),
    ],
)
def test_what_cannot_be_says_so(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def fit_eagerly(labels=LABELS, **arguments):
    model = CrossBatchMemory(embedder(), 5)
    model.compile("sgd", loss=tm.losses.SupConLoss(), run_eagerly=True, **arguments)
    model.fit(X, labels, verbose=0)


def with_activity():
    inputs = keras.Input((6,))
    return keras.Model(inputs, keras.layers.Dense(3, activity_regularizer="l2")(inputs))


@pytest.mark.parametrize(
    "wrap", [lambda model: CrossBatchMemory(model, 5), lambda model: CachedGradients(model, 3)]
)
def test_penalties_of_weights_are_part_of_the_loss(wrap):
    def trained(penalty):
        inputs = keras.Input((6,))
        outputs = keras.layers.Dense(3, kernel_initializer="ones", kernel_regularizer=penalty)
        model = wrap(keras.Model(inputs, outputs(inputs)))
        model.compile("sgd", loss=tm.losses.SupConLoss())
        return model.train_on_batch(X[:6], LABELS[:6])

    weight = np.ones((6, 3))
    added = trained(keras.regularizers.L2(0.1)) - trained(None)
    np.testing.assert_allclose(added, 0.1 * np.square(weight).sum(), rtol=1e-4)
