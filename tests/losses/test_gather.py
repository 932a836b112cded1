"""Losses across devices: on two replicas, or two JAX devices, what one device says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SETTING = """
import json, sys
import numpy as np, keras, tfmetric as tm

# On the first six only one class repeats: what is valid is spread unevenly.
labels = np.array([0, 0, 0, 7, 1, 2, 1, 2, 8, 8, 0, 1])
x = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
weight = np.linspace(0.5, 2, 12).astype("float32")

class MeanTo(tm.losses.PairLoss):
    def pair_terms(self, matrix, positives, negatives):
        return tm.losses.base.gather_terms(matrix + 0.5, positives)

def trained(loss):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.1), loss=loss)
    history = model.fit(x, labels, sample_weight=weight, batch_size=12, epochs=2, shuffle=False,
                        verbose=0).history["loss"]
    return [*history, *(float(v) for w in model.get_weights() for v in w.ravel())]

def fit(**arguments):
    return trained(tm.losses.TripletLoss(0.7, "hard", warmup=True, **arguments))
"""
TWO_REPLICAS = """
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def cases(**arguments):
    reductions = ("sum_over_batch_size", "mean_over_active", "sum", None)
    arguments = [{"reduction": r, **arguments} for r in reductions]
    return (
        [tm.losses.ContrastiveLoss(1.5, **a) for a in arguments]
        + [tm.losses.TripletLoss(0.7, "distance-weighted", **arguments[0])]
        + [MeanTo("euclidean", **arguments[0])]
    )

def step(losses):
    def step(labels, x, weight):
        found = []
        for loss in losses:
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = loss(labels, x, weight)
            found.append((value, tf.convert_to_tensor(tape.gradient(value, x))))
        return found
    return step

def replicas(cut, compiled):
    parts = slice(0, cut), slice(cut, 12)
    arguments = [
        strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(a[parts[context.replica_id_in_sync_group]]))
        for a in (labels + 2**40, x, weight)
    ]
    losses = cases(gather="global") if compiled else cases(gather="global")[1:2]
    run = lambda *a: strategy.run(step(losses), args=a)
    return (tf.function(run) if compiled else run)(*arguments)

def local(value):
    return [v.numpy() for v in strategy.experimental_local_results(value)]

wanted = step(cases())(*map(tf.constant, (labels, x, weight)))
worst = {}
for cut, compiled in ((4, True), (6, False)):
    far = 0
    for (value, gradient), (value_one, gradient_one), loss in zip(
        replicas(cut, compiled), *((wanted, cases()) if compiled else (wanted[1:2], cases()[1:2]))
    ):
        value, gradient = local(value), np.concatenate(local(gradient))
        if loss.reduction is None:
            value = np.concatenate(value)
        else:
            assert value[0] == value[1]
            value = value[0] + value[1]
        far = max(far, np.abs(value / value_one - 1).max(), np.abs(gradient - gradient_one).max())
    worst[f"{cut}/{compiled}"] = float(far)
one = fit()
with strategy.scope():
    both = fit(gather="global")
apart = float(np.abs(np.subtract(both, one)).max())
print(json.dumps({"worst": worst, "apart": apart}))
"""
TWO_JAX_DEVICES = """
import jax

one = fit()
devices = keras.distribution.list_devices()
assert len(devices) == 2 == jax.device_count()
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
print(json.dumps({"apart": float(np.abs(np.subtract(fit(gather="global"), one)).max())}))
"""


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", SETTING + code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_global_gathering_on_two_replicas_is_one_device():
    """Each reduction, sample weights, even and uneven shards, in a graph and not, and in fit."""
    found = run(TWO_REPLICAS, KERAS_BACKEND="tensorflow")
    assert max(found["worst"].values()) < 2e-5, found
    assert found["apart"] < 1e-5


def test_a_batch_spread_over_two_jax_devices_is_one_batch():
    pytest.importorskip("jax", reason="jax is not installed")
    flags = "--xla_force_host_platform_device_count=2"
    found = run(TWO_JAX_DEVICES, KERAS_BACKEND="jax", JAX_PLATFORMS="cpu", XLA_FLAGS=flags)
    assert found["apart"] < 1e-5
