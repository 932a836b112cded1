"""The steps of the quickstart, each a few calls of the public API."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import keras
import numpy as np

import tfmetric as tm
from tfmetric._files import replacing
from tfmetric.cli import ask
from tfmetric.cli.learning import fit, judge, some_classes
from tfmetric.cli.recipes import Recipe
from tfmetric.cli.records import (
    metrics,
    name_of,
    names_of,
    neighbour_picture,
    some_queries,
    training_picture,
)
from tfmetric.cli.talk import Clock, say

_NEIGHBOURS = 8


def run(
    dataset,
    recipe: Recipe,
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
    clock = Clock()
    keras.utils.set_random_seed(seed)
    name, output = name_of(dataset), Path(output)
    output.mkdir(parents=True, exist_ok=True)  # What cannot be written to is known before training.
    say(f"1/5  Data: {dataset}")
    train, test = tm.datasets.load(
        dataset, data_dir=data_dir, download=download, image_size=recipe.image_size, seed=seed
    )
    click.echo(train.report)
    # Read now: what is wrong with the file should not be found out after the training.
    runs = one_shot and tm.evaluation.read_one_shot_runs(
        one_shot, train.element_shape[:2], train.element_shape[-1]
    )
    clock.lap("load")

    say(f"2/5  Training on {train.num_classes:,} classes")
    training = tm.training.prepare(train, recipe.settings, seed)
    click.echo(training.settings.describe())
    watched, known = (some_classes(part, seed) for part in (test, train))
    click.echo(
        f"Each epoch is judged on {len(watched):,} examples of {watched.num_classes:,} classes "
        f"that training never sees, and on {len(known):,} examples that it trains on: among so few "
        "classes all figures are higher than on the whole of them, at the end."
    )
    model, history = training.embedder, fit(training, [judge(training, watched, known)])
    clock.lap("train")

    say(f"3/5  Judging on all {test.num_classes:,} unseen classes")
    result = tm.evaluation.evaluate(model, test, training.distance, seed=seed)
    click.echo(result.summary())
    one_shot = runs and tm.evaluation.one_shot(model, runs)
    if one_shot:
        click.echo(one_shot.summary())
    clock.lap("evaluate")

    say("4/5  Exporting, with the unseen examples as the gallery")
    queries = some_queries(test, seed)
    gallery = test.subset(np.setdiff1d(np.arange(len(test)), queries))
    version = tm.export.save(
        model, output / "saved_models" / name, gallery=gallery, distance=training.distance
    )
    click.echo(f"Wrote {version}: TensorFlow Serving serves {version.parent} as it is.")
    clock.lap("export")

    say("5/5  Asking the export for neighbours, in a process without keras and tfmetric")
    answers = _ask(version, test.read(queries))
    right = np.array(answers["labels"]) == names_of(test, queries)[:, None]
    click.echo(
        f"{int(right[:, 0].sum())} of {len(queries)} unseen queries have a neighbour of their own "
        "class in the first place."
    )
    clock.lap("query")

    directory = _free(output / "runs" / name / version.name)
    found = {
        **metrics(
            dataset=dataset,
            seed=seed,
            command=command,
            train=train,
            test=test,
            training=training,
            image_size=recipe.image_size,
            result=result.to_dict(),
            history=history,
            clock=clock,
        ),
        "one_shot": one_shot and one_shot.to_dict(),
        "served": {
            "queries": len(queries),
            "first_neighbour_right": int(right[:, 0].sum()),
            "answers": [
                {"query": query, "neighbours": ids}
                for query, ids in zip(test.ids[queries].tolist(), answers["ids"], strict=True)
            ],
        },
        "saved_model": str(version),
    }
    with replacing(directory) as draft:
        draft.mkdir()
        (draft / "metrics.json").write_text(json.dumps(found, indent=2, default=str) + "\n")
        model.save(draft / "model.keras")
        _picture(draft, name, test, gallery, queries, answers, right)
        training_picture(draft, name, history, watched, training)
        tm.report.keep_evidence(draft, model, test, embeddings=result.embeddings, seed=seed)
        if report:
            tm.report.write(draft, model=model, shown_as=directory)
    clock.lap("report")
    _farewell(result, one_shot, directory, version, dataset, clock)
    return directory


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


def _picture(directory, name, test, gallery, queries, answers, right):
    place = {key: index for index, key in enumerate(gallery.ids.tolist())}
    neighbour_picture(
        directory,
        f"{name}: unseen classes, as the exported model answers",
        (test, queries),
        (gallery, np.array([[place[key] for key in row] for row in answers["ids"]])),
        names_of(test, queries),
        answers["labels"],
        right,
    )


def _farewell(result, one_shot, directory, version, dataset, clock):
    say(f"Done in {sum(clock.laps.values()):.0f} s")
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


def _free(path):
    """The path, or the first of path-2, path-3, ... where something is there already."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
