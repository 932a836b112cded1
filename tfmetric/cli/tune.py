"""``tfmetric tune``: searches margins and settings, and evaluates the best."""

import contextlib
import json
import os
import shlex
import sys
from pathlib import Path

import click

from tfmetric._process_lock import locked
from tfmetric.cli.command_line import spelled
from tfmetric.cli.data_options import given_data_options, with_data_options
from tfmetric.cli.interruption import interruptible
from tfmetric.cli.losses import LossName
from tfmetric.cli.next_steps import say_duration, say_next, say_places, say_verdict
from tfmetric.cli.recipe_defaults import default_of
from tfmetric.cli.search_space import Span, check_names, parse_search
from tfmetric.cli.sources import source_of, with_source
from tfmetric.cli.startup import quiet_start
from tfmetric.cli.tuned_options import keep_options, read_options
from tfmetric.cli.worker_processes import workers

_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@with_source
@with_data_options
@click.command()
@click.option(
    "--loss",
    "losses",
    multiple=True,
    type=LossName(),
    help="Class name of a loss from `tfmetric losses list`; repeat it to choose among several.  "
    f"[default: {default_of('loss')}]",
)
@click.option(
    "--search",
    multiple=True,
    metavar="NAME=VALUES",
    help="Values to search, on top of the usual space: margin=0.05..1, mining=hard,semi-hard, "
    "batch=32x4,16x8; NAME=VALUE fixes a value, NAME=default does not search it.",
)
@click.option(
    "--everything",
    is_flag=True,
    help="Also search mining, distance, P×K and the embedding's length.",
)
@click.option(
    "--tuner",
    default="bayesian",
    show_default=True,
    type=click.Choice(["bayesian", "random", "hyperband", "grid"]),
    help="Tuner of Keras Tuner.",
)
@click.option(
    "--trials", type=click.IntRange(min=1), help="Number of settings to try.  [default: 20]"
)
@click.option(
    "--objective",
    default="map_at_r",
    show_default=True,
    help="Retrieval figure to maximise on validation classes, such as recall_at_1.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help=f"Epochs of each trial.  [default: {default_of('epochs')}]",
)
@click.option(
    "--batches-per-epoch",
    type=click.IntRange(min=1),
    help=f"Steps of an epoch.  [default: {default_of('batches_per_epoch')}]",
)
@click.option(
    "--validation",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "classes", "groups", "examples"]),
    help="Evaluate trials on training data of new classes, new groups, or new examples of the "
    "same classes; auto follows the split into training and test data.",
)
@click.option(
    "--validation-fraction",
    default=0.25,
    show_default=True,
    type=_SHARE,
    help="Share of the training data's classes, groups or examples for evaluating trials.",
)
@click.option(
    "--folds",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Evaluate each trial on this many folds of the training data instead.",
)
@click.option(
    "--repeats",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Trainings of each trial on each fold.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    help="Stop a trial after so many epochs without a better figure.  [default: never]",
)
@click.option(
    "--prune/--no-prune", default=True, show_default=True, help="Stop trials below the median."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1))
@click.option(
    "--output",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Directory for tuning/NAME.",
)
@click.option("--name", help="NAME of the search.  [default: the data set's name]")
@click.option("--overwrite", is_flag=True, help="Replace an existing search.")
@click.option("--tensorboard", is_flag=True, help="Write trials for TensorBoard's HParams page.")
@click.option(
    "--workers",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Number of processes that run trials in parallel; 0 for this process alone.",
)
@click.option(
    "--report/--no-report", default=True, show_default=True, help="Write report.html at the end."
)
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Continue the search in DIR with its options; --trials adds trials.",
)
@click.option("--json", "as_json", is_flag=True, help="Print only the result, as JSON.")
@click.pass_context
def tune(ctx, resume, **options):
    """Search the margin of a loss, and evaluate the best setting without bias.

    Without --loss the loss is that of the recipe of the data; one without a margin has its
    temperature searched. --search margin=... or mining=... is a search of TripletLoss.

    Each trial trains on one part of the training data and is evaluated on the other. The best
    setting and the default are then trained on all training data and evaluated once on the test
    data. OUTPUT/tuning/NAME holds tables and pictures of the trials, model.keras, and a report.
    Repeat the command, or use --resume, to continue a stopped search.
    """
    if resume:
        options = read_options(ctx, Path(resume), options)
    else:
        options["command"] = spelled(ctx, always=("seed",))
        options["dataset"] = source_of(options) or "glyphs"
        # Saved with the search; a file without this option is of an old version.
        options["split_seed"] = options["split_seed"] or 0
    space = parse_search(options["search"])
    check_names(space, options["losses"])  # Checked before TensorFlow is loaded.
    quiet = options["as_json"]
    # With --json other output goes to the error stream.
    with contextlib.redirect_stdout(sys.stderr) if quiet else contextlib.nullcontext():
        result, directory, failed = _search_and_judge(options, space, bool(resume))
        if result is None:
            return
        _farewell(ctx, result, directory)
    if quiet:
        found = {"path": str(directory), "command": options["command"], **result.to_dict()}
        click.echo(json.dumps(found, default=str))
    if failed:
        raise failed


def _search_and_judge(options, space, resumed):
    """Result (None in a worker), its directory, and the error of a late step or None."""
    with quiet_start():
        from tfmetric.cli.run_progress import CommandProgress, to_the_end
        from tfmetric.runs.config import located, name_of, resolved
        from tfmetric.runs.disk import room_on_the_disk
        from tfmetric.runs.loading import load_data
        from tfmetric.runs.searched import keep_best
        from tfmetric.tuning.search.search_directory import SearchDirectory

    if not resumed:  # The search may be resumed from any directory.
        options |= {
            name: located(options[name]) for name in ("dataset", "data_dir") if options[name]
        }
    data = given_data_options(dict(options))
    data |= {name: options[name] for name in ("dataset", "seed", "report", "command")}
    changed = {name: options[name] for name in ("epochs", "batches_per_epoch") if options[name]}
    if not options["losses"] and {"margin", "mining"} & set(space):
        changed["loss"] = "TripletLoss"  # The recipe of the kind may have no margin.
    config = resolved({}, data, changed, {})
    directory = Path(options["output"], "tuning", options["name"] or name_of(options["dataset"]))
    worker = "KERASTUNER_ORACLE_IP" in os.environ and not _is_chief()
    lock = SearchDirectory(directory).lock
    again = shlex.join(["tfmetric", "tune", "--resume", str(directory)])
    with (
        contextlib.nullcontext() if worker else locked(lock, directory),
        room_on_the_disk(directory, again),
    ):
        progress = CommandProgress(quiet=worker)  # A worker prints only its trials.
        parts = load_data(config, progress=progress)
        config = config.for_data(parts[0])
        if not worker:
            keep_options(directory, options)
            progress.heading("Searching")
        result = _search(parts, config, space, directory, options, worker)
        progress.lap("search")
        if result is None or not result.final.evaluation:  # The last training failed.
            return result, directory, None
        progress.heading("Writing the evaluation of the best")
        _, failed = to_the_end(lambda: keep_best(result, config, parts, progress), progress)
    return result, directory, failed


def _is_chief():
    return "chief" in os.environ.get("KERASTUNER_TUNER_ID", "")


def _search(parts, config, space, directory, options, worker):
    from tfmetric import tuning

    train, test = parts
    space = {
        name: tuning.Range(*spec) if isinstance(spec, Span) else spec
        for name, spec in space.items()
    }
    losses, settings = options["losses"] or None, config.settings
    if options["everything"]:
        everything = tuning.default_space(
            losses or settings.loss, True, settings.fitted(train), train.num_classes
        )
        space = {**everything, **space}
    again = ["tune", "--resume", str(directory)]
    crew = 0 if worker else options["workers"]
    advice = f"go on with `tfmetric {shlex.join(again)}`"
    with interruptible(lambda: advice), workers(again, crew, options["as_json"]):
        return tuning.margin_search(
            train,
            test,
            losses=losses,
            search_space=space,
            settings=settings,
            tuner=options["tuner"],
            max_trials=options["trials"],
            objective=options["objective"],
            validation=tuning.Validation(
                options["validation"],
                options["validation_fraction"],
                options["folds"],
                options["repeats"],
            ),
            stopping=tuning.Stopping(options["patience"], options["prune"]),
            directory=directory,
            seed=options["seed"],
            tensorboard=options["tensorboard"],
            progress=not options["as_json"],
        )


def _farewell(ctx, result, directory):
    from tfmetric.runs import open as open_run

    click.echo("")
    click.echo(result.summary())
    say_duration(ctx)
    if result.final.evaluation:
        say_verdict(open_run(directory))
    say_places(directory)
    if result.final.evaluation:
        say_next(
            ["tfmetric", "train", "--config", directory / "config.toml"],
            ["tfmetric", "export", directory, f"saved_models/{directory.name}"],
        )
