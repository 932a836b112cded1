"""How far a tower of each kind gets in a minute or few, beside the fair baseline of its kind.

    python -m benchmarks.kinds vowels --seeds 0 1 2    # train, judge, save; then the table
    python -m benchmarks.kinds clinc-static --vectors FOLDER

Tasks: names, clinc, clinc-static, vowels, digits, signatures, ten-classes. The data of all but
names and ten-classes lies in ``../shared/data``; ``--data`` says where else. Each figure is that of
a test part that the training never saw, for each seed of the training; the split stays. Results of
tasks that are not run are kept.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import describe

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Task:
    """One data set, how it is trained, and the figures to reach.

    Attributes:
        data: Function of the folder of the data to (train, test).
        settings: Settings of the training.
        test: The test part in words.
        goal: The figures to reach, in words.
        backbone: As in ``embedder``.
        closed: Whether test queries are judged against the training part as gallery.
        within: Column that impostors share, as a function of an example's group and label, or None.
    """

    data: Callable[[Path], tuple[Any, Any]]
    settings: dict
    test: str
    goal: str
    backbone: str | None = None
    closed: bool = False
    within: Callable[[str], str] | None = None


def names(folder):
    import tfmetric as tm

    return tm.datasets.load("names")


def clinc(folder):
    """The 150 intents, 38 of them unseen, all sentences of each."""
    import numpy as np

    import tfmetric as tm

    parts = json.loads((folder / "clinc150" / "data_full.json").read_text())
    pairs = [pair for part in ("train", "val", "test") for pair in parts[part]]
    intents = sorted({intent for _, intent in pairs})
    unseen = set(np.random.default_rng(0).permutation(intents)[:38])
    return tuple(
        tm.datasets.from_arrays(*zip(*[p for p in pairs if (p[1] in unseen) == test], strict=True))
        for test in (False, True)
    )


def vowels(folder):
    import tfmetric as tm

    source = folder / "japanese_vowels" / "JapaneseVowels_TRAIN.ts"
    return tm.datasets.load(source, split="as given")


def digits(folder):
    """Ten spoken digits, no speaker in both parts."""
    import numpy as np

    import tfmetric as tm

    with np.load(folder / "fsdd" / "fsdd.npz") as stored:
        pcm = stored["pcm"].astype("float32") / 32768
        x = np.split(pcm, stored["offset"][1:-1])
        digit, speaker = stored["digit"], stored["speaker"]
    unseen = np.random.default_rng(0).permutation(np.unique(speaker))[:2]
    return tuple(
        tm.datasets.from_arrays(
            [x[i] for i in np.flatnonzero(rows)], digit[rows], kind="audio", sampling_rate=8000
        )
        for rows in (~np.isin(speaker, unseen), np.isin(speaker, unseen))
    )


def signatures(folder):
    """A class is a name by a writer; no writer is in both parts."""
    import tfmetric as tm

    return tm.datasets.load(
        folder / "signatures" / "signatures.csv",
        label="label",
        group="writer",
        split="groups",
        color="grey",
        image_size=(48, 96),
    )


def ten_classes(folder):
    import tfmetric as tm

    return tm.datasets.load("digits", split="examples")


_TEXT = {"loss": "SupConLoss", "embedding_dim": 512, "learning_rate": 1e-3}
TASKS = {
    "names": Task(
        names,
        {**_TEXT, "epochs": 4, "classes_per_batch": 64, "examples_per_class": 4},
        "the unseen half of the classes",
        "above TF-IDF by more than the interval",
    ),
    "clinc": Task(
        clinc,
        {**_TEXT, "epochs": 4, "examples_per_class": 6},
        "38 unseen intents of 150",
        "recall@1 above 0.956, MAP@R above 0.532",
    ),
    "clinc-static": Task(
        clinc,
        {**_TEXT, "epochs": 2, "examples_per_class": 6},
        "38 unseen intents of 150",
        "recall@1 0.975, MAP@R 0.60",
        backbone="static",
    ),
    "vowels": Task(
        vowels,
        {"loss": "SupConLoss", "epochs": 12, "learning_rate": 2e-3, "examples_per_class": 16},
        "370 utterances of the nine speakers, as given, against the 270 of the training",
        "1-NN accuracy 0.985",
        closed=True,
    ),
    "digits": Task(
        digits,
        {"loss": "SupConLoss", "epochs": 2, "learning_rate": 2e-3, "examples_per_class": 8},
        "ten digits by two unseen speakers of six",
        "above mean and deviation of the log-mel spectrum by more than the interval",
    ),
    "signatures": Task(
        signatures,
        {
            "loss": "SupConLoss",
            "epochs": 5,
            "learning_rate": 2e-3,
            "classes_per_batch": 32,
            "examples_per_class": 4,
            "embedding_dim": 128,
            "augment": True,
        },
        "unseen writers; impostors wrote the same name",
        "equal error rate at most 0.30",
        within=lambda label: label.split("/")[1],
    ),
    "ten-classes": Task(
        ten_classes,
        {"loss": "SupConLoss", "epochs": 1, "learning_rate": 3e-3, "examples_per_class": 16},
        "a quarter of each digit, against the rest",
        "precision@1 0.98 in one epoch",
        closed=True,
    ),
}


def run(name: str, seed: int, folder: Path, vectors: str | None, changes: dict) -> dict:
    """The figures of one training, with intervals, beside the baselines."""
    import keras

    import tfmetric as tm

    task = TASKS[name]
    train, test = task.data(folder)
    settings = tm.training.Settings().replace(**{**task.settings, **changes})
    keras.utils.set_random_seed(seed)
    start = time.perf_counter()
    backbone = settings.backbone or task.backbone

    def build(dim):
        return tm.models.embedder(
            train.element,
            dim,
            backbone=backbone,
            weights=vectors if backbone == "static" else None,
            adapt=train if train.element.kind == "text" else None,
        )

    training = tm.training.prepare(train, settings, seed, build)
    history = training.model.fit(training.batches, epochs=settings.epochs, shuffle=False, verbose=0)
    seconds = time.perf_counter() - start
    result = tm.evaluation.evaluate(
        training.embedder,
        test,
        gallery=train if task.closed else None,
        distance=training.distance,
        progress=False,
    )
    found = {"seconds": round(seconds), "loss": round(history.history["loss"][-1], 4)}
    found["queries"] = result.retrieval.num_queries
    sides = {"trained": result.retrieval, "untrained": result.untrained, "baseline": result.raw}
    for side, figures in sides.items():
        if figures is not None:
            found[side] = _retrieval(figures)
    found["baseline_title"] = result.raw_title
    if task.within is not None:
        found.update(_same_name(task, training, test))
    return found


def _retrieval(result):
    low, high = result.interval("map_at_r")
    return {
        "recall_at_1": round(result.recall_at[1], 4),
        "map_at_r": round(result.map_at_r, 4),
        "map_at_r_interval": [round(low, 4), round(high, 4)],
    }


def _same_name(task, training, test):
    """Equal error rates of the embeddings and of the pixels, impostors within a name."""
    import numpy as np

    import tfmetric as tm

    classes = [str(test.class_names[label]) for label in np.asarray(test.labels)]
    within = [task.within(label) for label in classes]
    embeddings = tm.evaluation.embed(training.embedder, test)
    pixels = test.read(np.arange(len(classes))).reshape(len(classes), -1).astype("float32")
    found = {}
    for side, x in (("trained", embeddings), ("baseline", pixels)):
        result = tm.evaluation.verification(
            x, classes, distance=training.distance, within=within, genuine="within"
        )
        low, high = result.interval("eer")
        found[f"{side}_eer"] = {
            "eer": round(result.eer, 4),
            "interval": [round(low, 4), round(high, 4)],
        }
    return found


def table(results: dict) -> str:
    """The page ``results/kinds.md``."""
    lines = [
        "# A tower of each kind",
        "",
        "`python -m benchmarks.kinds TASK` makes a row: recall@1 / MAP@R (its 95 % interval over",
        "classes). The recall@1 of a closed set is its 1-NN accuracy. EER is the equal",
        "error rate.",
        "",
        "| task | test | seed | trained | untrained | fair baseline | to reach | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, by_seed in results["tasks"].items():
        for seed, row in by_seed.items():
            cells = [_cell(row, side) for side in ("trained", "untrained", "baseline")]
            task = TASKS[name]
            cells[2] += f" ({row['baseline_title']})"
            lines.append(
                f"| {name} | {task.test}; {row['queries']:,} queries | {seed} | "
                f"{' | '.join(cells)} | {task.goal} | {row['seconds']} |"
            )
    machine = results["machine"]["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in results["machine"]["versions"].items())
    lines += [
        "",
        f"{machine['processor']}, {machine['cores']} cores, shared with other work: seconds are "
        f"upper bounds; {versions}.",
    ]
    return "\n".join(lines) + "\n"


def _cell(row, side):
    if f"{side}_eer" in row:
        found = row[f"{side}_eer"]
        return f"EER {found['eer']:.3f} ({found['interval'][0]:.3f}–{found['interval'][1]:.3f})"
    if side not in row:
        return "–"
    found = row[side]
    low, high = found["map_at_r_interval"]
    return f"{found['recall_at_1']:.4f} / {found['map_at_r']:.3f} ({low:.3f}–{high:.3f})"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--vectors", help="Folder of static vectors, for clinc-static")
    parser.add_argument("--settings", type=json.loads, default={}, help="Other settings, as JSON")
    parser.add_argument("--dry", action="store_true", help="Print only; keep the saved results")
    given = parser.parse_args(arguments)
    path = RESULTS / "kinds.json"
    results = json.loads(path.read_text()) if path.exists() else {"tasks": {}}
    for seed in given.seeds:
        row = run(given.task, seed, given.data, given.vectors, given.settings)
        print(json.dumps({given.task: {seed: row}}), flush=True)
        results["tasks"].setdefault(given.task, {})[str(seed)] = row
        if not given.dry:
            results["machine"] = describe("tensorflow", "keras", "numpy")
            path.write_text(json.dumps(results, indent=1) + "\n")
            (RESULTS / "kinds.md").write_text(table(results))


if __name__ == "__main__":
    main()
