import keras
import numpy as np
import pytest
from support import oracles
from support.batches import DEGENERATE, ORDINARY

from tfmetric.losses import ContrastiveLoss
from tfmetric.metrics import MiningStatistics


def by_hand(labels, x, margin):
    d = oracles.matrix("euclidean", x.astype("float64"))
    positives, negatives, active = [], [], []
    for a in range(len(x)):
        ps = [d[a, j] for j in range(len(x)) if labels[j] == labels[a] and j != a]
        ns = [d[a, j] for j in range(len(x)) if labels[j] != labels[a]]
        positives += [max(ps)] if ps else []
        negatives += [min(ns)] if ns else []
        active += [max(ps) - min(ns) + margin > 0] if ps and ns else []
    x = x.astype("float64")
    norms = np.linalg.norm(x, axis=1)
    spread = np.linalg.norm(x - x.mean(0), axis=1) if len(x) > 1 else norms
    return [np.mean(v) if len(v) else 0.0 for v in (positives, negatives, active, norms, spread)]


@pytest.mark.parametrize("name", [*ORDINARY, "no-positives", "no-negatives", "batch-of-one"])
def test_equals_the_figures_by_hand(name):
    labels, x = (ORDINARY | DEGENERATE)[name]
    metric = MiningStatistics(margin=0.3)
    metric.update_state(labels, x)
    found = [float(metric.result()[key]) for key in MiningStatistics.means]
    np.testing.assert_allclose(found, by_hand(labels, x, 0.3), rtol=1e-5)
    metric.reset_state()
    assert all(float(value) == 0 for value in metric.result().values())


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_fit(jit_compile):
    labels, x = ORDINARY["four-by-four"]
    model = keras.Sequential([keras.Input((x.shape[1],)), keras.layers.Dense(3)])
    model.compile(
        "sgd", loss=ContrastiveLoss(), metrics=[MiningStatistics()], jit_compile=jit_compile
    )
    before = by_hand(labels, np.asarray(model.predict(x, verbose=0)), 0.2)
    logs = model.fit(x, labels, batch_size=16, verbose=0).history
    np.testing.assert_allclose([logs[key][0] for key in MiningStatistics.means], before, rtol=1e-4)


def test_several_have_names_of_their_own():
    labels, x = ORDINARY["four-by-four"]
    metric = MiningStatistics(distance="cosine", name="cosine")
    metric.update_state(labels, x)
    assert set(metric.result()) == {f"cosine_{name}" for name in MiningStatistics.means}


def test_bad_input():
    with pytest.raises(ValueError, match=r"shape \(batch, dim\)"):
        MiningStatistics().update_state(np.zeros(4, int), np.zeros(4, "float32"))
    with pytest.raises(ValueError, match="one label for each embedding"):
        MiningStatistics().update_state(np.zeros(3, int), np.zeros((4, 2), "float32"))
