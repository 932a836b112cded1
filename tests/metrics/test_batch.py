import keras
import numpy as np
import pytest
from support import oracles
from support.batches import DEGENERATE, DUPLICATES, ORDINARY

from tfmetric.losses import ContrastiveLoss
from tfmetric.metrics import BatchRecallAtOne


def naive(labels, x, name):
    d = oracles.matrix(name, x.astype("float64"))
    hits = []
    for a in range(len(x)):
        same = [d[a, j] for j in range(len(x)) if j != a and labels[j] == labels[a]]
        other = [d[a, j] for j in range(len(x)) if labels[j] != labels[a]]
        if same:
            hits.append(min(same) < min(other, default=np.inf))
    return hits


@pytest.mark.parametrize("batch", [*ORDINARY, "no-positives", "no-negatives", "collapsed"])
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_equals_the_definition_and_accumulates(batch, distance):
    labels, x = (ORDINARY | DEGENERATE | DUPLICATES)[batch]
    metric = BatchRecallAtOne(distance)
    hits = naive(labels, x, distance)
    metric.update_state(labels, x)
    assert float(metric.result()) == pytest.approx(np.mean(hits) if hits else 0.0)
    more_labels, more = ORDINARY["four-by-four"]
    metric.update_state(more_labels, more)
    both = hits + naive(more_labels, more, distance)
    assert float(metric.result()) == pytest.approx(np.mean(both))
    metric.reset_state()
    assert float(metric.result()) == 0.0


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_fit(jit_compile):
    labels, x = ORDINARY["four-by-four"]
    model = keras.Sequential([keras.layers.Dense(3)])
    model.compile(
        "sgd", loss=ContrastiveLoss(), metrics=[BatchRecallAtOne()], jit_compile=jit_compile
    )
    history = model.fit(x, labels, batch_size=16, verbose=0, shuffle=False).history
    assert 0 <= history["batch_recall_at_1"][0] <= 1
