"""The pair and triplet metrics: definitions, epochs, and every way a step may be compiled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from support import oracles
from support.batches import DEGENERATE, DUPLICATES, ORDINARY

from tfmetric.losses import ContrastiveLoss
from tfmetric.metrics import (
    ActiveTripletFraction,
    BatchRecallAtOne,
    DistanceGap,
    MeanNegativeDistance,
    MeanPositiveDistance,
    MiningStatistics,
)

BATCHES = ORDINARY | {
    name: (DEGENERATE | DUPLICATES)[name]
    for name in ("no-positives", "no-negatives", "batch-of-one", "integers", "collapsed")
}


def pairs(labels, x, name, weights=None):
    """Distances and weights of positive and of negative pairs, one pair at a time."""
    d = oracles.matrix(name, x.astype("float64"))
    found = {True: ([], []), False: ([], [])}
    for a in range(len(x)):
        for j in range(len(x)):
            if a != j:
                values, weight = found[bool(labels[a] == labels[j])]
                values.append(d[a, j])
                weight.append(1.0 if weights is None else weights[a])
    return found


def mean(values, weights):
    return np.average(values, weights=weights) if np.sum(weights) > 0 else 0.0


def naive(labels, x, name, weights=None):
    found = pairs(labels, x, name, weights)
    positive, negative = mean(*found[True]), mean(*found[False])
    gap = negative - positive if found[True][0] and found[False][0] else 0.0
    return positive, negative, gap


def naive_active(labels, x, name, margin, mining):
    d = oracles.matrix(name, x.astype("float64"))
    active = []
    for a in range(len(x)):
        p = [d[a, j] for j in range(len(x)) if j != a and labels[j] == labels[a]]
        n = [d[a, j] for j in range(len(x)) if labels[j] != labels[a]]
        if p and n and mining == "hard":
            p, n = [max(p)], [min(n)]
        active += [one - other + margin > 1e-9 for one in p for other in n]
    return np.mean(active) if active else 0.0


def metrics(distance):
    return [cls(distance) for cls in (MeanPositiveDistance, MeanNegativeDistance, DistanceGap)]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_distances_equal_the_definition_accumulate_and_reset(batch, distance):
    labels, x = BATCHES[batch]
    more_labels, more = ORDINARY["four-by-four"]
    for place, metric in enumerate(metrics(distance)):
        metric.update_state(labels[:, None], x)
        want = naive(labels, x, distance)[place]
        np.testing.assert_allclose(float(metric.result()), want, rtol=1e-5, atol=1e-5)
        metric.update_state(more_labels, more)
        one, two = pairs(labels, x, distance), pairs(more_labels, more, distance)
        both = {s: one[s][0] + two[s][0] for s in one}
        means = np.mean(both[True]), np.mean(both[False])
        want = (*means, means[1] - means[0])[place]
        np.testing.assert_allclose(float(metric.result()), want, rtol=1e-5, atol=1e-5)
        metric.reset_state()
        assert float(metric.result()) == 0.0


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("mining", ["hard", "all"])
def test_active_fraction_equals_the_definition(batch, mining):
    labels, x = BATCHES[batch]
    metric = ActiveTripletFraction(0.3, mining)
    metric.update_state(labels, x)
    want = naive_active(labels, x, "euclidean", 0.3, mining)
    assert float(metric.result()) == pytest.approx(want, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_weights_are_those_of_the_anchors():
    labels, x = ORDINARY["lopsided"]
    weights = np.random.default_rng(0).random(len(x))
    weights[3] = 0
    for place, metric in enumerate(metrics("euclidean")):
        metric.update_state(labels, x, weights[:, None])
        want = naive(labels, x, "euclidean", weights)[place]
        assert float(metric.result()) == pytest.approx(want, rel=1e-5)


def test_arguments_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="margin to be a number of at least 0"):
        ActiveTripletFraction(margin=None)
    with pytest.raises(ValueError, match="mining to be one of"):
        ActiveTripletFraction(mining="best")
    with pytest.raises(ValueError, match="distance to be one of"):
        DistanceGap("far")


def model_of(x, labels, **compiled):
    model = keras.Sequential([keras.layers.Dense(3, dtype=compiled.pop("dtype", None))])
    # A loss that compiles fast: the metrics are what is looked at.
    model.compile(
        "sgd", loss=ContrastiveLoss(), metrics=[*metrics("euclidean"), every()], **compiled
    )
    history = model.fit(x, labels, batch_size=8, epochs=2, verbose=0, shuffle=False).history
    return model, history


def every():
    return ActiveTripletFraction(0.3, "all")


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"jit_compile": True, "dtype": "mixed_float16"}, marks=pytest.mark.slow),
        {"jit_compile": False},
    ],
)
def test_in_fit_each_epoch_starts_afresh(how):
    x = np.random.default_rng(0).normal(size=(16, 5)).astype("float32")
    labels = np.arange(16, dtype="int64") % 3 + 2**40
    model, history = model_of(x, labels, **how)
    names = ["mean_positive_distance", "mean_negative_distance", "distance_gap"]
    got = model.evaluate(x, labels, batch_size=8, verbose=0, return_dict=True)
    y = np.asarray(model(x)).astype("float32")
    parts = [(labels[i : i + 8], y[i : i + 8]) for i in (0, 8)]
    found = [pairs(*part, "euclidean") for part in parts]
    want = [np.mean([v for f in found for v in f[s][0]]) for s in (True, False)]
    want.append(want[1] - want[0])
    for name, value in zip(names, want, strict=True):
        assert got[name] == pytest.approx(value, rel=5e-3, abs=5e-3)
        assert len(history[name]) == 2
    assert 0 < got["active_triplet_fraction"] <= 1


SETTING = """
import json, sys
import numpy as np, keras, tfmetric as tm

x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
labels = np.arange(16) % 3
m = tm.metrics
def metrics():
    return [m.MeanPositiveDistance(), m.MeanNegativeDistance(), m.DistanceGap(),
            m.ActiveTripletFraction(0.3, "all"), m.BatchRecallAtOne(), m.MiningStatistics(0.3)]
def evaluated():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Identity()])
    model.compile(loss=tm.losses.ContrastiveLoss(), metrics=metrics())
    return model
"""
UNDER_JAX = """
sys.modules["tensorflow"] = None
model = evaluated()
model.evaluate(x, labels, batch_size=8, verbose=0)
print(json.dumps(model.evaluate(x, labels, batch_size=8, verbose=0, return_dict=True)))
"""
TWO_REPLICAS = """
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    model = evaluated()
model.evaluate(x, labels, batch_size=16, verbose=0)
print(json.dumps(model.evaluate(x, labels, batch_size=16, verbose=0, return_dict=True)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["jax", "two replicas"])
def test_elsewhere(how):
    """On JAX, and on two replicas, each of which sees one of the two batches of 8."""
    if how == "jax":
        pytest.importorskip("jax", reason="jax is not installed")
    environment = {"KERAS_BACKEND": "jax" if how == "jax" else "tensorflow", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", SETTING + (UNDER_JAX if how == "jax" else TWO_REPLICAS)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    got = json.loads(done.stdout.splitlines()[-1])
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    labels = np.arange(16) % 3
    found = [pairs(labels[i : i + 8], x[i : i + 8], "euclidean") for i in (0, 8)]
    positive, negative = (np.mean([v for f in found for v in f[s][0]]) for s in (True, False))
    assert got["mean_positive_distance"] == pytest.approx(positive, rel=1e-5)
    assert got["mean_negative_distance"] == pytest.approx(negative, rel=1e-5)
    assert got["distance_gap"] == pytest.approx(negative - positive, rel=1e-4)
    for metric in (every(), BatchRecallAtOne(), MiningStatistics(0.3)):
        for i in (0, 8):
            metric.update_state(labels[i : i + 8], x[i : i + 8])
        result = metric.result()
        for name, value in (result if isinstance(result, dict) else {metric.name: result}).items():
            assert got[name] == pytest.approx(float(value), rel=1e-5)
