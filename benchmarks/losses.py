"""Time and memory of the losses, forward and backward, against the bare matrix product.

    python -m benchmarks.losses                                 # the table, printed and saved
    python -m benchmarks.losses --sizes 4096 --backends jax     # some of it

Each row is measured in a process of its own: labels of K examples a class in random order, random
embeddings of length 1, compiled. "ratio" is the median, over the repeats, of the loss's time over
that of matmul(x, xᵀ) of the same size, the two measured in turn; "memory" is the most the process
ever held beyond what it held before the loss was first called, what compiling took included.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import describe

# Arguments of the loss, and the largest batch that is measured.
LOSSES = {
    "triplet hard": ("TripletLoss", {"mining": "hard"}, 32768),
    "triplet hard, warmup": ("TripletLoss", {"mining": "hard", "warmup": True}, 16384),
    "triplet hard/semi-hard": ("TripletLoss", {"mining": ("hard", "semi-hard")}, 32768),
    "triplet semi-hard": ("TripletLoss", {"mining": "semi-hard"}, 4096),
    "triplet distance-weighted": ("TripletLoss", {"mining": "distance-weighted"}, 4096),
    "triplet all": ("TripletLoss", {"mining": "all"}, 4096),
    "triplet all, squared": ("TripletLoss", {"mining": "all", "power": 2}, 4096),
    "triplet all, soft": ("TripletLoss", {"mining": "all", "margin": None}, 4096),
    "contrastive all": ("ContrastiveLoss", {"mining": "all"}, 32768),
    "contrastive hard": ("ContrastiveLoss", {"mining": "hard"}, 32768),
    "NT-Xent": ("NTXentLoss", {}, 32768),
    "SupCon": ("SupConLoss", {}, 32768),
    "multi-similarity": ("MultiSimilarityLoss", {}, 32768),
    "circle": ("CircleLoss", {}, 32768),
    "circle, gamma 80": ("CircleLoss", {"margin": 0.4, "gamma": 80}, 32768),
}
BACKENDS = ("tensorflow", "tensorflow-xla", "jax")


def batch(size, dim, each):
    """Embeddings of length 1 and shuffled labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, dim)).astype("float32")
    return x / np.linalg.norm(x, axis=1, keepdims=True), rng.permutation(np.arange(size) // each)


def _tensorflow(loss, x, labels, xla):
    import tensorflow as tf

    x, labels = tf.constant(x), tf.constant(labels)

    @tf.function(jit_compile=xla)
    def step(labels, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(labels, x)
        return value, tf.convert_to_tensor(tape.gradient(value, x))

    @tf.function(jit_compile=xla)
    def product(x):
        return tf.matmul(x, x, transpose_b=True)

    return lambda: step(labels, x)[0].numpy(), lambda: product(x)[:1].numpy()


def _jax(loss, x, labels):
    import jax

    x, labels = jax.numpy.asarray(x), jax.numpy.asarray(labels, "int32")
    step = jax.jit(jax.value_and_grad(lambda x, labels: loss(labels, x)))
    product = jax.jit(lambda x: x @ x.T)
    return (
        lambda: jax.block_until_ready(step(x, labels)),
        lambda: jax.block_until_ready(product(x)),
    )


def measure(name, backend, size, dim, each, repeats):
    """One row, in this process."""
    import resource

    import numpy as np

    import tfmetric as tm

    loss_name, arguments, _ = LOSSES[name]
    loss = getattr(tm.losses, loss_name)(**arguments)
    x, labels = batch(size, dim, each)
    if backend == "jax":
        step, product = _jax(loss, x, labels)
    else:
        step, product = _tensorflow(loss, x, labels, backend == "tensorflow-xla")

    def timed(function):
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    timed(step)
    timed(step)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    timed(product)

    def both(function):
        start = time.process_time()
        return timed(function), time.process_time() - start

    times = [(*both(product), *both(step)) for _ in range(repeats)]
    times = np.array(times)[:, [0, 2, 1, 3]]
    cpu_ratio = float(np.median(times[:, 3]) / np.median(times[:, 2]))
    times = times[:, :2]
    return {
        "loss": name,
        "backend": backend,
        "batch": size,
        "examples_per_class": each,
        "ms": round(1e3 * float(np.median([ours for _, ours in times])), 2),
        "matmul_ms": round(1e3 * float(np.median([bare for bare, _ in times])), 2),
        "ratio": round(float(np.median([ours / bare for bare, ours in times])), 2),
        # Processor time of all cores: what else runs on the machine changes it less.
        "cpu_ratio": round(cpu_ratio, 2),
        "memory_mb": round(memory / 1024),
    }


def in_a_process(name, backend, size, options):
    """One row, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.losses", "--row", name, backend, str(size)]
    command += ["--dim", str(options.dim), "--repeats", str(options.repeats)]
    command += ["--examples-per-class", str(options.examples_per_class)]
    environment = {**os.environ, "KERAS_BACKEND": backend.split("-")[0]}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--losses", nargs="*", choices=list(LOSSES), default=list(LOSSES))
    parser.add_argument("--backends", nargs="*", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--sizes", nargs="*", type=int, default=[256, 1024, 4096, 16384, 32768])
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--examples-per-class", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/losses.json"))
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        name, backend, size = options.row
        fixed = (options.dim, options.examples_per_class, options.repeats)
        print(json.dumps(measure(name, backend, int(size), *fixed)))
        return
    print(f"{'loss':<26}{'backend':<16}{'batch':>7}{'ms':>10}{'matmul':>10}{'ratio':>8}{'MB':>7}")
    rows = []
    for name in options.losses:
        for backend in options.backends:
            for size in options.sizes:
                if size > LOSSES[name][2] or (size > 4096 and backend != "tensorflow"):
                    continue
                row = in_a_process(name, backend, size, options)
                rows.append(row)
                print(
                    f"{name:<26}{backend:<16}{size:>7}{row['ms']:>10.2f}{row['matmul_ms']:>10.2f}"
                    f"{row['ratio']:>8.2f}{row['memory_mb']:>7}",
                    flush=True,
                )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    result = {"command": " ".join(sys.argv[1:]), **describe("keras", "tensorflow", "jax")}
    options.output.write_text(json.dumps({**result, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
