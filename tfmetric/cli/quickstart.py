"""``tfmetric quickstart``: from labelled data to a served similarity model in one command."""

from pathlib import Path

import click

from tfmetric.cli.command_line import spelled
from tfmetric.cli.data_options import given_data_options, with_data_options
from tfmetric.cli.next_steps import say_duration, say_next, say_places, say_verdict
from tfmetric.cli.option_types import Margin
from tfmetric.cli.recipe_defaults import default_of
from tfmetric.cli.sources import source_of, with_source
from tfmetric.cli.startup import quiet_start


@with_source
@with_data_options
@click.command()
@click.option(
    "--output",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Directory for saved_models/ and runs/; no file in it is overwritten.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help=f"Epochs to train.  [default: {default_of('epochs')}]",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0, max=2**32 - 1),
    help="Seed; the same seed gives the same figures.",
)
@click.option(
    "--margin",
    type=Margin(),
    help=f"Margin of the triplet loss, or 'soft'.  [default: {default_of('margin')}]",
)
@click.option(
    "--mining",
    type=click.Choice(["hard", "semi-hard", "all"]),
    help=f"Mining of the triplet loss.  [default: {default_of('mining')}]",
)
@click.option(
    "--one-shot",
    type=click.Path(exists=True, dir_okay=False),
    help="Zip of one-shot runs in the layout of Omniglot's all_runs.zip, to evaluate on too.",
)
@click.option(
    "--report/--no-report", default=True, show_default=True, help="Write report.html at the end."
)
@click.pass_context
def quickstart(ctx, output, epochs, seed, margin, mining, one_shot, report, **options):
    """Train, evaluate, export and query a similarity model in one command.

    Without options it uses glyphs, characters in many typefaces, and takes about a minute on two
    cores. Half of the classes are for training; the other half is for evaluation.
    """
    with quiet_start():
        from tfmetric.cli.run_progress import CommandProgress, to_the_end
        from tfmetric.runs.beginning import begin
        from tfmetric.runs.config import resolved

    changed = {} if epochs is None else {"epochs": epochs}
    arguments = {} if mining is None else {"mining": mining}
    if margin is not None:
        arguments["margin"] = None if margin == "soft" else margin
    if arguments:  # The kind's recipe may have another loss.
        changed["loss"] = "TripletLoss"
    dataset = source_of(options) or "glyphs"
    given = {
        **given_data_options(options),
        "dataset": dataset,
        "seed": seed,
        "one_shot": one_shot,
        "report": report,
        "command": spelled(ctx, always=("seed",)),
    }
    config = resolved({}, given, changed, arguments)
    output = Path(output)
    config = config.replace(export=str((output / "saved_models" / config.file_name).absolute()))
    progress = CommandProgress(steps=5)
    run, failed = to_the_end(lambda: begin(config, None, progress, runs=output / "runs"), progress)
    _farewell(ctx, run, dataset)
    if failed:
        raise failed


def _farewell(ctx, run, dataset):
    say_duration(ctx)
    say_verdict(run)
    exported = run.metrics.get("saved_model")
    others = [("SavedModel for TensorFlow Serving:", exported)] if exported else []
    say_places(run.path, *others)
    commands = ["tfmetric quickstart FOLDER     # your data, a folder per class"]
    if dataset != "tfds:omniglot":
        commands.append("tfmetric quickstart tfds:omniglot --download")
    if exported:
        code = (
            "import tfmetric as tm; "
            f"print(tm.export.load({Path(exported).parent.as_posix()!r}).metadata)"
        )
        commands.append(["python", "-c", code])
    say_next(*commands)
