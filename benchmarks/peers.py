"""Our losses and pytorch-metric-learning's, in turn, on the same tensors.

    pip install torch pytorch-metric-learning
    python -m benchmarks.peers

Forward and backward; the two values and the two gradients are compared before anything is timed.
Each row is a process of its own, in which the two run in turn.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.losses import _tensorflow, batch
from benchmarks.machine import describe

MARGIN = 0.2


def _peer(name):
    """A function of (embeddings, labels) and our loss, the same by definition."""
    from pytorch_metric_learning import distances, losses, miners, reducers

    import tfmetric as tm

    distance = distances.LpDistance(normalize_embeddings=False)
    mean = {"distance": distance, "reducer": reducers.MeanReducer()}
    active = {"distance": distance, "reducer": reducers.AvgNonZeroReducer()}
    if name == "hard":
        miner = miners.BatchHardMiner(distance=distance)
        loss = losses.TripletMarginLoss(margin=MARGIN, **mean)
        return lambda x, y: loss(x, y, miner(x, y)), tm.TripletLoss(MARGIN, "hard")
    if name == "all":
        loss = losses.TripletMarginLoss(margin=MARGIN, **active)
        return loss, tm.TripletLoss(MARGIN, "all")
    if name == "contrastive":
        # Positives and negatives each a mean over their active pairs, then added up.
        loss = losses.ContrastiveLoss(pos_margin=0, neg_margin=1, distance=distance)
        return loss, tm.ContrastiveLoss(1.0, power=1)
    raise ValueError(name)


def measure(name, size, dim, each, repeats):
    """One row, in this process."""
    import numpy as np
    import tensorflow as tf
    import torch

    peer, loss = _peer(name)
    x, labels = batch(size, dim, each)
    theirs = torch.tensor(x, requires_grad=True)
    their_labels = torch.tensor(labels)

    def their_step():
        theirs.grad = None
        value = peer(theirs, their_labels)
        value.backward()
        return float(value)

    step, product = _tensorflow(loss, x, labels, False)
    values = float(step()), their_step()
    if name != "contrastive":
        np.testing.assert_allclose(*values, rtol=1e-4)
        with tf.GradientTape() as tape:
            variable = tf.Variable(x)
            value = loss(labels, variable)
        slope = tf.convert_to_tensor(tape.gradient(value, variable)).numpy()
        np.testing.assert_allclose(slope, theirs.grad.numpy(), atol=1e-4 * np.abs(slope).max())

    def timed(function):
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    times = np.array([(timed(step), timed(their_step), timed(product)) for _ in range(repeats)])
    ours, others, bare = 1e3 * np.median(times, axis=0)
    return {
        "loss": name,
        "batch": size,
        "ours_ms": round(ours, 2),
        "pml_ms": round(others, 2),
        "times_faster": round(float(np.median(times[:, 1] / times[:, 0])), 1),
        "matmul_ms": round(bare, 2),
        "values": values,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows",
        nargs="*",
        default=["hard:256", "hard:1024", "hard:4096", "all:256", "contrastive:1024"],
        help="loss:batch",
    )
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--examples-per-class", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/peers.json"))
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        name, size = options.row.split(":")
        fixed = (options.dim, options.examples_per_class, options.repeats)
        print(json.dumps(measure(name, int(size), *fixed)))
        return
    rows = []
    print(f"{'loss':<14}{'batch':>7}{'ours ms':>10}{'PML ms':>10}{'faster':>8}")
    for row in options.rows:
        command = [sys.executable, "-m", "benchmarks.peers", "--row", row, "--dim"]
        command += [str(options.dim), "--examples-per-class", str(options.examples_per_class)]
        command += ["--repeats", str(options.repeats)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        row = json.loads(done.stdout.splitlines()[-1])
        rows.append(row)
        print(
            f"{row['loss']:<14}{row['batch']:>7}{row['ours_ms']:>10.2f}{row['pml_ms']:>10.2f}"
            f"{row['times_faster']:>8.1f}",
            flush=True,
        )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    packages = ("keras", "tensorflow", "torch", "pytorch-metric-learning")
    result = {"command": " ".join(sys.argv[1:]), **describe(*packages), "rows": rows}
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
