"""Anchors against other references than their batch, of which some may not exist."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import oracles
from support.batches import ORDINARY
from support.loss_cases import CASES

import tfmetric as tm
from tfmetric.losses import ContrastiveLoss, Memory, References, TripletLoss
from tfmetric.mining import STRATEGIES

PAIRS = [(p, n) for p in STRATEGIES for n in STRATEGIES if (p, n) != ("semi-hard", "semi-hard")]
LABELS, X = ORDINARY["interleaved"]
# Anchors among the references, in another order; the last five references do not exist.
OWN = np.array([3, 14, 0, 7, 8, 2])
VALID = np.arange(25) < 20


def terms_and_gradient(loss, valid=VALID):
    """Each anchor's terms, and the gradient of their weighted sum with respect to all of x."""
    rng = np.random.default_rng(1)
    empty = len(valid) - len(X)
    labels = np.concatenate([LABELS, rng.integers(0, 3, empty)])
    x = tf.constant(np.concatenate([X, rng.normal(size=(empty, 3))]).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        references = References(tf.constant(labels), x, tf.constant(OWN), tf.constant(valid))
        terms = loss.terms(tf.constant(labels[OWN]), tf.gather(x, OWN), references)
        whole = tf.reduce_sum(terms.total * np.arange(1, 7).astype("float32"))
    gradient = tf.convert_to_tensor(tape.gradient(whole, x)).numpy()
    assert not gradient[len(X) :].any()
    return np.stack(terms, axis=1), gradient[: len(X)]


def check(loss, rows, distance="euclidean"):
    rows = [rows[i] if i in OWN else [] for i in range(len(X))]
    found, gradient = terms_and_gradient(loss)
    wanted = [
        [sum(v for v, _, _ in rows[i]), len(rows[i]), sum(a for _, a, _ in rows[i])] for i in OWN
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    weight = np.zeros(len(X))
    weight[OWN] = np.arange(1, 7)
    _, slope = oracles.reduce(rows, X.astype("float64"), distance, "sum", weight)
    np.testing.assert_allclose(gradient, slope, atol=2e-5 * np.abs(slope).max() + 1e-6)


@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_triplets_equal_the_formula(pair):
    for fallback in (None, "easy") if "semi-hard" in pair else (None,):
        rows = oracles.triplet_terms(
            LABELS, X.astype("float64"), 0.7, *pair, "euclidean", fallback=fallback
        )
        check(TripletLoss(0.7, pair, fallback=fallback), rows)


@pytest.mark.parametrize("mining", ["hard", "all"])
def test_contrastive_equals_the_formula(mining):
    rows = oracles.contrastive_terms(LABELS, X.astype("float64"), 1.5, 0.2, mining, "cosine", 2)
    check(ContrastiveLoss(1.5, 0.2, mining, "cosine"), rows, "cosine")


@pytest.mark.parametrize("mining", ["distance-weighted", "semi-hard", "all"])
@pytest.mark.parametrize("large", [False, True])
def test_the_batch_as_its_own_references(mining, large, monkeypatch):
    """The same draws, and the same by sorting as by passes."""
    for module in (tm.losses._all_triplets, tm.losses._one_negative):
        monkeypatch.setattr(module, "_SMALL", 0 if large else 100)
    loss = TripletLoss(0.7, mining)
    references = References(*map(tf.constant, (LABELS, X, np.arange(len(X)))))
    found = loss.terms(references.labels, references.embeddings, references)
    wanted = loss.terms(references.labels, references.embeddings)
    np.testing.assert_allclose(np.stack(found), np.stack(wanted), rtol=1e-5, atol=1e-6)


def test_near_duplicates_are_free_of_cancellation():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 3)
    centres = rng.normal(size=(4, 16)) / 4
    x = (centres[labels] + 1e-4 * rng.normal(size=(12, 16))).astype("float32")
    own = np.array([5, 0, 10])
    references = References(*map(tf.constant, (labels, x, own)))
    loss = ContrastiveLoss(0.0, power=1)
    total = loss.terms(tf.constant(labels[own]), tf.constant(x[own]), references).total
    matrix = oracles.matrix("euclidean", x.astype("float64"))
    wanted = (matrix * (labels[:, None] == labels[None, :]))[own].sum(axis=1)
    np.testing.assert_allclose(total, wanted, rtol=1e-4)


def memory_of(labels, x, valid):
    return Memory(*map(tf.constant, (labels, x, valid)))


@pytest.mark.parametrize("large", [0, 2**40])
def test_a_memory_is_compared_with_and_never_compared_itself(large):
    labels, x = np.arange(12) % 4 + large, np.random.default_rng(3).normal(size=(20, 3))
    old = np.array([0, 1, 2, 3, 0, 99, 1, 2]) + large
    x, valid = x.astype("float32"), np.arange(8) != 3
    memory = memory_of(old, x[12:], valid)
    value = TripletLoss(0.5, "all")(labels, x[:12], memory=memory)
    kept = np.flatnonzero(np.concatenate([np.ones(12, bool), valid]))
    every = np.concatenate([labels, old])[kept]
    rows = oracles.triplet_terms(every, x[kept].astype("float64"), 0.5, "all", "all", "euclidean")
    rows = [row if i < 12 else [] for i, row in enumerate(rows)]
    wanted, _ = oracles.reduce(rows, x[kept], "euclidean", "mean_over_active")
    np.testing.assert_allclose(value, wanted, rtol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_empty_places_of_a_memory_are_nobody_to_every_loss(case):
    if not case.takes_references():
        pytest.skip("compares the batch with itself alone")
    rng = np.random.default_rng(5)
    labels, x = np.arange(20) % 4, rng.normal(size=(20, 4)).astype("float32")
    valid = np.array([1, 0, 1, 1, 0, 1, 0, 1], bool)
    loss = case.make(reduction="sum_over_batch_size")
    value = loss(labels[:12], x[:12], memory=memory_of(labels[12:], x[12:], valid))
    kept = memory_of(labels[12:][valid], x[12:][valid], valid[valid])
    np.testing.assert_allclose(value, loss(labels[:12], x[:12], memory=kept), rtol=1e-5)
    assert np.isfinite(value)


def test_several_labels_for_each_example_with_a_memory():
    rng = np.random.default_rng(4)
    labels, x = rng.integers(0, 2, (14, 4)), rng.normal(size=(14, 3)).astype("float32")
    loss = ContrastiveLoss(1.5, match="any_shared", reduction="sum")
    value = loss(labels[:8], x[:8], memory=memory_of(labels[8:], x[8:], np.arange(6) < 4))
    wanted = 0
    for a in range(8):
        for j in range(12):
            d = np.linalg.norm(x[a] - x[j])
            same = (labels[a] & labels[j]).any()
            wanted += 0 if a == j else d**2 if same else max(0, 1.5 - d) ** 2
    np.testing.assert_allclose(value, wanted, rtol=1e-5)


def test_a_loss_that_sees_only_its_batch_says_so():
    @keras.saving.register_keras_serializable(package="tests")
    class Alone(tm.losses.EmbeddingLoss):
        def terms(self, labels, embeddings):
            raise AssertionError

    memory = memory_of(LABELS, X, np.ones(20, bool))
    with pytest.raises(
        ValueError, match="Expected a loss that can compare a batch with other examples"
    ):
        Alone()(LABELS, X, memory=memory)
