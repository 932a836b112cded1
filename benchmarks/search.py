"""Exact search against Faiss's flat index on the same embeddings, and what each storage costs.

    python -m benchmarks.search                  # the table, printed, saved and put in docs
    python -m benchmarks.search --threads 2      # on more cores
    python -m benchmarks.search --batches 1 100  # some of it; the rest keeps its rows

Needs faiss-cpu. All indexes hold the same 60,000 embeddings of width 128, random clouds of length
1, 100 a class, and are asked in turn for the 10 nearest of 1, 8, 100 and 10,000 queries, so that a
busy machine slows all of them. What is compared is processor time, which a busy machine does not
stretch as it does the clock's; with one thread it is what the clock says where nothing else runs.
The clock's time is in the JSON. The median of the runs counts. "recall" is the share of Faiss's 10
nearest that are found; "extra MB" is the most that a process of its own held, while it answered
10,000 queries, beyond what it held before.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

PAGE = Path("docs/search.md")
COUNT, WIDTH, CLASSES, K = 60_000, 128, 600, 10
RUNS = {1: 100, 8: 20, 100: 7, 10_000: 2}
OURS = {
    "float32": ("euclidean", {}),
    "float16": ("euclidean", {"storage": "float16"}),
    "int8": ("euclidean", {"storage": "int8"}),
    "binary": ("hamming", {"storage": "binary"}),
    "binary, rescored": ("euclidean", {"storage": "binary", "rescore": "int8", "oversample": 20}),
}


def clouds():
    import numpy as np

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, WIDTH))

    def draw(count):
        labels = rng.integers(0, CLASSES, count)
        x = centres[labels] + 1.5 * rng.normal(size=(count, WIDTH))
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("float32")

    return draw(COUNT), draw(10_000)


def searches(names, x):
    """For each name a function from queries to the places of the nearest, and its bytes."""
    import numpy as np

    made = {}
    for name in names:
        if name == "faiss":
            import faiss

            flat = faiss.IndexFlatL2(WIDTH)
            flat.add(x)
            made[name] = (lambda q, flat=flat: flat.search(q, K)[1]), x.nbytes
            continue
        from tfmetric.search import ExactIndex

        distance, settings = OURS[name]
        index = ExactIndex(distance, **settings)
        signs = distance == "hamming"
        index.add(x > 0 if signs else x, np.arange(len(x)))
        made[name] = _asking(index, signs), index.nbytes
    return made


def _asking(index, signs):
    return lambda queries: index.query(queries > 0 if signs else queries, K).ids


def measure(names, batches):
    """A row for each number of queries and index, all asked in turn."""
    import numpy as np

    x, queries = clouds()
    made = searches(names, x)
    rows = []
    for batch in batches:
        times = {name: [] for name in made}
        answers = {}
        warm = int(batch < 1000)  # The first run of few queries is to warm up.
        for run in range(RUNS[batch] + warm):
            start = run * batch % (len(queries) - batch + 1)
            some = queries[start : start + batch]
            for name, (search, _) in made.items():
                wall, processor = time.perf_counter(), time.process_time()
                answers[name] = search(some)
                processor = time.process_time() - processor
                times[name].append((processor, time.perf_counter() - wall))
        floor = statistics.median(processor for processor, _ in times["faiss"][warm:])
        for name, (_, nbytes) in made.items():
            processor = statistics.median(own for own, _ in times[name][warm:])
            same = [
                len(np.intersect1d(a, b))
                for a, b in zip(answers[name], answers["faiss"], strict=True)
            ]
            row = {"index": name, "queries": batch, "ms": round(1000 * processor, 2)}
            row |= {
                "clock_ms": round(1000 * statistics.median(w for _, w in times[name][warm:]), 2)
            }
            row |= {"ratio": round(processor / floor, 2), "index_mb": round(nbytes / 1e6, 1)}
            if batch == max(RUNS):  # With fewer queries it means little.
                row["recall"] = round(float(np.mean(same)) / K, 4)
            rows.append(row)
        print(table(rows[-len(made) :]), flush=True)
    return rows


def memory(name):
    """MB beyond what was held before, in this process (Linux only)."""
    x, queries = clouds()
    search, _ = searches([name], x)[name]
    search(queries[:1])
    Path("/proc/self/clear_refs").write_text("5")  # The peak so far is forgotten.
    before = _peak()
    search(queries)
    return (_peak() - before) / 1024


def _peak():
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def memory_in_its_own_process(name):
    command = [sys.executable, "-m", "benchmarks.search", "--memory", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return round(float(done.stdout.splitlines()[-1]))


def table(rows):
    """The results as Markdown."""
    columns = ["index", "queries", "ms", "times Faiss's", "recall@10", "index MB", "extra MB"]
    lines = [f"| {' | '.join(columns)} |", "|---|" + "---:|" * 6]
    for row in rows:
        cells = [row["index"], f"{row['queries']:,}", f"{row['ms']:,.2f}", f"{row['ratio']:.2f}"]
        cells += [str(row.get("recall", "-")), f"{row['index_mb']:.1f}"]
        cells.append(str(row.get("extra_mb", "-")))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batches", nargs="*", type=int, choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/search.json"))
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(options.threads))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.threads :])
    if options.memory:
        print(memory(options.memory))
        return
    from benchmarks.machine import describe

    rows = json.loads(options.output.read_text())["rows"] if options.output.exists() else []
    rows = {(row["queries"], row["index"]): row for row in rows}
    measured = measure(["faiss", *OURS], options.batches)
    rows |= {(row["queries"], row["index"]): row for row in measured}
    rows = [row for _, row in sorted(rows.items(), key=lambda item: item[0][0])]
    for row in rows:
        if row["queries"] == max(RUNS) and row["index"] in ("faiss", "float32"):
            row["extra_mb"] = memory_in_its_own_process(row["index"])
    result = describe("numpy", "faiss-cpu") | {"command": "python -m benchmarks.search"}
    result |= {"threads": options.threads, "rows": rows}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    about = ", ".join(f"{n} {v}" for n, v in {**result["machine"], **result["versions"]}.items())
    text = f"# Exact search against Faiss's flat index\n\n{COUNT:,} x {WIDTH}, the {K} nearest, "
    text += f"median milliseconds of processor time on {options.threads} thread(s). {about}. "
    text += f"Made by `{result['command']} --threads {options.threads}`.\n\n{table(rows)}\n"
    options.output.with_suffix(".md").write_text(text)
    mark = r"(<!-- search -->\n).*?(<!-- end of search -->)"
    page = PAGE.read_text(encoding="utf-8")
    page = re.sub(mark, lambda m: f"{m[1]}{table(rows)}\n{m[2]}", page, flags=re.DOTALL)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
