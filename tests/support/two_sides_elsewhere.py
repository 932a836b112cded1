"""Losses on two sides on JAX, or on two replicas: prints what is wrong, as one line of JSON."""

import json
import sys

import numpy as np

from support.two_sides import CASES, given


def on_jax():
    """Each case under a jitted step."""
    sys.modules["tensorflow"] = None
    import jax

    from support.loss_suite import gradient_of

    wrong = {}
    for case in CASES:
        labels, y_pred = given(case)
        labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype("int32")
        loss = case.make()
        step = jax.jit(jax.value_and_grad(lambda x, y, loss=loss: loss(y, x)))
        value, gradient = step(y_pred.astype("float32"), labels)
        wanted = case.rows(labels, y_pred).mean()
        slope = gradient_of(lambda x, c=case, y=labels: c.rows(y, x).mean(), y_pred)
        far = [abs(float(value) / wanted - 1), np.abs(gradient - slope).max() / np.abs(slope).max()]
        wrong[case.name] = max(map(float, far))
    return wrong


def on_two_replicas():
    """Losses that gather, on 2 and 4 links, beside one device with all 6."""
    import tensorflow as tf

    from tfmetric import losses

    cpus = tf.config.list_physical_devices("CPU")
    devices = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpus[0], devices)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    labels, y_pred = next(given(case) for case in CASES if case.name == "softmax-negatives")
    x = y_pred.astype("float32")
    parts = slice(0, 2), slice(2, 6)
    every = {
        "softmax": losses.InBatchSoftmaxLoss(0.5, symmetric=True, gather="global"),
        "sigmoid": losses.SigmoidPairLoss(gather="global"),
        "on two sides": losses.OnTwoSides(losses.NTXentLoss(gather="global")),
        "histogram": losses.OnTwoSides(losses.HistogramLoss(num_bins=10, gather="global")),
    }
    # Two ids at the end of uint64 that a cast to fewer bits would make one with other ids.
    labels = np.array([2**64 - 1, 2**32 - 1, 2**64 - 1, 5, 2**64 - 2, 2**32 - 2], "uint64")

    def step(labels, x):
        found = []
        for loss in every.values():
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = loss(labels, x)
            found.append((value, tf.convert_to_tensor(tape.gradient(value, x))))
        return found

    alone = step(tf.constant(labels), tf.constant(x))
    arguments = [
        strategy.experimental_distribute_values_from_function(
            lambda context, a=a: tf.constant(a[parts[context.replica_id_in_sync_group]])
        )
        for a in (labels, x)
    ]
    found = tf.function(lambda *a: strategy.run(step, args=a))(*arguments)
    wrong = {}
    for name, (value, gradient), (one, slope) in zip(every, found, alone, strict=True):
        value, gradient = map(strategy.experimental_local_results, (value, gradient))
        whole = np.concatenate([each.numpy() for each in gradient])
        far = [abs(sum(map(float, value)) - float(one)), np.abs(whole - slope.numpy()).max()]
        wrong[name] = max(map(float, far))
    return wrong


if __name__ == "__main__":
    print(json.dumps({"jax": on_jax, "replicas": on_two_replicas}[sys.argv[1]]()))
