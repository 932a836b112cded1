"""One process of a training on several hosts, on JAX; see tests/conformance/test_several_hosts.py.

``python -m support.one_of_several_hosts INDEX COUNT PORT NAME...``: the process feeds its share of
the batch. The first process prints, as JSON, the value and the gradient of each named case, and
losses and weights of a ``fit`` with a memory.
"""

import json
import sys

import jax

INDEX, COUNT, PORT = map(int, sys.argv[1:4])
if COUNT > 1:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{PORT}", COUNT, INDEX)

import keras  # noqa: E402
import numpy as np  # noqa: E402

import tfmetric as tm  # noqa: E402
from support.loss_cases import NAMED  # noqa: E402

LABELS = np.array([0, 0, 1, 1, 0, 1, 2, 2])
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
SHARE = slice(INDEX * 8 // COUNT, (INDEX + 1) * 8 // COUNT)


def value_and_gradient(loss):
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("batch",))
    spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    labels, x = (
        jax.make_array_from_process_local_data(spread, each[SHARE]) for each in (LABELS, X)
    )
    step = jax.value_and_grad(lambda x, labels: loss(labels, x))
    value, gradient = jax.jit(step, out_shardings=whole)(x, labels)
    return [float(value), *np.asarray(gradient).ravel().tolist()]


class Batches(keras.utils.PyDataset):
    """Three times the same batch, or this process's share of it."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[SHARE], LABELS[SHARE]


def fit():
    devices = keras.distribution.list_devices()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    )
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model = tm.models.CrossBatchMemory(network, memory_size=12, warmup_steps=1)
    model.compile(keras.optimizers.SGD(0.1), loss=tm.losses.ContrastiveLoss())
    losses = model.fit(Batches(), epochs=1, shuffle=False, verbose=0).history["loss"]
    weights = [v.value.addressable_data(0) for v in model.variables if "int" not in v.dtype]
    return [*losses, *(float(x) for w in weights for x in np.asarray(w).ravel())]


def loss_of(name):
    return tm.TripletLoss(0.7) if name == "triplet" else NAMED[name].make()


found = {name: value_and_gradient(loss_of(name)) for name in sys.argv[4:]}
found["memory in fit"] = fit()
if INDEX == 0:
    print(json.dumps(found))
