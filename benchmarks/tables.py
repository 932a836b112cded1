"""Writes the measured tables into docs/mining.md from benchmarks/results.

python -m benchmarks.tables
"""

import json
import re
from pathlib import Path

RESULTS, PAGE = Path("benchmarks/results"), Path("docs/mining.md")


def table(columns, rows):
    """A Markdown table of rows of values."""
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return "\n".join(lines + [f"| {' | '.join(map(str, row))} |" for row in rows])


def losses():
    """Ratio and memory: a row for each loss and batch, a column for each backend."""
    found = json.loads((RESULTS / "losses.json").read_text())
    cells = {}
    for row in found["rows"]:
        key = (row["loss"], row["examples_per_class"], row["batch"])
        cells.setdefault(key, {})[row["backend"]] = row
    rows = []
    for (loss, each, batch), by_backend in cells.items():
        row = [loss, each, batch]
        plain = by_backend["tensorflow"]
        row += [plain["ms"], plain["matmul_ms"], plain["ratio"], plain["memory_mb"]]
        for backend in ("tensorflow-xla", "jax"):
            other = by_backend.get(backend)
            row += [other["ms"], other["ratio"], other["memory_mb"]] if other else ["", "", ""]
        rows.append(row)
    columns = ["loss", "K", "batch", "ms", "matmul ms", "ratio", "MB"]
    columns += ["XLA ms", "XLA ratio", "XLA MB", "JAX ms", "JAX ratio", "JAX MB"]
    return table(columns, rows)


def peers():
    """Beside pytorch-metric-learning."""
    found = json.loads((RESULTS / "peers.json").read_text())
    keys = ["loss", "batch", "ours_ms", "pml_ms", "times_faster"]
    columns = ["loss", "batch", "tfmetric ms", "pytorch-metric-learning ms", "times faster"]
    return table(columns, [[row[key] for key in keys] for row in found["rows"]])


def training():
    """The input, and the share of the loss in a step."""
    found = json.loads((RESULTS / "training.json").read_text())
    keys = ["batch", "passes", "balanced", "plain", "ratio"]
    columns = ["P×K", "passes an epoch", "balanced, examples/s", "plain, examples/s", "ratio"]
    rows = [[row[key] for key in keys] for row in found["input"]]
    steps = [
        [row["loss"], round(row["ms_a_step"], 1), f"{row['share']:.1%}"] for row in found["steps"]
    ]
    steps = table(["loss", "ms a step", "share of the loss"], steps)
    return table(columns, rows) + "\n\n" + steps


def main():
    text = PAGE.read_text(encoding="utf-8")
    for write in (losses, peers, training):
        name = write.__name__
        mark = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
        text = re.sub(mark, lambda m, w=write: f"{m[1]}{w()}\n{m[2]}", text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
