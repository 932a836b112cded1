"""Losses on scores and on a teacher's numbers, beside their definitions in float64."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.graded import CASES, NAMED, SCORES, given
from support.loss_suite import gradient_of

from tfmetric import losses, models
from tfmetric.losses import streaming

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
HOW = ["eager", *(pytest.param(how, marks=pytest.mark.slow) for how in ("graph", "xla"))]


def value_and_gradient(loss, targets, x, how="eager", weight=None):
    def both(targets, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(targets, x, weight)
        return value, tf.convert_to_tensor(tape.gradient(value, x))

    targets, x = tf.constant(targets), tf.constant(x)
    if how != "eager":
        free = [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in (targets, x)]
        both = tf.function(both, free, autograph=False, jit_compile=how == "xla")
    value, gradient = both(targets, x)
    return value.numpy(), gradient.numpy()


@every
@pytest.mark.parametrize("how", HOW)
def test_value_and_gradient_equal_the_definition(case, how):
    targets, x = given(case)
    value, gradient = value_and_gradient(case.make(), targets, x.astype("float32"), how)
    assert value == pytest.approx(case.value(targets, x), rel=2e-5)
    slope = gradient_of(lambda x: case.value(targets, x), x)
    np.testing.assert_allclose(
        gradient / np.abs(slope).max(), slope / np.abs(slope).max(), atol=3e-5
    )


@pytest.mark.parametrize("how", ["graph", "xla"])
def test_a_compiled_step_equals_the_definition(how):
    targets, x = given(NAMED["cosent"])
    value, _ = value_and_gradient(losses.CoSENTLoss(), targets, x.astype("float32"), how)
    assert value == pytest.approx(NAMED["cosent"].value(targets, x), rel=2e-5)


@every
def test_the_reductions_are_those_of_keras(case):
    targets, x = given(case)
    x = x.astype("float32")
    rows = np.asarray(case.make(reduction=None)(targets, x))
    assert rows.shape == (len(x),)
    assert float(case.make()(targets, x)) == pytest.approx(rows.mean(), rel=1e-5)
    assert float(case.make(reduction="sum")(targets, x)) == pytest.approx(rows.sum(), rel=1e-5)
    assert float(case.make()(targets, x, 3.0)) == pytest.approx(3 * rows.mean(), rel=1e-5)


@every
def test_a_pair_of_weight_two_is_two_pairs_and_of_weight_none_is_none(case):
    targets, x = given(case)
    x, number = x.astype("float32"), np.array([1, 0, 2, 1, 3, 1, 0, 1])
    again = np.repeat(np.arange(len(x)), number)
    value, gradient = value_and_gradient(case.make(), targets, x, "graph", number.astype("float32"))
    wanted = case.value(targets[again], x[again].astype("float64"))
    if not case.order:
        wanted *= number.sum() / len(x)
    assert value == pytest.approx(wanted, rel=2e-5)
    assert not gradient[number == 0].any()


@every
def test_degenerate_batches_are_finite(case):
    targets, x = given(case)
    x = x.astype("float32")
    value, gradient = value_and_gradient(case.make(), targets[:0], x[:0])
    assert (value, gradient.size) == (0.0, 0)
    value, gradient = value_and_gradient(case.make(), targets[:1], x[:1])
    assert value == pytest.approx(case.value(targets[:1], x[:1].astype("float64")), rel=2e-5)
    assert np.isfinite(gradient).all()
    for there in (0 * x, x[:1] + 0 * x, np.repeat(x[:, :1], x.shape[1], axis=1)):
        value, gradient = value_and_gradient(case.make(), targets, there)
        assert np.isfinite([value, *gradient.ravel()]).all()
        wanted = case.value(targets, there.astype("float64"))
        assert value == pytest.approx(wanted, rel=2e-5, abs=1e-6)


@pytest.mark.slow
@every
def test_degenerate_batches_of_unknown_size_are_finite(case):
    targets, x = given(case)
    for size in (0, 1):
        some = targets[:size], x[:size].astype("float32")
        value, gradient = value_and_gradient(case.make(), *some, "graph")
        wanted = case.value(*some) if size else 0.0
        assert value == pytest.approx(wanted, rel=2e-5)
        assert np.isfinite(gradient).all()


@every
def test_large_embeddings_are_finite_where_the_formula_is(case):
    targets, x = given(case)
    value, gradient = value_and_gradient(case.make(), targets, (1e6 * x).astype("float32"))
    assert np.isfinite([value, *gradient.ravel()]).all()


@every
@pytest.mark.parametrize("half", ["float16", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_mixed_precision_computes_in_float32(case, half):
    targets, x = given(case)
    x = tf.cast(x, half)
    value, gradient = value_and_gradient(case.make(), targets, x)
    wanted = case.value(targets, tf.cast(x, "float64").numpy())
    assert value.dtype == np.float32
    assert value == pytest.approx(wanted, rel=2e-5)
    assert np.isfinite(gradient.astype("float32")).all()


@every
def test_float64_is_exact(case):
    targets, x = given(case)
    value, _ = value_and_gradient(case.make(dtype="float64"), targets, x)
    assert value == pytest.approx(case.value(targets, x), rel=1e-12)


@every
def test_what_is_not_finite_is_said(case):
    targets, x = given(case)
    x = x.astype("float32")
    wrong, there = targets.copy(), x.copy()
    wrong.reshape(-1)[0], there.reshape(-1)[0] = np.nan, np.inf
    how = {"eager": ValueError}
    if case.name in ("cosent", "distillation"):
        how["graph"] = tf.errors.InvalidArgumentError
    for name, error in how.items():
        with pytest.raises(error, match="Expected finite targets"):
            value_and_gradient(case.make(), wrong, x, name)
        with pytest.raises(error, match="Expected finite embeddings"):
            value_and_gradient(case.make(), targets, there, name)


@pytest.mark.parametrize("loss", [losses.CoSENTLoss(), losses.AngleLoss()])
def test_equal_scores_demand_nothing(loss):
    x = given(NAMED["cosent"])[1].astype("float32")
    value, gradient = value_and_gradient(loss, np.full(len(x), 0.3), x)
    assert value == 0.0
    assert not gradient.any()


def test_scores_are_compared_as_they_are():
    """Neither near floats nor large whole numbers become one."""
    x = given(NAMED["cosent"])[1].astype("float32")[:2]
    for low, high in ((0.1, 0.1 + 1e-12), (2**53, 2**53 + 1)):
        scores = np.array([low, high])
        for how in ("eager", "graph"):
            value, _ = value_and_gradient(losses.CoSENTLoss(), scores, x, how)
            assert value == pytest.approx(NAMED["cosent"].value([0, 1], x), rel=2e-5)


def test_many_pairs_take_a_block_of_rows_at_a_time(monkeypatch):
    monkeypatch.setattr(streaming.blocks, "_ROWS", 16)
    targets, x = given(NAMED["cosent"])
    for how in ("eager", "graph"):
        value, gradient = value_and_gradient(losses.CoSENTLoss(), targets, x.astype("float32"), how)
        assert value == pytest.approx(NAMED["cosent"].value(targets, x), rel=2e-5)
        slope = gradient_of(lambda x: NAMED["cosent"].value(targets, x), x)
        np.testing.assert_allclose(gradient, slope, atol=3e-5 * np.abs(slope).max())


def test_a_margin_has_three_forms():
    loss, (scores, x) = losses.MarginMSELoss(), given(NAMED["margin-mse"])
    x = x.astype("float32")
    margins = scores[:, :1] - scores[:, 1:]
    assert float(loss(margins, x)) == pytest.approx(float(loss(scores, x)), rel=1e-6)
    one = loss(margins[:, 0], x[:, :3])
    assert float(one) == pytest.approx(float(loss(scores[:, :2], x[:, :3])), rel=1e-6)


def test_a_training_on_scores_gives_the_order():
    """Two towers learn that like vectors have a high score."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 64, 4)).astype("float32")
    scores = left[:, 0] * right[:, 0]
    tower = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, use_bias=False)])
    model = models.two_tower(tower, tower)
    model.compile(keras.optimizers.Adam(0.1), loss=losses.CoSENTLoss())
    history = model.fit((left, right), scores, batch_size=32, epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]


def test_what_does_not_fit_is_said():
    x = np.zeros((3, 2, 4), "float32")
    with pytest.raises(ValueError, match="one score for each pair"):
        losses.CoSENTLoss()(np.zeros(2), x)
    with pytest.raises(ValueError, match="scores of shape"):
        losses.CoSENTLoss()(np.zeros((3, 2)), x)
    with pytest.raises(TypeError, match="y_true to be numbers"):
        losses.CoSENTLoss()(np.array(["a", "b", "c"]), x)
    with pytest.raises(ValueError, match="\\(batch, 2, dim\\) of both sides"):
        losses.CoSENTLoss()(SCORES[:3], x[:, 0])
    with pytest.raises(ValueError, match="\\(batch, 2, dim\\) of both sides"):
        losses.CosineRegressionLoss()(np.zeros(3), np.zeros((3, 3, 4)))
    with pytest.raises(ValueError, match="an even number of values"):
        losses.AngleLoss()(np.zeros(3), x[:, :, :3])
    with pytest.raises(ValueError, match="sample_weight of at least 0"):
        losses.CoSENTLoss()(np.arange(3), x, np.array([1.0, -1.0, 1.0]))
    with pytest.raises(ValueError, match="divide grades from 0 to 5 by 5"):
        losses.CosineRegressionLoss()(np.array([0, 5, 3]), x)
    with pytest.raises(ValueError, match="its 2 margins"):
        losses.MarginMSELoss()(np.zeros((3, 4)), np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match="its 2 margins"):
        losses.MarginMSELoss()(np.zeros(3), np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match="score of each candidate"):
        losses.DistillationLoss()(np.zeros((3, 4)), np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match="at least 2 candidates"):
        losses.DistillationLoss()(np.zeros((3, 1)), x)
    with pytest.raises(ValueError, match="as wide as the student's"):
        losses.EmbeddingMSELoss()(np.zeros((3, 5)), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="scale to be a number greater than 0"):
        losses.AngleLoss(scale=0)
    with pytest.raises(ValueError, match="similarity to be one of"):
        losses.DistillationLoss(similarity="euclidean")


@pytest.mark.slow
def test_the_same_on_jax():
    pytest.importorskip("jax")
    tests = Path(__file__).parents[1]
    paths = [str(tests), str(tests.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    environment |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [sys.executable, "-m", "support.graded"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    wrong = json.loads(result.stdout.splitlines()[-1])
    assert max(wrong.values()) < 5e-5, wrong
