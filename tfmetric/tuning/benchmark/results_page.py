"""A benchmark in words: the table, its verdict, and the method."""

from __future__ import annotations

from tfmetric.tuning.benchmark.contenders import differing
from tfmetric.visualization.groups import figure_title


def verdict(result) -> str:
    """Returns sentences on the best loss, and on the losses that may be as good."""
    rows, name = [r for r in result.table() if not r["baseline"]], figure_title(result.objective)
    best = f"{result.best} has the highest mean {name}, {_ends(rows[0], result.objective)}."
    if len(rows) == 1:
        best = f"{result.best} has {name} {_ends(rows[0], result.objective)}."
    sentences = [best]
    count = len(result.seeds)
    if count < 2:
        sentences.append(
            "With one seed there is no interval, and no difference can be called one: give two "
            "seeds at least."
        )
    elif len(rows) > 1:
        level = result.level_with_best()
        below = [row["label"] for row in rows[1:] if row["label"] not in level]
        if level:
            sentences.append(
                f"The {_intervals(level)} of {_and(level)} {_overlaps(level)} that of the best: "
                f"by {'these' if len(level) > 1 else 'this'} alone, {count} seeds do not tell "
                f"{'them' if len(level) > 1 else 'it'} apart from it."
            )
            behind = [row for row in rows[1:] if row["label"] in level and _is_behind(row)]
            if behind:
                told = _and(f"{row['label']} by {_mean(row['behind'])}" for row in behind)
                sentences.append(
                    f"Seed by seed, with the same weights and batches, behind the best "
                    f"{'are' if len(behind) > 1 else 'is'} {told}."
                )
        if below:
            sentences.append(
                f"The {_intervals(below)} of {_and(below)} {'are' if len(below) > 1 else 'is'} "
                "below that of the best."
            )
    for row in result.table():
        if row["baseline"]:
            sentences.append(_against_baseline(rows, row, result.objective))
    for row in rows:
        if row["failed"]:
            sentences.append(
                f"{row['failed']} of the {row['trainings']} trainings of {row['label']} failed and "
                f"count as 0 ({'; '.join(row['reasons'])})."
            )
    return " ".join(sentence for sentence in sentences if sentence)


def _is_behind(row):
    """Returns whether the interval of the difference, seed by seed, lies above 0."""
    ends = row["behind"]["interval"]
    return ends is not None and ends[0] > 0


def _against_baseline(rows, baseline, objective):
    mean = baseline["figures"][objective]["mean"]
    lower = [row["label"] for row in rows if row["figures"][objective]["mean"] <= mean]
    if not lower:
        return ""
    return f"No better than the {baseline['label']} in the mean: {_and(lower)}."


def text_table(result) -> str:
    """Returns the table as text."""
    head, rows = _cells(result, brief=True)
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def markdown(result) -> str:
    """Returns the page: the table, the verdict, and the method."""
    head, rows = _cells(result)
    lines = [
        f"# {_plain(result.protocol['data']['name'])}: losses compared",
        "",
        "| " + " | ".join(head) + " |",
        "|---" + "|---:" * (len(head) - 1) + "|",
        *("| " + " | ".join(map(_plain, row)) + " |" for row in rows),
        "",
        result.verdict(),
        "",
        "## How it was done",
        "",
        *(f"- {line}" for line in _method(result)),
    ]
    if result.searches:
        lines += ["", "## What the searches chose", "", *_searches(result)]
    return "\n".join(lines) + "\n"


def _cells(result, brief=False):
    """Returns head and rows; ``brief`` keeps the intervals of the objective alone."""
    figures = result.protocol["figures"]
    several = len(result.seeds) > 1
    together = bool(result.concatenated)
    head = ["loss", *map(figure_title, figures)]
    if together:
        head.append(f"{figure_title(result.objective)}, concatenated")
    head.append("held-out")
    if several:
        head.append("behind the best, by seed")
    head += ["best epoch", "s a training", "failed"]
    rows = []
    for row in result.table():
        cells = [
            row["label"],
            *(_ends(row, name, brief and name != result.objective) for name in figures),
        ]
        if row["baseline"]:
            rows.append(cells + [""] * (len(head) - len(cells)))
            continue
        if together:
            cells.append(_mean(row["concatenated"].get(result.objective), brief))
        cells.append(f"{row['validation']:.4f}")
        if several:
            cells.append(_mean(row["behind"]) if row["behind"] else "")
        epoch = row["best_epoch"]
        cells += ["" if epoch is None else f"{epoch:.1f}", f"{row['seconds']:.1f}"]
        cells.append(f"{row['failed']} of {row['trainings']}" if row["failed"] else "")
        rows.append(cells)
    return head, rows


def _ends(row, figure, alone=False):
    return _mean(row["figures"][figure], alone)


def _mean(found, alone=False):
    """Returns "0.512 (0.498 to 0.526)", or the mean alone where there is no interval."""
    if found is None:
        return ""
    if alone or found["interval"] is None:
        return f"{found['mean']:.4f}"
    low, high = found["interval"]
    return f"{found['mean']:.4f} ({low:.4f} to {high:.4f})"


def _method(result):
    known, data = result.protocol, result.protocol["data"]
    budget, count, folds = known["budget"], len(result.seeds), known["folds"]
    objective = figure_title(result.objective)
    yield (
        f"Data: {data['name']}, {data['train']['examples']:,} examples of "
        f"{data['train']['classes']:,} classes to train on, {data['test']['examples']:,} of "
        f"{data['test']['classes']:,} other classes as the test."
    )
    yield (
        f"Each loss was trained {count * folds} times: with {_count(count, 'seed')}, each time on "
        f"all but one of {folds} folds of the training classes, "
        f"{_count(budget['epochs'], 'epoch')} of {budget['batches_per_epoch']} batches of "
        f"{budget['classes_per_batch']} classes × {budget['examples_per_class']} examples"
        + (f", stopped after {known['patience']} without a better one" if known["patience"] else "")
        + ". All losses had the same batches and initial weights."
    )
    yield (
        f"The epoch with the highest {objective} on the fold left out (held-out) was judged on the "
        "test classes, which chose nothing. Figures are means over the folds' models, and then "
        "over the seeds."
    )
    if result.concatenated:
        yield (
            f"Concatenated: the embeddings of the {folds} models of a seed beside each other, "
            "those of each model at the same mean length."
        )
    if count > 1:
        yield (
            f"Intervals are those of Student's t over {count} seeds, 95 %: they are about other "
            "initial weights and batches, not about other classes. Behind the best is the "
            "difference to the best loss, seed by seed."
        )
    if known["max_trials"]:
        yield (
            f"Before that each loss had a search of {known['max_trials']} trials, judged on the "
            "same folds of the training classes."
        )
    for name, values in differing(result.settings).items():
        yield f"The losses differ in {name} too: {', '.join(map(str, values))}."
    for label, own in result.settings.items():
        arguments = own.resolved().loss_arguments
        told = ", ".join(f"{name}={_short(value)}" for name, value in arguments.items())
        yield (
            f"{label}: {own.loss}({told}), learning rate {own.learning_rate:.3g}, weight decay "
            f"{own.weight_decay:.3g}."
        )
    if note := result.baselines.get("raw", {}).get("note"):
        yield f"{note[0].upper()}{note[1:]}."
    for held in result.versions:
        yield ", ".join(f"{name} {version}" for name, version in held.items()) + "."
    yield (
        "After Musgrave, Belongie, Lim: A Metric Learning Reality Check (2020), by "
        "`tfmetric.tuning.benchmark`."
    )


def _count(number, name):
    return f"{number} {name}{'s' if number != 1 else ''}"


def _searches(result):
    yield "| loss | chosen | held-out | trials | failed |"
    yield "|---|---|---:|---:|---:|"
    for label, search in result.searches.items():
        chosen = ", ".join(f"{name} {_short(value)}" for name, value in search["values"].items())
        cells = [label, chosen, f"{search['score']:.4f}", search["trials"], search["failed"] or ""]
        yield "| " + " | ".join(map(_plain, cells)) + " |"


def _short(value):
    if isinstance(value, float):
        return f"{value:.3g}"
    return "×".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _plain(text):
    """Returns text without characters that would end a cell of a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def _and(names):
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _intervals(names):
    return "intervals" if len(names) > 1 else "interval"


def _overlaps(names):
    return "overlap" if len(names) > 1 else "overlaps"
