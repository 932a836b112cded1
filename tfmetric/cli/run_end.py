"""The end of a run: judged on the unseen classes, and written down."""

import csv
import itertools
import json
import shlex

import click
import keras

import tfmetric as tm
from tfmetric._files import filling, replacing
from tfmetric._run_files import METRICS
from tfmetric.cli.records import (
    metrics,
    name_of,
    names_of,
    neighbour_picture,
    some_queries,
    training_picture,
)
from tfmetric.cli.talk import say

_NEIGHBOURS = 8


def end(run, config, training, parts, held_out, watched, checkpoint, stopping, clock) -> None:
    """Judges the embedder and writes everything; metrics.json comes last.

    Args:
        run: The run's directory.
        config: Its config.
        training: The training, done.
        parts: All data, (train, test).
        held_out: The training data that early stopping was judged on, or None.
        watched: The data that each epoch was judged on.
        checkpoint: With the history.
        stopping: The early stopping, or None.
        clock: Of the steps.
    """
    train, test = parts
    say(f"3/3  Judging on all {test.num_classes:,} unseen classes")
    # Where it was resumed does not decide what is drawn from here on.
    keras.utils.set_random_seed(config.seed)
    model = training.embedder
    result = tm.evaluation.evaluate(model, test, training.distance, seed=config.seed)
    click.echo(result.summary())
    clock.lap("evaluate")
    found = metrics(
        dataset=config.dataset,
        seed=config.seed,
        command=config.command,
        train=train,
        test=test,
        training=training,
        image_size=config.image_size,
        result=result.to_dict(),
        history=checkpoint.history,
        clock=clock,
    )
    found["stopped_early"] = checkpoint.stopped
    if stopping is not None:
        found["validation"] = {
            "examples": len(held_out),
            "classes": held_out.num_classes,
            "best_epoch": stopping.best_epoch + 1,
        }
        found["training"] += _stopping_words(config, held_out, checkpoint, stopping)
    with filling(run.path, METRICS) as draft:
        (draft / METRICS).write_text(json.dumps(found, indent=2, default=str) + "\n")
        model.save(draft / "model.keras")
        training_picture(draft, name_of(config.dataset), checkpoint.history, watched, training)
        _neighbours(draft, name_of(config.dataset), test, result.embeddings, training, config.seed)
        tm.report.keep_evidence(
            draft,
            model,
            test,
            embeddings=result.embeddings,
            distance=training.distance,
            seed=config.seed,
        )
        if config.report:
            tm.report.write(draft, model=model, shown_as=run.path)
    _farewell(run, config, result, clock)


def write_history(run, history) -> None:
    """Writes logs/history.csv, whole."""
    run.logs.mkdir(exist_ok=True)
    with (
        replacing(run.history) as draft,
        draft.open("w", encoding="utf-8", newline="") as file,
    ):
        lines = csv.writer(file)
        lines.writerow(["epoch", *history])
        rows = itertools.zip_longest(*history.values(), fillvalue="")
        lines.writerows([epoch, *row] for epoch, row in enumerate(rows, start=1))


def _stopping_words(config, held_out, checkpoint, stopping):
    words = (
        f"; judged each epoch on {held_out.num_classes:,} classes held out of the training ones, "
        f"patience {config.patience}, the weights of epoch {stopping.best_epoch + 1}"
    )
    return words + (f", stopped after {checkpoint.epochs_done}" if checkpoint.stopped else "")


def _neighbours(directory, name, test, embeddings, training, seed):
    queries = some_queries(test, seed)
    found = tm.visualization.find_neighbours(
        embeddings, test.labels, queries, _NEIGHBOURS, 0, training.distance
    )
    neighbour_picture(
        directory,
        f"{name}: unseen classes",
        (test, queries),
        (test, found.indices),
        names_of(test, queries),
        names_of(test, found.indices),
        found.right,
    )


def _farewell(run, config, result, clock):
    say(f"Done in {sum(clock.laps.values()):.0f} s")
    click.echo(result.verdict())
    if config.report:
        click.echo(f"\nReport, for any browser:                {run.path / 'report.html'}")
    click.echo(f"Pictures, metrics.json and model.keras: {run.path}")
    click.echo("\nTry next:")
    name = f"saved_models/{name_of(config.dataset)}"
    again = ["tfmetric", "train", "--config", str(run.config), "--seed", str(config.seed + 1)]
    for command in (again, ["tfmetric", "export", str(run.path), name]):
        click.echo(f"  {shlex.join(command)}")
