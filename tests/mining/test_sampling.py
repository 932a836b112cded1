"""Distance-weighted sampling: the density of the paper, and draws that follow it."""

import numpy as np
import pytest
from support.backends import MODES, value_and_gradient
from support.batches import DEGENERATE, ORDINARY

from tfmetric.losses import TripletLoss
from tfmetric.mining import drawn_negatives, number_below, sampling_sums, uniform


def weights(x, labels, a, cutoff=0.5):
    """min(1/q(cutoff), 1/q(d)) of the negatives of ``a``, in float64, by the paper."""
    x = x.astype("float64") / np.linalg.norm(x.astype("float64"), axis=1, keepdims=True)
    n = x.shape[1]

    def density(d):
        return d ** (n - 2) * (1 - d * d / 4) ** ((n - 3) / 2)

    found = []
    for j in range(len(x)):
        d = np.linalg.norm(x[a] - x[j])
        same = labels[a] == labels[j]
        found.append(0.0 if same else min(1 / density(cutoff), 1 / density(d)))
    return np.array(found)


def test_weights_are_those_of_the_paper():
    labels, x = ORDINARY["two-classes"]
    negatives = labels[:, None] != labels[None, :]
    sums = np.asarray(sampling_sums(x, x, negatives)).astype("float64")
    for example in range(len(x)):
        expected = weights(x, labels, example)
        ours = np.diff(sums[example], prepend=0.0)
        np.testing.assert_allclose(ours / ours.sum(), expected / expected.sum(), atol=1e-5)


def test_many_dimensions_and_near_or_opposite_points_stay_finite():
    x = np.zeros((4, 512), "float32")
    x[:, 0] = [1, 1, -1, 1]
    x[3, 1] = 1e-3
    sums = np.asarray(sampling_sums(x, x, ~np.eye(4, dtype=bool)))
    assert np.isfinite(sums).all()
    assert (sums[:, -1] > 0).all()


def test_draws_are_even_and_a_function_of_the_batch():
    rng = np.random.default_rng(0)
    place = np.tile(np.arange(50, dtype="int32"), (40, 1))
    drawn = []
    for _ in range(20):
        x = rng.normal(size=(40, 3)).astype("float32")
        drawn.append(np.asarray(uniform(x, x, place)))
        np.testing.assert_array_equal(uniform(x, x, place), drawn[-1])
    drawn = np.stack(drawn)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.histogram(drawn, 20, (0, 1))[0]
    # 40,000 draws: chi-square with 19 degrees of freedom, 43.8 at one in a thousand.
    assert ((counts - 2000) ** 2 / 2000).sum() < 43.8
    for axis in (0, 1, 2):
        flat = np.moveaxis(drawn, axis, 0).reshape(drawn.shape[axis], -1)
        neighbours = np.corrcoef(flat[:-1].ravel(), flat[1:].ravel())[0, 1]
        assert abs(neighbours) < 0.02


def test_negatives_are_drawn_as_often_as_they_weigh():
    """A batch of one anchor and its twin against 12 negatives, at another scale each time."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(14, 4)).astype("float32")
    labels = np.array([0, 0, *range(1, 13)])
    negatives = labels[:, None] != labels[None, :]
    expected = weights(x, labels, 0)
    expected = expected / expected.sum()
    sums = np.asarray(sampling_sums(x, x, negatives))[:1]
    drawn = []
    for _ in range(600):
        moved = x * np.float32(1 + rng.random())
        drawn.append(np.asarray(uniform(moved, moved, np.ones((14, 1), "int32")))[0])
    part = sums[:, -1:] * np.reshape(drawn, (1, 600))
    chosen = np.asarray(number_below(sums, part, or_equal=True))[0]
    counts = np.bincount(chosen, minlength=14)
    likely = expected > 0
    assert counts[~likely].sum() == 0
    chi = ((counts - 600 * expected) ** 2 / (600 * expected + 1e-9))[likely].sum()
    assert chi < 31.3  # 11 degrees of freedom at one in a thousand.


def test_each_anchor_has_its_own_number_of_draws():
    labels, x = ORDINARY["lopsided"]
    negatives = labels[:, None] != labels[None, :]
    number = np.arange(len(x), dtype="int32") % 5
    counts = np.asarray(drawn_negatives(x, x, negatives, number))
    np.testing.assert_array_equal(counts.sum(axis=1), np.where(negatives.any(axis=1), number, 0))
    assert not counts[~negatives].any()


@pytest.mark.parametrize("mode", MODES)
def test_loss_is_that_of_some_negative_of_each_positive(mode):
    labels, x = ORDINARY["lopsided"]
    loss = TripletLoss(0.5, "distance-weighted", reduction=None)
    values, gradient = value_and_gradient(loss, labels, x, mode)
    d = np.linalg.norm(x[:, None].astype("float64") - x[None], axis=-1)
    for a, value in enumerate(values):
        ps = [j for j in range(len(x)) if labels[j] == labels[a] and j != a]
        ns = [j for j in range(len(x)) if labels[j] != labels[a]]
        terms = [[max(0.0, d[a, p] - d[a, n] + 0.5) for n in ns] for p in ps]
        low = np.mean([min(row) for row in terms]) if ps else 0.0
        high = np.mean([max(row) for row in terms]) if ps else 0.0
        assert low - 1e-5 <= value <= high + 1e-5
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_batches(name):
    value, gradient = value_and_gradient(TripletLoss(0.2, "distance-weighted"), *DEGENERATE[name])
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
