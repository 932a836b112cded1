"""Losses on links of two sides against their formulas."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.loss_suite import gradient_of
from support.two_sides import CASES, IDS, NAMED, given

import tfmetric as tm
from tfmetric.losses import InBatchSoftmaxLoss, OnTwoSides, SigmoidPairLoss

HOW = ["eager", *(pytest.param(how, marks=pytest.mark.slow) for how in ("graph", "xla"))]
every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def value_and_gradient(loss, labels, y_pred, how="eager"):
    def both(labels, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(labels, x)
        return value, tf.convert_to_tensor(tape.gradient(value, x))

    labels, x = tf.constant(labels), tf.constant(y_pred.astype("float32"))
    if how == "graph":
        free = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in (labels, x)]
        both = tf.function(both, input_signature=free, autograph=False)
    elif how == "xla":
        both = tf.function(both, jit_compile=True)
    value, gradient = both(labels, x)
    return float(value), gradient.numpy()


@every
@pytest.mark.parametrize("how", HOW)
def test_value_and_gradient_equal_the_formula(case, how):
    labels, y_pred = given(case)
    value, gradient = value_and_gradient(case.make(), labels, y_pred, how)
    assert value == pytest.approx(case.rows(labels, y_pred).mean(), rel=1e-5)
    slope = gradient_of(lambda x: case.rows(labels, x).mean(), y_pred)
    scale = np.abs(slope).max()
    np.testing.assert_allclose(gradient / scale, slope / scale, atol=2e-5)


@pytest.mark.parametrize("how", ["graph", pytest.param("xla", marks=pytest.mark.slow)])
def test_a_compiled_step_equals_the_formula(how):
    case = NAMED["softmax-learned"]
    labels, y_pred = given(case)
    value, _ = value_and_gradient(case.make(), labels, y_pred, how)
    assert value == pytest.approx(case.rows(labels, y_pred).mean(), rel=1e-5)


@every
def test_each_link_has_its_weight(case):
    labels, y_pred = given(case)
    if case.name == "multiple-negatives-ranking":
        pytest.skip("its terms are those of the loss inside")
    rows, weight = case.rows(labels, y_pred), np.array([0.5, 0, 2, 1, 3, 1])
    loss = case.make(reduction="sum")
    y_pred = y_pred.astype("float32")
    assert float(loss(labels, y_pred, weight)) == pytest.approx(rows @ weight, rel=1e-5)
    np.testing.assert_allclose(case.make(reduction=None)(labels, y_pred), rows, rtol=2e-5)


@every
def test_a_loss_that_is_saved_is_the_same(case):
    loss = case.make()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    labels, y_pred = given(case)
    y_pred = y_pred.astype("float32")
    assert float(copy(labels, y_pred)) == float(loss(labels, y_pred))


@every
def test_a_batch_of_none_and_of_one(case):
    labels, y_pred = given(case)
    loss = case.make()
    value, gradient = value_and_gradient(loss, labels[:0], y_pred[:0])
    assert value == 0.0
    assert gradient.shape == (0, *y_pred.shape[1:])
    value, gradient = value_and_gradient(loss, labels[:1], y_pred[:1])
    assert np.isfinite([value, *gradient.ravel()]).all()
    if case.loss is InBatchSoftmaxLoss and not case.negatives:
        assert not np.any([value, *gradient.ravel()])


@every
def test_equal_zero_and_large_rows_are_finite(case):
    labels, y_pred = given(case)
    for change in (lambda x: 0 * x, lambda x: x[:1] + 0 * x, lambda x: 1e4 * x):
        x = y_pred.copy()
        dim = x.shape[-1] - len(case.columns)
        x[..., :dim] = change(x[..., :dim])
        value, gradient = value_and_gradient(case.make(), labels, x)
        assert np.isfinite([value, *gradient.ravel()]).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_embeddings_of_other_float_types(dtype):
    case = NAMED["softmax-symmetric"]
    labels, y_pred = given(case)
    x = tf.cast(y_pred, dtype)
    loss = case.make(dtype="float64" if dtype == "float64" else None)
    wanted = case.rows(labels, tf.cast(x, "float64").numpy()).mean()
    assert float(loss(labels, x)) == pytest.approx(wanted, rel=1e-5)


def test_a_memory_adds_candidates():
    labels, y_pred = given(NAMED["softmax"])
    rng = np.random.default_rng(3)
    memory = tm.losses.Memory(
        np.array([5, 100, 101]),
        rng.normal(size=(3, 3)).astype("float32"),
        np.array([1, 1, 0], bool),
    )
    value = InBatchSoftmaxLoss(0.5)(labels, y_pred.astype("float32"), memory=memory)
    total = 0.0
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)  # noqa: E731
    x, y, old = (
        unit(y_pred[:, 0]),
        unit(y_pred[:, 1]),
        unit(memory.embeddings[:2].astype("float64")),
    )
    for i in range(6):
        z = np.concatenate([y, old]) @ x[i] / 0.5
        every = [*IDS, 5, 100]
        kept = [i] + [j for j in range(8) if every[j] != IDS[i]]
        total += np.log(np.exp(z[kept]).sum()) - z[i]
    assert float(value) == pytest.approx(total / 6, rel=1e-5)


@pytest.mark.parametrize("where", ["jax", pytest.param("replicas", marks=pytest.mark.slow)])
def test_the_same_elsewhere(where):
    if where == "jax":
        pytest.importorskip("jax")
    tests = Path(__file__).parents[1]
    paths = [str(tests), str(tests.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    if where == "jax":
        environment |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [sys.executable, "-m", "support.two_sides_elsewhere", where],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    wrong = json.loads(result.stdout.splitlines()[-1])
    assert max(wrong.values()) < 5e-5, wrong


@pytest.mark.parametrize("temperature", [0.05, 0.005])
def test_similar_candidates_are_left_out_in_many_strips_and_at_a_low_temperature(temperature):
    """The largest logit of all is left out: what counts must not vanish beside it."""
    x = np.random.default_rng(0).normal(size=(700, 2, 8)).astype("float32")
    unit = x.astype("float64") / np.linalg.norm(x.astype("float64"), axis=-1, keepdims=True)
    cosines = unit[:, 0] @ unit[:, 1].T
    own = np.diag(cosines)[:, None]
    logits = np.where(cosines < own - 0.05, cosines / temperature, -np.inf)
    np.fill_diagonal(logits, own / temperature)
    top = logits.max(axis=1)
    wanted = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top - own[:, 0] / temperature
    loss = InBatchSoftmaxLoss(temperature, false_negative_margin=0.05, reduction=None)
    np.testing.assert_allclose(loss(np.arange(700), x), wanted, rtol=1e-3, atol=1e-6)


def test_what_does_not_fit_is_said():
    labels, y_pred = given(NAMED["softmax"])
    x = y_pred.astype("float32")
    with pytest.raises(ValueError, match="embeddings \\(batch, 2, dim\\) of both sides"):
        InBatchSoftmaxLoss()(labels, x[:, 0])
    with pytest.raises(ValueError, match="temperature to be a number greater than 0"):
        InBatchSoftmaxLoss(temperature=0)
    with pytest.raises(ValueError, match="top_k_negatives"):
        InBatchSoftmaxLoss(top_k_negatives=0)
    with pytest.raises(ValueError, match="without log_q and top_k_negatives"):
        InBatchSoftmaxLoss(false_negative_margin=0.1, top_k_negatives=3)
    with pytest.raises(ValueError, match="false_negative_rule to be absolute or relative"):
        InBatchSoftmaxLoss(false_negative_rule="guide")
    with pytest.raises(ValueError, match="similarity to be one of"):
        SigmoidPairLoss(similarity="euclidean")
    with pytest.raises(ValueError, match="embeddings followed by the columns"):
        InBatchSoftmaxLoss(learned_temperature=True, log_q=True)(labels, x[:, :, :2])
    with pytest.raises(ValueError, match="one side each"):
        OnTwoSides(InBatchSoftmaxLoss())
    with pytest.raises(ValueError, match="Expected finite embeddings"):
        InBatchSoftmaxLoss()(labels, x * np.nan)
    with pytest.raises(ValueError, match="one label for each embedding"):
        InBatchSoftmaxLoss()(labels[:3], x)


@pytest.mark.parametrize("negatives", [0, 2])
def test_ids_of_all_64_bits_stay_apart_in_a_graph(negatives):
    """A cast to 32 bits would make two ids one, and mask a negative."""
    x = np.random.default_rng(0).normal(size=(4, 2 + negatives, 3)).astype("float32")
    ids = np.array([2**64 - 1, 2**32 - 1, 2**64 - 2, 2**64 - 1], "uint64")
    loss = InBatchSoftmaxLoss(0.5)
    wanted = float(loss(np.array([0, 1, 2, 0]), x))
    assert float(loss(ids, x)) == pytest.approx(wanted, rel=1e-6)
    step = tf.function(lambda ids, x: loss(ids, x), autograph=False)
    assert float(step(tf.constant(ids), tf.constant(x))) == pytest.approx(wanted, rel=1e-6)
