"""A batch without any example is 0 with zero gradient, and changes no metric."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from support.backends import step_of, value_and_gradient
from support.loss_cases import CASES

import tfmetric as tm

ONE_EACH = {type(case.make()): case for case in CASES}
PROXIES = [
    tm.losses.ArcFaceLoss,
    tm.losses.CosFaceLoss,
    tm.losses.NormalizedSoftmaxLoss,
    tm.losses.ProxyAnchorLoss,
    tm.losses.ProxyNCALoss,
    tm.losses.SoftTripleLoss,
    tm.losses.SphereFaceLoss,
]
SIAMESE = [
    (tm.losses.SiameseContrastiveLoss, (0,)),
    (tm.losses.SiameseCosineEmbeddingLoss, (0, 1)),
    (tm.losses.SiameseTripletLoss, (0, 2)),
]
REGULARIZERS = [
    tm.losses.DecorrelationRegularizer,
    tm.losses.KoLeoRegularizer,
    tm.losses.NormRegularizer,
    tm.losses.SpreadOutRegularizer,
    tm.losses.UniformityRegularizer,
]
NONE = np.zeros(0, "int64"), np.zeros((0, 5), "float32")
SOME = np.arange(6) % 2, np.random.default_rng(0).uniform(-1, 1, (6, 5)).astype("float32")


# Graphs are looked at in tests/losses/test_every_loss.py, where they are compiled anyway.
COMPILED = [
    pytest.param(mode, marks=pytest.mark.slow)
    for mode in ("graph-unknown-batch", "xla-unknown-batch")
]


@pytest.mark.parametrize("case", ONE_EACH.values(), ids=lambda case: case.name)
@pytest.mark.parametrize("mode", ["eager", *COMPILED])
def test_losses_on_embeddings(case, mode):
    for reduction in ("sum_over_batch_size", "sum") if mode == "eager" else ("mean_over_active",):
        step = step_of(case.make(reduction=reduction), *SOME, mode)
        value, gradient = step(*NONE)
        assert (np.shape(value), float(value), gradient.shape) == ((), 0.0, (0, 5))


@pytest.mark.parametrize("case", ONE_EACH.values(), ids=lambda case: case.name)
def test_without_a_reduction_it_is_no_value(case):
    assert np.shape(case.make(reduction=None)(*NONE)) == (0,)


@pytest.mark.parametrize("cls", PROXIES)
@pytest.mark.parametrize("mode", ["eager", "graph-unknown-batch"])
def test_losses_on_class_proxies(cls, mode):
    value, gradient = step_of(cls(), *SOME, mode)(*NONE)
    assert (np.shape(value), float(value), gradient.shape) == ((), 0.0, (0, 5))


@pytest.mark.parametrize(("cls", "shape"), SIAMESE)
def test_losses_on_given_pairs(cls, shape):
    value = cls()(np.zeros(0), np.zeros(shape, "float32"))
    assert (np.shape(value), float(value)) == ((), 0.0)


@pytest.mark.parametrize("cls", REGULARIZERS)
def test_regularizers_and_sums_of_losses(cls):
    assert float(cls()(NONE[1])) == 0
    both = tm.losses.WeightedSum([tm.TripletLoss(), cls()])
    value, gradient = value_and_gradient(both, *NONE)
    assert (float(value), gradient.shape) == (0.0, (0, 5))
    assert float(tm.losses.MatryoshkaLoss(both, dims=(2, 5))(*NONE)) == 0


@pytest.mark.parametrize("name", ["simclr", "vicreg", "barlow_twins", "negative_cosine"])
def test_two_views(name):
    assert float(getattr(tm.losses, name)(NONE[1], NONE[1])) == 0


@pytest.mark.parametrize("name", sorted(set(tm.metrics.__all__) - {"PairAccuracy"}))
def test_metrics_stay_where_they_are(name):
    metric = getattr(tm.metrics, name)()
    metric.update_state(*SOME)
    before = [float(x) for x in keras.tree.flatten(metric.result())]
    metric.update_state(*NONE)
    assert [float(x) for x in keras.tree.flatten(metric.result())] == before


def test_a_memory_with_a_batch_of_none():
    memory = tm.losses.Memory(*map(keras.ops.convert_to_tensor, (*SOME, np.ones(6, bool))))
    assert float(tm.TripletLoss()(*NONE, memory=memory)) == 0


REPLICAS = """
import json, sys
import numpy as np, keras, tensorflow as tf, tfmetric as tm
from support.loss_cases import CASES

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x, labels = np.random.default_rng(0).normal(size=(3, 4)).astype("float32"), np.array([0, 0, 1])


def step(losses):
    def step(labels, x):
        found = []
        for loss in losses:
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = loss(labels, x)
            found.append((value, tf.convert_to_tensor(tape.gradient(value, x))))
        return found
    return step


wrong = []
for gather, cases in (("local", CASES), ("global", CASES[:2])):
    losses = [case.make(gather=gather) for case in cases]
    shares = [slice(0, 3), slice(3, 3)]
    arguments = [
        strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(a[shares[context.replica_id_in_sync_group]]))
        for a in (labels, x)
    ]
    found = strategy.run(step(losses), args=arguments)
    for loss, (value, gradient), one in zip(losses, found, step(losses)(labels, tf.constant(x))):
        values = [float(v) for v in strategy.experimental_local_results(value)]
        slopes = np.concatenate([g.numpy() for g in strategy.experimental_local_results(gradient)])
        # Keras divides a replica's loss by the number of replicas; gathered it is that of all.
        share = 0.5 if gather == "local" else 1.0
        near = np.isclose(sum(values), share * one[0], rtol=1e-5, atol=1e-6)
        if not (near and np.allclose(slopes, share * one[1], rtol=1e-4, atol=1e-5)):
            wrong.append([gather, loss.name, values, float(one[0])])

with strategy.scope():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", loss=tm.TripletLoss(), metrics=[tm.metrics.MiningStatistics()])
x = np.random.default_rng(1).normal(size=(17, 4)).astype("float32")
history = model.fit(x, np.arange(17) % 3, batch_size=16, epochs=1, verbose=0).history
finite = all(np.isfinite(v).all() for v in [*history.values(), *model.get_weights()])
print(json.dumps({"wrong": wrong, "finite": bool(finite)}))
"""


@pytest.mark.slow
def test_two_replicas_of_which_one_gets_no_example():
    """Seventeen examples in batches of sixteen: the last step leaves one replica without any."""
    tests = Path(__file__).parents[1]
    paths = [str(tests), str(tests.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", REPLICAS],
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {"wrong": [], "finite": True}
