"""Evaluation by the distances that are computed by their own Keras functions."""

import numpy as np
import pytest
from support import oracles
from support.retrieval import oracle

from tfmetric.evaluation import health, retrieval, verification

NAMES = ("hamming", "jaccard", "snr")


def _data(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 12)) if name == "snr" else rng.integers(0, 2, (40, 12))
    return x.astype("float32"), rng.integers(0, 5, 40)


@pytest.mark.parametrize("name", NAMES)
def test_retrieval(name):
    x, labels = _data(name)
    got = retrieval(x, labels, distance=name, ks=(1, 5)).figures()
    want, _ = oracle(x, labels, distance=name, ks=(1, 5))
    assert got == pytest.approx(want)


@pytest.mark.parametrize("name", NAMES)
def test_pairs(name):
    x, labels = _data(name)
    left, right = np.arange(20), np.arange(20, 40)
    pairs = left, right, labels[left] == labels[right]
    result = verification(x, pairs=pairs, distance=name)
    assert result.distance == name
    exact = [oracles.distance(name, x[i].astype(float), x[i + 20].astype(float)) for i in left]
    same = labels[left] == labels[right]
    wins = [
        (a < b) + 0.5 * (a == b) for a in np.float32(exact)[same] for b in np.float32(exact)[~same]
    ]
    assert result.auc == pytest.approx(np.mean(wins))


@pytest.mark.parametrize("name", NAMES)
def test_health(name):
    x, labels = _data(name)
    assert health(x, labels, distance=name).distance == name
