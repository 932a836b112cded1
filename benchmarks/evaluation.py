"""Our retrieval figures against pytorch-metric-learning's on the same embeddings.

    python -m benchmarks.evaluation                   # the table, printed and saved
    python -m benchmarks.evaluation --sizes omniglot --repeats 5  # some of it, more often

Both libraries run in turn, so that a busy machine slows both; the medians are compared. Sizes that
are not measured keep their rows in the results.

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
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import describe

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


def compare(size, all_ranks, repeats, limit):
    """The rows of both libraries for one size, run in turn, and how they compare."""
    runs = {"tfmetric": [], "pytorch-metric-learning": []}
    for _ in range(repeats):
        for library, rows in runs.items():
            if not (rows and "failed" in rows[-1]):
                rows.append(row_in_its_own_process(library, size, all_ranks, limit))
    found = {"embeddings": size, "size": SIZES[size], "all_ranks": all_ranks}
    for library, rows in runs.items():
        if "failed" in rows[-1]:
            found[library] = rows[-1]
            continue
        seconds = [row["seconds"] for row in rows]
        found[library] = {
            "seconds": round(statistics.median(seconds), 2),
            "runs": seconds,
            "memory_mb": max(row["memory_mb"] for row in rows),
            "figures": rows[0]["figures"],
        }
    mine, others = (found[library] for library in runs)
    if "failed" not in mine and "failed" not in others:
        apart = {
            name: abs(value - mine["figures"][name]) for name, value in others["figures"].items()
        }
        # One pair in ten million whose order float32 cannot tell may stand the other way.
        assert max(apart.values()) < 1e-5, f"figures differ: {apart}"
        found["largest_difference"] = max(apart.values())
        found["times_as_fast"] = round(others["seconds"] / mine["seconds"], 2)
    return found


def table(rows):
    """The results as Markdown."""
    lines = [
        "| embeddings | tfmetric s | pytorch-metric-learning s | times as fast | tfmetric MB "
        "| pytorch-metric-learning MB | figures equal to |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        count, width, classes = row["size"]
        libraries = [row["tfmetric"], row["pytorch-metric-learning"]]
        seconds = [
            x.get("failed") or f"{x['seconds']:.2f} (of {len(x['runs'])})" for x in libraries
        ]
        memory = [f"{x['memory_mb']:,}" if "memory_mb" in x else "-" for x in libraries]
        cells = [f"{count:,} x {width}, {classes:,} classes" + ", MRR too" * row["all_ranks"]]
        cells += [*seconds, str(row.get("times_as_fast", "-")), *memory]
        cells.append(f"{row['largest_difference']:.0e}" if "largest_difference" in row else "-")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--all-ranks", action="store_true", help="MRR as well")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each; the median counts")
    parser.add_argument("--limit", type=int, default=600, help="seconds a run may take")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/evaluation.json"))
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(measure(*options.row, options.all_ranks)))
        return
    rows = json.loads(options.output.read_text())["rows"] if options.output.exists() else []
    rows = {(row["embeddings"], row["all_ranks"]): row for row in rows}
    for size in options.sizes:
        row = compare(size, options.all_ranks, options.repeats, options.limit)
        rows[size, options.all_ranks] = row
        print(table([row]), flush=True)
    rows = sorted(rows.values(), key=lambda row: list(SIZES).index(row["embeddings"]))
    result = describe("tensorflow", "numpy", "torch", "pytorch-metric-learning", "faiss-cpu")
    result |= {"command": "python -m benchmarks.evaluation --repeats N", "rows": rows}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    about = {**result["machine"], **result["versions"]}
    heading = (
        "# Retrieval figures against pytorch-metric-learning\n\nMedian seconds of runs in turn"
    )
    heading += " (of so many), and the most memory beyond what was held before. "
    heading += ", ".join(f"{name} {value}" for name, value in about.items())
    text = f"{heading}. Made by `{result['command']}`.\n\n{table(rows)}\n"
    options.output.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
