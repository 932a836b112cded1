"""The results of benchmarks.quality as Markdown."""

from statistics import mean, stdev

LIBRARIES = ("tfmetric", "pytorch-metric-learning")
NAMES = {"omniglot": "Omniglot", "fashion": "Fashion-MNIST"}


def compare(ours, theirs):
    """How far our mean is from theirs, by how much it may be below, and what that makes of it."""
    spread = 2 * (_variance(ours) / len(ours) + _variance(theirs) / len(theirs)) ** 0.5
    difference = mean(ours) - mean(theirs)
    verdict = "below" if difference < -spread else "above" if difference > spread else "level"
    return difference, spread, verdict


# Student's t, 95 % both ways, by degrees of freedom.
_T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


def by_seed(ours, theirs):
    """The mean difference of runs from the same weights on the same batches, and its interval.

    Sharper than :func:`compare`: what a seed does to both libraries alike does not count.
    """
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    if len(differences) < 2:
        return differences[0], 0.0
    error = stdev(differences) / len(differences) ** 0.5
    return mean(differences), _T.get(len(differences) - 1, 2.0) * error


def _variance(values):
    return stdev(values) ** 2 if len(values) > 1 else 0.0


def _figure(values):
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


def _line(chosen, rows, name, differs):
    figures = {}
    for library in LIBRARIES:
        found = [row for row in rows if row["loss"] == name and row["library"] == library]
        found = {row["seed"]: row for row in found if row["value"] == chosen["value"]}
        if found:
            figures[library] = found
    if LIBRARIES[0] not in figures:
        return None
    # In a stopped script one library may have one more seed.
    seeds = sorted(set.intersection(*map(set, figures.values())))
    figures = {library: [found[seed] for seed in seeds] for library, found in figures.items()}
    cells = [name + "*" * bool(differs), f"{chosen['parameter']} {chosen['value']:g}"]
    cells.append(str(len(figures[LIBRARIES[0]])))
    for figure in ("map_at_r", "recall_at_1"):
        for library in LIBRARIES:
            values = [row[figure] for row in figures.get(library, [])]
            cells.append(_figure(values) if values else "-")
        if figure == "map_at_r":
            both = [[row[figure] for row in figures.get(library, [])] for library in LIBRARIES]
            if both[1]:
                difference, spread, verdict = compare(*both)
                cells += [f"{difference:+.3f}", f"{spread:.3f}", verdict]
                paired, width = by_seed(*both)
                sure = " **below**" if paired < -width else " above" if paired > width else ""
                cells.append(f"± {width:.3f}{sure}")
            else:
                cells += ["-"] * 4
    first = [row["first_step"] for row in figures.get(LIBRARIES[1], []) if "first_step" in row]
    if first:
        ours, theirs = first[0]["gradient_lengths"]
        cells.append(f"{first[0]['gradient_cosine']:.4f}, {ours / max(theirs, 1e-30):.3g}×")
    else:
        cells.append("-")
    return "| " + " | ".join(cells) + " |"


def dataset_table(found, dataset, entries):
    """One data set: a line for each loss that has been run."""
    rows = [
        row
        for row in found["rows"]
        if (row["dataset"], row["judged"], row["steps"]) == (dataset, "test", found["steps"])
    ]
    lines = [
        "| loss | chosen | seeds | MAP@R | theirs | difference | spread | ours is | by seed "
        "| recall@1 | theirs | gradient at first |",
        "|---|---|---:|---:|---:|---:|---:|---|---:|---:|---:|---:|",
    ]
    chosen = found.get("chosen", {}).get(dataset, {})
    for name, entry in entries.items():
        if name in chosen and (line := _line(chosen[name], rows, name, entry.differs)):
            lines.append(line)
    bare = found["baselines"][dataset]
    for name, values in (("untrained", bare["untrained"]), ("raw pixels", [bare["pixels"]])):
        one, two = ([row[key] for row in values] for key in ("map_at_r", "recall_at_1"))
        lines.append(f"| {name} | | {len(one)} | {_figure(one)} | | | | | | {_figure(two)} | | |")
    return "\n".join(lines)


def markdown(found, entries):
    """The whole page."""
    about = ", ".join(
        f"{name} {value}" for name, value in {**found["machine"], **found["versions"]}.items()
    )
    parts = [
        "# What each loss learns, beside pytorch-metric-learning\n",
        f"The same small network, initial weights, batches and optimiser; {found['steps']} steps; "
        "mean ± standard deviation over the seeds, on classes never seen in training. The value of "
        f"the parameter was chosen among as many for each loss, in {found['tuning_steps']} steps, "
        "on classes held out of the training classes. Ours is *below* where the difference of the "
        "means exceeds the spread, 2·sqrt(s₁²/n + s₂²/n). *By seed* is the half width of the 95 % "
        "interval of the difference within a seed, weights and batches being the same: a sharper "
        "question, which says below or above where zero is outside. The last column compares the "
        "gradients of the two losses on the embeddings of the first batch: their cosine, and the "
        f"length of ours over that of theirs (Adam does not feel a constant factor). "
        f"{about}. Made by `python -m benchmarks.quality --data-dir DIR`.\n",
        "Of forty intervals of 95 % two leave out zero by chance. Where a loss is hardly above the "
        "untrained network, there was too little to learn for the comparison to say much: class "
        "proxies on Omniglot, whose 964 classes come once or twice each in so few steps, and to "
        "some extent all of Fashion-MNIST, with five classes to learn from.\n",
    ]
    for dataset in found["baselines"]:
        parts += [f"## {NAMES[dataset]}\n", dataset_table(found, dataset, entries) + "\n"]
    different = [f"- {name}: {entry.differs}." for name, entry in entries.items() if entry.differs]
    parts += [note + "\n" for note in found.get("notes", [])]
    parts += ["\\* The definitions differ where a star is:\n", "\n".join(different) + "\n"]
    return "\n".join(parts)
