"""Time and memory of the losses, forward and backward, against the bare matrix product.

    python -m benchmarks.losses                       # the table, printed and saved
    python -m benchmarks.losses --sizes 4096 --xla    # some of it

Each row is measured in a process of its own: labels of K examples a class in random order, random
embeddings of length 1, graph mode. "ratio" is the median time over that of matmul(x, xᵀ) of the
same size, the two measured in turn; "memory" is the most the process ever held beyond what it held
before the loss was first called.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

MININGS = {
    "triplet hard": ("TripletLoss", {"mining": "hard"}, 32768),
    "triplet hard/semi-hard": ("TripletLoss", {"mining": ("hard", "semi-hard")}, 32768),
    "triplet semi-hard": ("TripletLoss", {"mining": "semi-hard"}, 4096),
    "triplet all": ("TripletLoss", {"mining": "all"}, 4096),
    "triplet all, soft": ("TripletLoss", {"mining": "all", "margin": None}, 4096),
    "contrastive all": ("ContrastiveLoss", {"mining": "all"}, 4096),
    "contrastive hard": ("ContrastiveLoss", {"mining": "hard"}, 32768),
}


def measure(name, size, dim, each, xla, repeats):
    """One row, in this process."""
    import resource

    import numpy as np
    import tensorflow as tf

    import tfmetric as tm

    loss_name, arguments, _ = MININGS[name]
    loss = getattr(tm.losses, loss_name)(**arguments)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, dim)).astype("float32")
    x = tf.constant(x / np.linalg.norm(x, axis=1, keepdims=True))
    labels = tf.constant(rng.permutation(np.arange(size) // each))

    @tf.function(jit_compile=xla)
    def step(labels, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(labels, x)
        return value, tf.convert_to_tensor(tape.gradient(value, x))

    @tf.function(jit_compile=xla)
    def product(x):
        return tf.matmul(x, x, transpose_b=True)

    def timed(function, *given):
        start = time.perf_counter()
        result = tf.nest.flatten(function(*given))[0]
        result[:1].numpy() if result.shape.rank else result.numpy()
        return time.perf_counter() - start

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    timed(step, labels, x)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    timed(product, x)
    times = [(timed(product, x), timed(step, labels, x)) for _ in range(repeats)]
    return {
        "loss": name,
        "batch": size,
        "xla": xla,
        "ms": round(1e3 * float(np.median([ours for _, ours in times])), 2),
        "matmul_ms": round(1e3 * float(np.median([bare for bare, _ in times])), 2),
        "ratio": round(float(np.median([ours / bare for bare, ours in times])), 2),
        "memory_mb": round(memory / 1024),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--losses", nargs="*", choices=list(MININGS), default=list(MININGS))
    parser.add_argument("--sizes", nargs="*", type=int, default=[256, 1024, 4096, 16384])
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--examples-per-class", type=int, default=4)
    parser.add_argument("--xla", action="store_true")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/losses.json"))
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    fixed = (options.dim, options.examples_per_class, options.xla, options.repeats)
    if options.row:
        print(json.dumps(measure(options.row[0], int(options.row[1]), *fixed)))
        return
    print(f"{'loss':<24}{'batch':>7}{'ms':>10}{'matmul':>10}{'ratio':>8}{'memory MB':>11}")
    rows = []
    for name in options.losses:
        for size in options.sizes:
            if size > MININGS[name][2]:
                continue
            command = [sys.executable, "-m", "benchmarks.losses", "--row", name, str(size)]
            command += ["--dim", str(options.dim), "--repeats", str(options.repeats)]
            command += ["--examples-per-class", str(options.examples_per_class)]
            command += ["--xla"] if options.xla else []
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            row = json.loads(done.stdout.splitlines()[-1])
            rows.append(row)
            print(
                f"{row['loss']:<24}{row['batch']:>7}{row['ms']:>10.2f}{row['matmul_ms']:>10.2f}"
                f"{row['ratio']:>8.2f}{row['memory_mb']:>11}",
                flush=True,
            )
    import keras
    import tensorflow as tf

    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    machine = {"platform": platform.platform(), "python": platform.python_version()}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine, "versions": versions, "rows": rows}
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
