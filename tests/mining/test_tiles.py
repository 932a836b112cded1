"""Many small tiles find what one finds: the loss tests have batches of a single tile only."""

import numpy as np
import pytest
from support import oracles
from support.backends import COMPILED, value_and_gradient
from support.batches import DEGENERATE, DUPLICATES, ORDINARY

from tfmetric import distances
from tfmetric.losses import TripletLoss
from tfmetric.mining import choice

STRATEGIES = [
    (p, n)
    for p in ("easy", "hard", "semi-hard")
    for n in ("easy", "hard", "semi-hard")
    if (p, n) != ("semi-hard", "semi-hard")
]


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(choice, "_TILE", 4)
    monkeypatch.setattr(choice, "_TILE_IF_UNKNOWN", 4)
    monkeypatch.setattr(choice, "_BLOCK", 2)


def compare(batch, pair, mode="eager", distance="euclidean"):
    labels, x = batch
    value, gradient = value_and_gradient(TripletLoss(0.5, pair, distance), labels, x, mode)
    x64 = x.astype("float64")
    rows = oracles.triplet_terms(labels, x64, 0.5, *pair, distance)
    expected, slope = oracles.reduce(rows, x64, distance, "sum_over_batch_size")
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    scale = max(np.abs(slope).max(), 1e-3)
    np.testing.assert_allclose(gradient / scale, slope / scale, atol=2e-5)


@pytest.mark.parametrize("pair", STRATEGIES, ids="/".join)
def test_every_strategy(pair):
    compare(ORDINARY["lopsided"], pair)


@pytest.mark.parametrize("name", [name for name in ORDINARY if name != "lopsided"])
@pytest.mark.parametrize("pair", [("hard", "hard"), ("semi-hard", "easy")], ids="/".join)
def test_ordinary(name, pair):
    compare(ORDINARY[name], pair)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ORDINARY if name != "lopsided"])
@pytest.mark.parametrize("pair", STRATEGIES, ids="/".join)
def test_ordinary_with_every_strategy(name, pair):
    compare(ORDINARY[name], pair)


@pytest.mark.parametrize("name", [*DEGENERATE, "shuffled"])
@pytest.mark.parametrize("pair", [("hard", "hard"), ("easy", "semi-hard")], ids="/".join)
def test_degenerate(pair, name):
    labels, x = ORDINARY["four-by-four"]
    shuffled = np.random.default_rng(0).permutation(len(x))
    compare((DEGENERATE | {"shuffled": (labels[shuffled], x[shuffled])})[name], pair)


@pytest.mark.parametrize("mode", COMPILED)
@pytest.mark.parametrize("pair", [("hard", "hard"), ("semi-hard", "easy")], ids="/".join)
def test_compiled(mode, pair):
    compare(ORDINARY["lopsided"], pair, mode)


@pytest.mark.parametrize("distance", oracles.OF_REALS)
def test_every_distance(distance):
    compare(ORDINARY["lopsided"], ("hard", "hard"), distance=distance)
    compare(ORDINARY["lopsided"], ("hard", "semi-hard"), distance=distance)


@pytest.mark.parametrize("name", DUPLICATES)
def test_duplicates(name):
    labels, x = DUPLICATES[name]
    value, _ = value_and_gradient(TripletLoss(0.5), labels, x)
    rows = oracles.triplet_terms(labels, x.astype("float64"), 0.5, "hard", "hard", "euclidean")
    expected, _ = oracles.reduce(rows, x.astype("float64"), "euclidean", "sum_over_batch_size")
    np.testing.assert_allclose(value, expected, rtol=1e-3)


def test_a_batch_of_several_tiles_of_the_true_size(monkeypatch):
    monkeypatch.undo()
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(1500), 3))
    x = rng.normal(size=(len(labels), 16)).astype("float32")
    found = choice.one_triplet(labels, x, distances.get("euclidean"), "hard", "hard")
    squares = (x.astype("float64") ** 2).sum(-1)
    d = squares[:, None] + squares - 2 * x.astype("float64") @ x.T.astype("float64")
    same = labels[:, None] == labels[None]
    np.fill_diagonal(d, -1.0)
    np.testing.assert_array_equal(found[0].index, np.where(same, d, -1).argmax(1))
    np.testing.assert_array_equal(found[1].index, np.where(same, np.inf, d).argmin(1))
