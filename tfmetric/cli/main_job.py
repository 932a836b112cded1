"""The steps of the quickstart, each a few calls of the public API."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import keras
import numpy as np

import tfmetric as tm
from tfmetric._files import replacing
from tfmetric.cli import ask
from tfmetric.cli.recipes import Recipe
from tfmetric.cli.training import compile_for, embedder_for, training_batches

# The picture: so many queries with so many neighbours each.
_QUERIES, _NEIGHBOURS = 8, 8
# A figure each epoch must not cost more than the epoch.
_WATCHED = 2000


def run(
    dataset,
    recipe: Recipe,
    overrides,
    *,
    output,
    data_dir=None,
    download=False,
    seed=0,
    one_shot=None,
    command=None,
    report=True,
):
    """Loads, trains, judges, exports, asks the export, and writes it all down.

    Args:
        dataset: A source for :func:`tfmetric.datasets.load`.
        recipe: How to train.
        overrides: Settings of the recipe to replace.
        output: Directory for ``saved_models/`` and ``runs/``.
        data_dir: Directory of prepared TensorFlow Datasets.
        download: Whether TensorFlow Datasets may download.
        seed: Seed of everything.
        one_shot: Zip file of one-shot runs, or None.
        command: The command that does this again, for the report, or None.
        report: Whether the report is written too.

    Returns:
        The run's directory.
    """
    clock = _Clock()
    keras.utils.set_random_seed(seed)
    name, output = _name(dataset), Path(output)
    output.mkdir(parents=True, exist_ok=True)  # What cannot be written to is known before training.
    _say(f"1/5  Data: {dataset}")
    recipe = recipe.replace(**overrides)
    train, test = tm.datasets.load(
        dataset, data_dir=data_dir, download=download, image_size=recipe.image_size, seed=seed
    )
    recipe = recipe.fitted(train)
    click.echo(train.report)
    # Read now: what is wrong with the file should not be found out after the training.
    runs = one_shot and tm.evaluation.read_one_shot_runs(
        one_shot, train.element_shape[:2], train.element_shape[-1]
    )
    clock.lap("load")

    _say(f"2/5  Training on {train.num_classes:,} classes")
    click.echo(recipe.describe())
    model, batches = embedder_for(train, recipe), training_batches(train, recipe, seed)
    compile_for(model, recipe)
    watched, known = (_some_classes(part, _WATCHED, seed) for part in (test, train))
    click.echo(
        f"Each epoch is judged on {len(watched):,} examples of {watched.num_classes:,} classes "
        f"that training never sees, and on {len(known):,} examples that it trains on: among so few "
        "classes all figures are higher than on the whole of them, at the end."
    )
    history = model.fit(
        batches,
        shuffle=False,  # They come shuffled; Keras would warn that it cannot.
        epochs=recipe.epochs,
        callbacks=[
            tm.callbacks.RetrievalEvaluation(
                watched, ks=(1,), known=known, figures=("recall_at_1", "map_at_r")
            )
        ],
        verbose=1 if sys.stdout.isatty() else 2,
    ).history
    clock.lap("train")

    _say(f"3/5  Judging on all {test.num_classes:,} unseen classes")
    result = tm.evaluation.evaluate(model, test)
    click.echo(result.summary())
    one_shot = runs and tm.evaluation.one_shot(model, runs)
    if one_shot:
        click.echo(one_shot.summary())
    clock.lap("evaluate")

    _say("4/5  Exporting, with the unseen examples as the gallery")
    queries = _queries(test, seed)
    gallery = test.subset(np.setdiff1d(np.arange(len(test)), queries))
    version = tm.export.save(model, output / "saved_models" / name, gallery=gallery)
    click.echo(f"Wrote {version}: TensorFlow Serving serves {version.parent} as it is.")
    clock.lap("export")

    _say("5/5  Asking the export for neighbours, in a process without keras and tfmetric")
    answers = _ask(version, test.read(queries))
    right = np.array(answers["labels"]) == _names(test, queries)[:, None]
    click.echo(
        f"{int(right[:, 0].sum())} of {len(queries)} unseen queries have a neighbour of their own "
        "class in the first place."
    )
    clock.lap("query")

    directory = _free(output / "runs" / name / version.name)
    metrics = {
        "dataset": str(dataset),
        "seed": seed,
        "command": command,
        "created": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "training": recipe.describe(),
        "model": {
            "name": model.name,
            "parameters": int(model.count_params()),
            "layers": len(model.layers),
            "embedding_dim": int(model.output_shape[-1]),
        },
        "train": {"examples": len(train), "classes": train.num_classes},
        "test": {"examples": len(test), "classes": test.num_classes},
        "result": result.to_dict(),
        "one_shot": one_shot and one_shot.to_dict(),
        "served": {
            "queries": len(queries),
            "first_neighbour_right": int(right[:, 0].sum()),
            "answers": [
                {"query": query, "neighbours": found}
                for query, found in zip(test.ids[queries].tolist(), answers["ids"], strict=True)
            ],
        },
        "recipe": recipe.to_dict(),
        "history": {key: [float(v) for v in values] for key, values in history.items()},
        "saved_model": str(version),
        "seconds": clock.laps,
        "versions": _versions(),
        "data_check": train.report.to_dict(),
    }
    with replacing(directory) as draft:
        draft.mkdir()
        (draft / "metrics.json").write_text(json.dumps(metrics, indent=2, default=str) + "\n")
        model.save(draft / "model.keras")
        _pictures(draft, name, test, gallery, queries, answers, right, history, watched)
        tm.report.keep_evidence(draft, model, test, embeddings=result.embeddings, seed=seed)
        if report:
            tm.report.write(draft, model=model, shown_as=directory)
    clock.lap("report")
    _farewell(result, one_shot, directory, version, dataset, clock)
    return directory


def _some_classes(data, examples, seed):
    """All examples of some classes: about so many, but of two classes at least."""
    if len(data) <= examples:
        return data
    rng = np.random.default_rng(seed)
    number = max(2, round(data.num_classes * examples / len(data)))
    return data.subset(np.isin(data.labels, rng.choice(data.classes, number, replace=False)))


def _queries(data, seed):
    """One example each of some classes that have another to be found."""
    rng = np.random.default_rng(seed)
    counts = np.bincount(data.labels)
    classes = np.flatnonzero(counts > 1)
    chosen = rng.permutation(classes if len(classes) else data.classes)[:_QUERIES]
    return np.array([rng.choice(np.flatnonzero(data.labels == label)) for label in chosen])


def _names(data, indices):
    return np.array([data.class_names[label] for label in data.labels[indices]])


def _ask(version, inputs):
    with tempfile.TemporaryDirectory() as scratch:
        asked, told = Path(scratch, "queries.npy"), Path(scratch, "answers.json")
        np.save(asked, inputs)
        command = [sys.executable, ask.__file__, version, asked, _NEIGHBOURS, told]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [str(part) for part in command], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"The exported model did not answer: {done.stderr.strip()[-500:]}")
        return json.loads(told.read_text())


def _pictures(directory, name, test, gallery, queries, answers, right, history, watched):
    place = {key: index for index, key in enumerate(gallery.ids.tolist())}
    found = np.array([[place[key] for key in row] for row in answers["ids"]])
    neighbours = gallery.read(found.reshape(-1)).reshape(*found.shape, *gallery.element_shape)
    tm.visualization.neighbour_gallery(
        test.read(queries),
        neighbours,
        right,
        [_short(text) for text in _names(test, queries)],
        [[_short(text) for text in row] for row in answers["labels"]],
        title=f"{name}: unseen classes, as the exported model answers",
    ).savefig(directory / "neighbours.png")
    raw = tm.evaluation.retrieval(watched.read().reshape(len(watched), -1), watched.labels, ks=(1,))
    tm.visualization.training_curves(
        history,
        {"raw inputs, recall@1": raw.recall_at[1], "raw inputs, MAP@R": raw.map_at_r},
        title=f"{name}: judged on {len(watched):,} examples of unseen classes",
    ).savefig(directory / "training.png")


def _short(text):
    return text if len(text) <= 14 else text[:13] + "…"


def _farewell(result, one_shot, directory, version, dataset, clock):
    _say(f"Done in {sum(clock.laps.values()):.0f} s")
    click.echo(result.verdict())
    if one_shot:
        click.echo(one_shot.summary())
    if (directory / "report.html").is_file():
        click.echo(f"\nReport, for any browser:                {directory / 'report.html'}")
    click.echo(f"Pictures, metrics.json and model.keras: {directory}")
    click.echo(f"SavedModel for TensorFlow Serving:      {version}")
    click.echo("\nTry next:")
    click.echo("  tfmetric quickstart --dataset FOLDER     # your images, a folder a class")
    if dataset != "tfds:omniglot":
        click.echo("  tfmetric quickstart --dataset tfds:omniglot --download")
    click.echo(
        "  python -c \"import tfmetric as tm; print(tm.export.load('"
        f"{version.parent.as_posix()}').metadata)\""
    )


def _name(dataset):
    """A directory name made of the source: of a path its last part, of a TFDS set its name."""
    text = str(dataset)
    if text.startswith("tfds:"):
        text = text.split(":")[1]
    path = Path(text).resolve()
    stem = path.stem if path.suffix in (".csv", ".npz") else path.name
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in stem).strip(".") or "data"


def _free(path):
    """The path, or the first of path-2, path-3, ... where something is there already."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _versions():
    import tensorflow as tf

    return {
        "tfmetric": tm.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
    }


def _say(text):
    click.secho(f"\n{text}", bold=True)


class _Clock:
    """Seconds of each step."""

    def __init__(self):
        self.laps, self._last = {}, time.perf_counter()

    def lap(self, name):
        now = time.perf_counter()
        self.laps[name], self._last = round(now - self._last, 1), now
