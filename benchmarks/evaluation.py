"""Our retrieval figures against pytorch-metric-learning's on the same embeddings.

    python -m benchmarks.evaluation                   # the table, printed and saved
    python -m benchmarks.evaluation --sizes omniglot  # some of it

Needs torch, pytorch-metric-learning and faiss-cpu. Each row is measured in a process of its own.
Embeddings are random clouds of length 1, one a class, with as many examples a class as the data
they stand for. "seconds" is the call alone, after the libraries have done a small one; "memory" is
the most the process ever held beyond what it held before. Where both define a figure alike they
must be equal: precision@1 (our recall@1), R-precision and MAP@R. MRR too, but AccuracyCalculator
then keeps the whole order of every query in memory, so it is asked for by --all-ranks.

Where definitions differ: at equal distances we count against the model, AccuracyCalculator takes
the order that faiss returns. Both leave queries without a relevant reference out; we count them.
Where R exceeds the k it is given, AccuracyCalculator looks no deeper; our figures always do. Ours
come at any k, with intervals, from the same pass.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

SIZES = {
    "omniglot": (13_180, 64, 659),
    "fashion": (60_000, 128, 10),
    "products": (60_000, 128, 6_000),
}
OURS = {"precision_at_1": "recall_at_1", "mean_average_precision_at_r": "map_at_r"}
OURS |= {"r_precision": "r_precision", "mean_reciprocal_rank": "mrr"}


def clouds(count, width, classes):
    import numpy as np

    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(count) % classes)
    x = rng.normal(size=(classes, width))[labels] + 1.5 * rng.normal(size=(count, width))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("float32"), labels


def ours(all_ranks):
    from tfmetric.evaluation import retrieval

    def run(x, labels):
        figures = retrieval(x, labels, progress=False).figures()
        return {name: figures[mine] for name, mine in OURS.items()}

    return run


def theirs(all_ranks):
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    names = [name for name in OURS if all_ranks or name != "mean_reciprocal_rank"]
    # max_bin_count is as many neighbours as R-precision and MAP@R look at; None is all of them.
    calculator = AccuracyCalculator(include=names, k=None if all_ranks else "max_bin_count")
    return lambda x, labels: calculator.get_accuracy(torch.tensor(x), torch.tensor(labels))


def measure(library, size, all_ranks):
    """One row, in this process."""
    import resource

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    run = {"tfmetric": ours, "pytorch-metric-learning": theirs}[library](all_ranks)
    run(*clouds(500, 16, 20))
    x, labels = clouds(*SIZES[size])
    before, start = peak(), time.perf_counter()
    figures = run(x, labels)
    seconds = time.perf_counter() - start
    memory = (peak() - before) / 1024
    return {"seconds": round(seconds, 2), "memory_mb": round(memory), "figures": figures}


def row_in_its_own_process(library, size, all_ranks, limit):
    command = [sys.executable, "-m", "benchmarks.evaluation", "--row", library, size]
    command += ["--all-ranks"] if all_ranks else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {limit} s"}
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"ended by signal {-done.returncode}"]
        return {"failed": reason[0][:60]}
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--all-ranks", action="store_true", help="MRR as well")
    parser.add_argument("--limit", type=int, default=600, help="seconds a row may take")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/evaluation.json"))
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(measure(*options.row, options.all_ranks)))
        return
    print(f"{'embeddings':<28}{'library':<26}{'seconds':>9}{'memory MB':>11}   agreement")
    rows = []
    for size in options.sizes:
        mine = None
        for library in ("tfmetric", "pytorch-metric-learning"):
            row = row_in_its_own_process(library, size, options.all_ranks, options.limit)
            row |= {"embeddings": size, "library": library, "all_ranks": options.all_ranks}
            rows.append(row)
            count, width, classes = SIZES[size]
            print(f"{f'{count:,} x {width}, {classes:,} classes':<28}{library:<26}", end="")
            if "failed" in row:
                print(f"{'-':>9}{'-':>11}   {row['failed']}", flush=True)
                continue
            print(f"{row['seconds']:>9.2f}{row['memory_mb']:>11,}", end="   ")
            if mine is None:
                mine = row["figures"]
                print(", ".join(f"{name} {value:.6f}" for name, value in mine.items()), flush=True)
                continue
            apart = {name: abs(value - mine[name]) for name, value in row["figures"].items()}
            # One pair in ten million whose order float32 cannot tell may stand the other way.
            assert max(apart.values()) < 1e-5, f"figures differ: {apart}"
            row["largest_difference"] = max(apart.values())
            print(f"equal to {max(apart.values()):.1e}", flush=True)
    import faiss
    import pytorch_metric_learning
    import torch

    modules = (faiss, pytorch_metric_learning, torch)
    versions = {module.__name__: module.__version__ for module in modules}
    machine = {"platform": platform.platform(), "python": platform.python_version()}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine, "versions": versions, "rows": rows}
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
