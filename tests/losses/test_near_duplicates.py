"""Positives that have come close: where a matrix product of norms would leave only rounding."""

import numpy as np
import pytest
from support import oracles
from support.backends import value_and_gradient

from tfmetric.losses import ContrastiveLoss, TripletLoss
from tfmetric.mining import resolve


def batch(apart, norm=1.0, classes=6, each=3, dim=32):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(classes, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    x = np.repeat(centres, each, axis=0)
    x += apart * rng.normal(size=x.shape) / np.sqrt(dim)
    return np.repeat(np.arange(classes), each), (norm * x).astype("float32")


def check(loss, rows, labels, x, reduction, choice_is_clear=True):
    value, gradient = value_and_gradient(loss, labels, x)
    expected, slope = oracles.reduce(rows, x.astype("float64"), "euclidean", reduction)
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    if choice_is_clear:
        assert np.abs(gradient - slope).max() < 1e-3 * np.abs(slope).max()


@pytest.mark.parametrize("apart", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("norm", [1.0, 173.0])
@pytest.mark.parametrize("mining", ["hard", "semi-hard", "all", ("all", "hard")], ids=str)
def test_triplet(apart, norm, mining):
    labels, x = batch(apart, norm)
    rows = oracles.triplet_terms(
        labels, x.astype("float64"), 2.0 * norm, *resolve(mining), "euclidean"
    )
    reduction = "mean_over_active" if mining == "all" else "sum_over_batch_size"
    # Which of two positives is the furthest is free where they differ by less than rounding.
    choice_is_clear = mining != "hard" or apart > 5e-3
    check(TripletLoss(2.0 * norm, mining), rows, labels, x, reduction, choice_is_clear)


@pytest.mark.parametrize("apart", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("power", [1, 2])
def test_contrastive(apart, power):
    labels, x = batch(apart)
    rows = oracles.contrastive_terms(
        labels, x.astype("float64"), 0.5, 0.0, "all", "euclidean", power
    )
    check(ContrastiveLoss(0.5, power=power), rows, labels, x, "mean_over_active")


@pytest.mark.parametrize("place", [0, 3, 17])
@pytest.mark.parametrize("mining", ["hard", "semi-hard", "all"])
def test_one_far_outlier_leaves_the_others_as_they_are(place, mining):
    """Distances are taken around some embedding: never around the outlier."""
    rng = np.random.default_rng(0)
    labels = np.arange(32) % 8
    x = rng.normal(size=(32, 16))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x[place] *= 1000
    x = x.astype("float32")
    rows = oracles.triplet_terms(labels, x.astype("float64"), 0.2, *resolve(mining), "euclidean")
    values, _ = value_and_gradient(TripletLoss(0.2, mining, reduction=None), labels, x)
    expected, _ = oracles.reduce(rows, x.astype("float64"), "euclidean", None)
    others = np.arange(32) != place
    np.testing.assert_allclose(values[others], expected[others], rtol=1e-3, atol=1e-3)


def test_the_sum_of_a_half_precision_batch_does_not_overflow():
    x = 100 * np.random.default_rng(0).normal(size=(512, 8)).astype("float32")
    loss = TripletLoss(400.0, dtype="float16")(np.arange(512) % 64, x)
    assert np.isfinite(float(loss))
