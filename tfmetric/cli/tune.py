"""``tfmetric tune``: the margin search, from a data set to a judged model and a report."""

import json
from pathlib import Path

import click

from tfmetric.cli.command_line import spelled
from tfmetric.cli.losses import LossName
from tfmetric.cli.search_space import parse_search
from tfmetric.cli.sources import Source
from tfmetric.cli.startup import quiet_start

OPTIONS = "tune.toml"
_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)
# What does not change the search that a directory holds.
_FREE = ("resume", "workers", "trials", "report", "as_json", "output", "overwrite")


@click.command()
@click.option(
    "--dataset",
    default="glyphs",
    show_default=True,
    type=Source(),
    help="As in `tfmetric quickstart`.",
)
@click.option("--data-dir", help="Where TensorFlow Datasets keeps prepared data.")
@click.option("--download", is_flag=True, help="Let TensorFlow Datasets download the data.")
@click.option("--image-size", type=click.IntRange(min=4), help="Side to resize images to.")
@click.option(
    "--test-fraction",
    default=0.5,
    show_default=True,
    type=_SHARE,
    help="Share of the classes for the test.",
)
@click.option(
    "--loss",
    "losses",
    multiple=True,
    type=LossName(),
    help="Class name of a loss, as `tfmetric losses list` has it; several to choose from.",
)
@click.option(
    "--search",
    multiple=True,
    metavar="NAME=VALUES",
    help="What to search, over the usual space: margin=0.05..1, mining=hard,semi-hard, "
    "batch=32x4,16x8; NAME=VALUE fixes it, NAME=default leaves it as it is.",
)
@click.option("--everything", is_flag=True, help="Search mining, distance, P×K and the length too.")
@click.option(
    "--tuner",
    default="bayesian",
    show_default=True,
    type=click.Choice(["bayesian", "random", "hyperband", "grid"]),
    help="Which of Keras Tuner's.",
)
@click.option("--trials", type=click.IntRange(min=1), help="Settings to try.  [default: 20]")
@click.option(
    "--objective",
    default="map_at_r",
    show_default=True,
    help="Retrieval figure to maximise on validation classes, such as recall_at_1.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Epochs of each trial.")
@click.option("--batches-per-epoch", type=click.IntRange(min=1), help="Steps of an epoch.")
@click.option(
    "--validation",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "classes", "groups", "examples"]),
    help="Judge trials on training data of new classes, new groups, or new examples of the same "
    "classes; auto does as the split into training and test data did.",
)
@click.option(
    "--validation-fraction",
    default=0.25,
    show_default=True,
    type=_SHARE,
    help="Share of the training data's classes, groups or examples that trials are judged on.",
)
@click.option(
    "--folds",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Judge each trial on so many folds of the training data in turn instead.",
)
@click.option(
    "--repeats",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Trainings of each trial on each fold.",
)
@click.option("--patience", type=click.IntRange(min=1), help="Stop after so many idle epochs.")
@click.option(
    "--prune/--no-prune", default=True, show_default=True, help="Stop what is below the median."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1))
@click.option(
    "--output",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False),
    help="The search is written to tuning/NAME there.",
)
@click.option("--name", help="NAME of the search; that of the data set if none.")
@click.option("--overwrite", is_flag=True, help="Begin again where there is a search already.")
@click.option("--tensorboard", is_flag=True, help="Write trials for TensorBoard's HParams page.")
@click.option(
    "--workers",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Processes that run trials at the same time; 0 for this one alone.",
)
@click.option(
    "--report/--no-report", default=True, show_default=True, help="Write report.html at the end."
)
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Go on with the search in DIR, and take all other options from there; --trials adds some.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else.")
@click.pass_context
def tune(ctx, resume, **options):
    """Search the margin of a loss, and say honestly what the best is worth.

    Each trial trains on some of the training classes and is judged on others of them. The best is
    trained on all, beside the setting with nothing searched, and judged once on the test classes.
    It is written to OUTPUT/tuning/NAME: tables and pictures of the trials, model.keras, a report.
    The same command again, or --resume, goes on where a search was stopped or killed.
    """
    if resume:
        options = _resumed(ctx, Path(resume), options)
    else:
        parse_search(options["search"])  # What is no search space is known before TensorFlow.
        options["command"] = spelled(ctx, always=("seed",))
    with quiet_start():
        from tfmetric.cli.run_config import located
        from tfmetric.cli.tuning_job import run

    if not resume:  # It may be resumed and judged from anywhere.
        places = {name: located(options[name]) for name in ("dataset", "data_dir") if options[name]}
        options |= places
    found = run(options)
    if options["as_json"] and found is not None:
        click.echo(json.dumps(found, default=str))


def _resumed(ctx, directory, options):
    import tomllib

    default = click.core.ParameterSource.DEFAULT
    given = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name not in _FREE and ctx.get_parameter_source(parameter.name) != default
    ]
    if given:
        raise click.UsageError(
            "Expected no other options with --resume than --trials, --workers, --report and "
            f"--json: the search has its own. Received: {', '.join(given)}"
        )
    path = directory / OPTIONS
    try:
        kept = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.UsageError(
            f"Expected the directory of a search of `tfmetric tune`, which holds {OPTIONS}. "
            f"Received: {directory} ({error})"
        ) from None
    free = {name: options[name] for name in ("workers", "report", "as_json")}
    trials = options["trials"] or kept.get("trials")
    place = {"output": str(directory.resolve().parent.parent), "name": directory.resolve().name}
    return {**options, **kept, **free, **place, "trials": trials, "overwrite": False}
