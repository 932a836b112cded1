"""The weighted sum of losses, and the loss on truncated embeddings."""

import keras
import numpy as np
import pytest
from support import oracles
from support import oracles_two_views as penalties
from support.backends import value_and_gradient
from support.batches import DEGENERATE, DUPLICATES, ORDINARY
from support.loss_suite import gradient_of

import tfmetric as tm
from tfmetric.losses import (
    ContrastiveLoss,
    MatryoshkaLoss,
    Memory,
    SpreadOutRegularizer,
    WeightedSum,
)

WEIGHT = np.linspace(0.0, 2.0, 12).astype("float32")


def contrastive(labels, x, margin, reduction, weight=None):
    rows = oracles.contrastive_terms(labels, x, margin, 0.0, "all", "euclidean", 2)
    return oracles.reduce(rows, x, "euclidean", reduction, weight)[0]


def summed(reduction="sum_over_batch_size"):
    parts = [ContrastiveLoss(0.8, reduction=reduction), SpreadOutRegularizer(strength=2.0)]
    parts.append(ContrastiveLoss(2.0, reduction="mean_over_active"))
    return WeightedSum(parts, weights=[0.5, 0.25, 3.0])


def summed_oracle(labels, x, weight=None, reduction="sum_over_batch_size"):
    return (
        0.5 * contrastive(labels, x, 0.8, reduction, weight)
        + 0.5 * penalties.spread_out(x, labels)
        + 3.0 * contrastive(labels, x, 2.0, "mean_over_active", weight)
    )


def cut(reduction="sum_over_batch_size"):
    return MatryoshkaLoss(ContrastiveLoss(0.8, reduction=reduction), (2, 5), (1.0, 2.0))


def cut_oracle(labels, x, weight=None, reduction="sum_over_batch_size"):
    total = 0.0
    for dim, factor in ((2, 1.0), (5, 2.0)):
        short = np.array([penalties.unit(row[:dim]) for row in x])
        total += factor * contrastive(labels, short, 0.8, reduction, weight)
    return total / 3.0


CASES = {"sum": (summed, summed_oracle), "matryoshka": (cut, cut_oracle)}
each = pytest.mark.parametrize("name", CASES)


@each
@pytest.mark.parametrize(
    "mode", ["eager", pytest.param("xla-unknown-batch", marks=pytest.mark.slow)]
)
def test_value_and_gradient_equal_the_formula(name, mode):
    make, oracle = CASES[name]
    # A compilation takes seconds.
    for batch in ("lopsided", "int64-labels") if mode == "eager" else ("lopsided",):
        labels, x = ORDINARY[batch]
        value, gradient = value_and_gradient(make(), labels, x, mode)
        x64 = x.astype("float64")
        np.testing.assert_allclose(value, oracle(labels, x64), rtol=2e-5)
        wanted = gradient_of(lambda x, labels=labels: oracle(labels, x), x64)
        np.testing.assert_allclose(gradient, wanted, atol=1e-4 * np.abs(wanted).max())


@each
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_over_active", "sum", None])
def test_reductions_and_sample_weight_are_those_of_the_parts(name, reduction):
    make, oracle = CASES[name]
    labels, x = ORDINARY["lopsided"]
    for weight in (None, WEIGHT):
        value = make(reduction)(labels, x, weight)
        wanted = oracle(labels, x.astype("float64"), weight, reduction)
        np.testing.assert_allclose(value, wanted, rtol=5e-5)
        assert tuple(value.shape) == (() if reduction else (12,))


@each
def test_degenerate_batches_are_finite(name):
    make, oracle = CASES[name]
    for batch, (labels, x) in {**DEGENERATE, **DUPLICATES}.items():
        if batch in ("huge", "integers") or x.shape[1] < 5:
            x = np.repeat(x / max(np.abs(x).max(), 1.0), 3, axis=1)[:, :5].copy()
        value, gradient = value_and_gradient(make(), labels, x)
        wanted = oracle(labels, x.astype("float64"))
        np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-4, err_msg=batch)
        assert np.isfinite(gradient).all(), batch


@each
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(name, half):
    make, oracle = CASES[name]
    labels, x = ORDINARY["lopsided"]
    x = keras.ops.cast(x, half)
    value, gradient = value_and_gradient(make(), labels, x)
    rounded = keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")).astype("float64")
    assert value.dtype == "float32"
    np.testing.assert_allclose(value, oracle(labels, rounded), rtol=5e-5)
    assert np.isfinite(gradient.astype("float32")).all()


@each
def test_a_saved_model_keeps_the_parts(name, tmp_path):
    labels, x = ORDINARY["lopsided"]
    loss = CASES[name][0]()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(6)])
    model.compile("sgd", loss=loss)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == loss.get_config()
    np.testing.assert_allclose(loaded.loss(labels, loaded(x)), loss(labels, model(x)), rtol=1e-5)


def test_a_name_and_a_dtype_are_kept():
    for loss in (
        WeightedSum([tm.TripletLoss()], name="mine", dtype="float64"),
        MatryoshkaLoss(tm.TripletLoss(dtype="float64"), (2,), name="mine", dtype="float64"),
    ):
        again = type(loss).from_config(loss.get_config())
        assert (again.name, again.dtype) == ("mine", "float64")
        labels, x = ORDINARY["lopsided"]
        value = again(labels, x.astype("float64"))
        assert keras.backend.standardize_dtype(value.dtype) == "float64"


def test_regularisers_and_losses_of_keras_are_parts_too():
    _, x = ORDINARY["lopsided"]
    loss = WeightedSum([keras.regularizers.L2(0.1), keras.losses.MeanSquaredError()])
    target = x + 1.0
    # The regulariser over the batch size, as Keras does with the activity of a layer.
    np.testing.assert_allclose(loss(target, x), 0.1 * (x**2).sum() / 12 + 1.0, rtol=1e-5)


def test_a_memory_reaches_every_loss():
    """The first half against all examples is a batch that remembers the second half."""
    labels, x = ORDINARY["lopsided"]
    half = len(labels) // 2
    memory = Memory(labels[half:], x[half:], np.arange(len(labels) - half) > 0)
    loss = ContrastiveLoss(0.8)

    def alone(x):
        return float(loss(labels[:half], x[:half], memory=memory._replace(embeddings=x[half:])))

    both = MatryoshkaLoss(WeightedSum([loss, SpreadOutRegularizer()], [3.0, 0.0]), (2, 5))
    found = both(labels[:half], x[:half], memory=memory)
    cut = [np.array([penalties.unit(row[:dim]) for row in x], "float32") for dim in (2, 5)]
    np.testing.assert_allclose(found, 3.0 * np.mean([alone(x) for x in cut]), rtol=1e-5)
    with pytest.raises(ValueError, match="Expected losses on labels and embeddings beside a mem"):
        WeightedSum([keras.losses.MeanSquaredError()])(labels[:half], x[:half], memory=memory)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: WeightedSum([]), ValueError, "at least one loss"),
        (lambda: WeightedSum(["mse"]), TypeError, "Received: loss='mse'"),
        (lambda: WeightedSum([tm.TripletLoss()], [1, 2]), ValueError, "1 finite weights"),
        (lambda: WeightedSum([tm.TripletLoss()], [np.nan]), ValueError, "1 finite weights"),
        (lambda: MatryoshkaLoss("triplet"), TypeError, "Received: loss='triplet'"),
        (lambda: MatryoshkaLoss(tm.TripletLoss(), (8, 4)), ValueError, "dims to be ascending"),
        (lambda: MatryoshkaLoss(tm.TripletLoss(), ()), ValueError, "dims to be ascending"),
        (lambda: MatryoshkaLoss(tm.TripletLoss(), (2,), (0,)), ValueError, "one of them above 0"),
        (
            lambda: MatryoshkaLoss(tm.TripletLoss())(np.zeros(4), np.zeros((4, 32))),
            ValueError,
            "dim of at least 64",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
