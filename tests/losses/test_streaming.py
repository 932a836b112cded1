"""Losses strip by strip, with several strips, against whole rows of the matrix."""

import keras
import numpy as np
import pytest
from support.backends import step_of, value_and_gradient

from tfmetric import losses
from tfmetric.losses import PairLoss
from tfmetric.losses.streaming import blocks, layout

LOSSES = {
    "contrastive": losses.ContrastiveLoss(1.2),
    "contrastive-balanced": losses.ContrastiveLoss(1.2, power=1, balanced=True),
    "contrastive-of-cosines": losses.ContrastiveLoss(0.9, distance="cosine"),
    "ntxent": losses.NTXentLoss(),
    "ntxent-sharp": losses.NTXentLoss(0.001),
    "ntxent-euclidean": losses.NTXentLoss(0.1, distance="euclidean"),
    "sup-con": losses.SupConLoss(),
    "n-pairs": losses.NPairsLoss(),
    "ranking": losses.MultipleNegativesRankingLoss(),
    "multi-similarity": losses.MultiSimilarityLoss(),
    "multi-similarity-of-squares": losses.MultiSimilarityLoss(distance="squared_euclidean"),
    "multi-similarity-of-all": losses.MultiSimilarityLoss(epsilon=None),
    "circle": losses.CircleLoss(),
    "circle-mild": losses.CircleLoss(0.4, 80.0),
    "lifted-structure": losses.LiftedStructureLoss(),
    "soft-nearest-neighbor": losses.SoftNearestNeighborLoss(0.1),
    "nca": losses.NCALoss(0.1),
    "tuplet-margin": losses.TupletMarginLoss(),
    "ranked-list": losses.RankedListLoss(),
    "ranked-list-sharp": losses.RankedListLoss(temperature=100.0),
    "margin": losses.MarginLoss(mining="all"),
}
each_loss = pytest.mark.parametrize("name", LOSSES)


def batch(size=150, each=4, dim=16):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(size) // each)
    x = rng.normal(size=(size, dim)) + 2 * rng.normal(size=(size, dim))[labels]
    return labels, (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("float32")


@pytest.fixture
def held(monkeypatch):
    """Makes the loss of a batch from whole rows, computed at once."""

    def of(loss, labels, x, **arguments):
        with monkeypatch.context() as patched:
            patched.setattr(PairLoss, "streams", lambda self: False)
            patched.setattr(blocks, "_ROWS", 2**30)
            return value_and_gradient(loss, labels, x, **arguments)

    return of


@pytest.fixture
def many_strips(monkeypatch):
    monkeypatch.setattr(layout, "_STRIP", 380)


def close(found, wanted):
    np.testing.assert_allclose(found[0], wanted[0], rtol=2e-5, atol=1e-6)
    scale = max(np.abs(wanted[1]).max(), 1e-3)
    np.testing.assert_allclose(found[1] / scale, wanted[1] / scale, atol=5e-5)


@each_loss
def test_many_strips_are_the_whole_matrix(name, many_strips, held):
    loss, given = LOSSES[name], batch()
    close(value_and_gradient(loss, *given), held(loss, *given))


LOOPED = ("circle", "contrastive")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in LOOPED else pytest.mark.slow) for name in LOSSES],
)
def test_in_a_loop_of_unknown_length(name, many_strips, held, monkeypatch):
    monkeypatch.setattr(layout, "_WRITTEN_OUT", 0)
    loss = LOSSES[name]
    step = step_of(loss, *batch(), "graph-unknown-batch")
    for size in (150, 67, 5):
        close(step(*batch(size)), held(loss, *batch(size)))


@pytest.mark.slow
@each_loss
@pytest.mark.parametrize("mode", ["xla", "xla-unknown-batch"])
def test_compiled_by_xla(name, mode, many_strips, held):
    loss, given = LOSSES[name], batch(90)
    close(value_and_gradient(loss, *given, mode), held(loss, *given))


@each_loss
def test_against_a_memory(name, many_strips, held):
    loss, (labels, x) = LOSSES[name], batch()
    others = [keras.ops.convert_to_tensor(each[:50]) for each in (labels, x)]
    valid = keras.ops.convert_to_tensor(np.arange(50) % 7 != 3)
    memory = losses.Memory(*others, valid)

    def with_memory(labels, x, weight):
        return loss(labels, x, weight, memory=memory)

    given = labels[50:], x[50:]
    close(value_and_gradient(with_memory, *given), held(with_memory, *given))


@each_loss
def test_large_classes_take_whole_rows(name, many_strips, held, monkeypatch):
    loss, given = LOSSES[name], batch(80, 40)
    wanted = held(loss, *given)
    monkeypatch.setattr(blocks, "_ROWS", 2000)
    close(value_and_gradient(loss, *given), wanted)
