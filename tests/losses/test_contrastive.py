import numpy as np
import pytest
from support import oracles
from support.backends import COMPILED_ONCE, step_of, value_and_gradient
from support.batches import DEGENERATE, DUPLICATES, ORDINARY

from tfmetric.losses import ContrastiveLoss, SiameseContrastiveLoss


def compare(batch, **arguments):
    compare_each([batch], **arguments)


def compare_each(batches, mode="eager", weight=None, rtol=1e-5, **arguments):
    """One step, on each of the batches."""
    settings = {
        "margin": 1.0,
        "positive_margin": 0.0,
        "mining": "all",
        "distance": "euclidean",
        "power": 2,
        "reduction": "auto",
    } | arguments
    step = step_of(ContrastiveLoss(**settings), *batches[0], mode, weight)
    reduction = settings.pop("reduction")
    if reduction == "auto":
        reduction = "mean_over_active" if settings["mining"] == "all" else "sum_over_batch_size"
    name = settings.pop("distance")
    for labels, x in batches:
        value, gradient = step(labels, x)
        x64 = x.astype("float64")
        rows = oracles.contrastive_terms(labels, x64, name=name, **settings)
        expected_value, expected_gradient = oracles.reduce(rows, x64, name, reduction, weight)
        np.testing.assert_allclose(value, expected_value, rtol=rtol, atol=1e-6)
        scale = max(np.abs(expected_gradient).max(), 1e-3)
        np.testing.assert_allclose(gradient / scale, expected_gradient / scale, atol=2 * rtol)


@pytest.mark.parametrize("name", ORDINARY)
@pytest.mark.parametrize("mining", ["all", "hard"])
@pytest.mark.parametrize("power", [1, 2, 3])
def test_equals_the_formula(name, mining, power):
    compare(ORDINARY[name], mining=mining, power=power)
    compare(ORDINARY[name], mining=mining, power=power, margin=2.5, positive_margin=0.7)


@pytest.mark.parametrize("name", [name for name in DEGENERATE if name != "huge"])
@pytest.mark.parametrize("mining", ["all", "hard"])
def test_degenerate_batches_equal_the_formula(name, mining):
    compare(DEGENERATE[name], mining=mining)


def test_finite_where_only_the_square_would_overflow():
    compare(DEGENERATE["huge"], mining="all", power=1)
    compare(DEGENERATE["huge"], mining="hard", power=1)


@pytest.mark.parametrize("distance", oracles.OF_REALS)
@pytest.mark.parametrize("mining", ["all", "hard"])
def test_every_distance_equals_the_formula(distance, mining):
    compare(ORDINARY["lopsided"], distance=distance, mining=mining, margin=1.5)
    compare(DEGENERATE["zero-vectors"], distance=distance, mining=mining, margin=1.5)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_over_active", "sum", None])
@pytest.mark.parametrize("mining", ["all", "hard"])
def test_reductions_and_sample_weight_equal_the_formula(reduction, mining):
    labels, _ = batch = ORDINARY["lopsided"]
    weight = np.linspace(0.0, 2.0, len(labels)).astype("float32")
    compare(batch, mining=mining, reduction=reduction)
    compare(batch, mining=mining, reduction=reduction, weight=weight)


@pytest.mark.parametrize("mode", COMPILED_ONCE)
@pytest.mark.parametrize("mining", ["all", "hard"])
def test_compiled_equals_the_formula(mode, mining):
    degenerate = DEGENERATE["lone-classes"], DEGENERATE["batch-of-one"]
    compare_each([ORDINARY["int64-labels"], *degenerate], mining=mining, mode=mode)


@pytest.mark.parametrize("name", DUPLICATES)
def test_duplicates_have_a_finite_gradient(name):
    labels, x = DUPLICATES[name]
    for mining in ("all", "hard"):
        _, gradient = value_and_gradient(ContrastiveLoss(mining=mining), labels, x)
        assert np.isfinite(gradient).all()
        if name != "duplicates":
            np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": -1}, "Received: margin=-1"),
        ({"margin": None}, "Expected margin to be a number of at least 0. Received: margin=None"),
        ({"positive_margin": -1}, "Received: positive_margin=-1"),
        ({"mining": "semi-hard"}, "one of all, hard. Received: mining='semi-hard'"),
        ({"power": 0.5}, "Received: power=0.5"),
        ({"distance": "l2"}, "Received: distance='l2'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ContrastiveLoss(**arguments)


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", None])
def test_siamese_contrastive(shape, reduction):
    y = np.array([1, 0, 1, 0, 0])
    d = np.array([0.0, 0.3, 0.8, 1.0, 4.0], "float32")
    values = y * d**2 + (1 - y) * np.maximum(0, 1 - d) ** 2
    expected = {"sum_over_batch_size": values.mean(), "sum": values.sum(), None: values}[reduction]
    loss = SiameseContrastiveLoss(margin=1.0, reduction=reduction)
    np.testing.assert_allclose(loss(y.reshape(shape), d), expected, rtol=1e-6)
    np.testing.assert_allclose(loss(y, d.reshape(shape)), expected, rtol=1e-6)


def test_siamese_contrastive_bad_shapes():
    loss = SiameseContrastiveLoss()
    with pytest.raises(ValueError, match=r"y_pred of shape \(batch,\)"):
        loss(np.zeros(4), np.zeros((4, 2), "float32"))
    with pytest.raises(ValueError, match="one label for each distance"):
        loss(np.zeros(3), np.zeros(4, "float32"))
    with pytest.raises(ValueError, match="Received: margin=-1"):
        SiameseContrastiveLoss(margin=-1)
