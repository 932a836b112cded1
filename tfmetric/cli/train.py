"""``tfmetric train``: one training in a directory, to resume and repeat."""

import contextlib
import json
import sys
from pathlib import Path

import click

from tfmetric._run_files import RUN_FILES
from tfmetric.cli.command_line import spelled
from tfmetric.cli.data_options import data_options
from tfmetric.cli.losses import LossName
from tfmetric.cli.next_steps import say_duration, say_next, say_places, say_verdict
from tfmetric.cli.option_types import NONE, Assignment, Margin, OrNone, assigned
from tfmetric.cli.recipe_defaults import show_defaults
from tfmetric.cli.sources import source_of, with_source
from tfmetric.cli.startup import quiet_start

_WHOLE = click.IntRange(min=1)
_RATE = click.FloatRange(min=0, min_open=True)
_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)
# The options of the run's config, of its settings, and of its loss.
_CONFIG = (
    *data_options(),
    click.Option(
        ["--patience"],
        type=OrNone(_WHOLE),
        help="Stop after this many epochs without a better MAP@R on classes held out of training. "
        " [default: no early stopping]",
    ),
    click.Option(
        ["--validation-fraction"],
        type=_SHARE,
        help="Share of the training classes held out for --patience.  [default: 0.2]",
    ),
    click.Option(
        ["--seed"],
        type=click.IntRange(min=0, max=2**32 - 1),
        help="Seed; the same seed gives the same figures.  [default: 0]",
    ),
    click.Option(
        ["--mixed-precision"],
        type=click.Choice(["bfloat16", "float16", NONE]),
        is_flag=False,
        flag_value="bfloat16",
        help="Compute layers in 16 bits; without a value, in bfloat16.  [default: none]",
    ),
    click.Option(
        ["--report/--no-report"],
        default=None,
        help="Write report.html at the end.  [default: report]",
    ),
)
_SETTINGS = (
    click.Option(["--loss"], type=LossName(), help="Name of a loss, see `tfmetric losses list`."),
    click.Option(["--embedding-dim"], type=_WHOLE, help="Length of an embedding."),
    click.Option(
        ["--backbone"],
        help="A network of keras.applications, such as MobileNetV2; none for a small network.",
    ),
    click.Option(["--weights"], help="Weights of the backbone: imagenet, a file, or none."),
    click.Option(
        ["--filters"], type=_WHOLE, help="Channels of the first block of the small network."
    ),
    click.Option(
        ["--dropout"],
        type=click.FloatRange(0, 1, max_open=True),
        help="Share of the features dropped before the last layer.",
    ),
    click.Option(["--classes-per-batch"], type=_WHOLE, help="Classes in a batch."),
    click.Option(["--examples-per-class"], type=_WHOLE, help="Examples of each class in a batch."),
    click.Option(["--epochs"], type=_WHOLE, help="Epochs to train."),
    click.Option(["--batches-per-epoch"], type=_WHOLE, help="Steps in an epoch."),
    click.Option(["--learning-rate"], type=_RATE, help="Peak of AdamW's rate."),
    click.Option(["--weight-decay"], type=click.FloatRange(min=0), help="Weight decay of AdamW."),
    click.Option(
        ["--augment/--no-augment"],
        default=None,
        help="Augment training examples by small random changes.",
    ),
    click.Option(
        ["--crop-to-ink"],
        type=OrNone(_WHOLE),
        help="Cut out drawings and scale them to this side.",
    ),
    click.Option(
        ["--rotate-classes/--no-rotate-classes"],
        default=None,
        help="Use images turned by 90°, 180° and 270° as further classes.",
    ),
)
_LOSS = (
    click.Option(["--margin"], type=Margin(), help="Margin of the loss."),
    click.Option(["--mining"], help="Mining of the loss."),
    click.Option(["--distance"], help="Distance of the loss."),
)
show_defaults(_SETTINGS + _LOSS)


@with_source
@click.command(params=[*_CONFIG, *_SETTINGS, *_LOSS])
@click.option(
    "--loss-argument",
    multiple=True,
    type=Assignment(),
    help="Any argument of the loss, may be repeated: --loss-argument temperature=0.05.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    help="Repeat the run of this config.toml; other options override it.",
)
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False),
    metavar="RUN",
    help="Continue a stopped run exactly; allows no other option but --json.",
)
@click.option(
    "--output",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Directory for runs/NAME/N.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the figures as JSON, progress on the error stream.",
)
@click.pass_context
def train(ctx, config, resume, output, as_json, loss_argument, **options):
    """Train an embedder, evaluate it on unseen classes, and keep everything in a directory.

    Defaults are the recipe of the data's kind; glyphs, digits and tfds:omniglot have their own. The
    directory OUTPUT/runs/NAME/N holds config.toml, checkpoints and logs from the start, and
    model.keras, metrics.json, pictures and report.html at the end. Ctrl-C or a kill loses at most
    one epoch: continue with --resume.
    """
    if resume:
        _alone(ctx)
    # Progress must not mix with the JSON.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        if resume:
            run, failed = _resumed(resume)
        else:
            run, failed = _begun(ctx, config, output, loss_argument, options)
        _farewell(ctx, run)
    if as_json:
        click.echo(json.dumps(_figures(run), indent=2))
    if failed:
        raise failed


def _figures(run):
    metrics = run.metrics
    return {
        "run": str(run.path),
        "model": str(run.path / "model.keras"),
        "epochs": len(run.history.get("loss", ())),
        "stopped_early": metrics.get("stopped_early", False),
        "result": metrics["result"],
    }


def _farewell(ctx, run):
    say_duration(ctx)
    say_verdict(run)
    say_places(run.path)
    config = run.config
    again = ["tfmetric", "train", "--config", run.path / "config.toml"]
    export = ["tfmetric", "export", run.path, f"saved_models/{config.file_name}"]
    say_next([*again, "--seed", config.seed + 1], export)


def _alone(ctx):
    """Rejects other options, which would make it another training."""
    for option in ctx.command.params:
        given = ctx.get_parameter_source(option.name) == click.core.ParameterSource.COMMANDLINE
        if given and option.name not in ("resume", "as_json"):
            raise click.UsageError(
                "Expected --resume without other options than --json: a resumed run is the same "
                "run. For another one take --config RUN/config.toml and options beside it. "
                f"Received: {option.opts[0]}"
            )


def _resumed(path):
    from tfmetric import runs

    if not any(Path(path, name).is_file() for name in RUN_FILES):
        raise click.UsageError(
            f"Expected the directory of a run, which holds config.toml. Received: --resume {path}"
        )
    run = runs.open(path)
    if run.finished and run.metrics:  # Reads the files before TensorFlow is loaded.
        with quiet_start():
            complete = run.complete
        if complete:  # A finished run returns success, so that restart loops end.
            click.echo(f"{run.path} is finished; its figures are in metrics.json.")
            return run, None
    with quiet_start():
        from tfmetric.cli.run_progress import CommandProgress, to_the_end
        from tfmetric.runs.progress import number_of_steps

    progress = CommandProgress(steps=number_of_steps(run.config))
    return to_the_end(lambda: run.resume(progress=progress), progress)


def _begun(ctx, config, output, loss_argument, options):
    from tfmetric.runs.config_values import read_toml

    values = read_toml(config) if config else {}  # Checked before TensorFlow is loaded.
    source = source_of(options)
    given = {key: None if v == NONE else v for key, v in options.items() if v is not None}
    arguments = _of(_LOSS, given)
    if arguments.get("margin") == "soft":
        arguments["margin"] = None
    arguments |= dict(map(assigned, loss_argument))
    with quiet_start():
        from tfmetric.cli.run_progress import CommandProgress, to_the_end
        from tfmetric.runs.beginning import begin
        from tfmetric.runs.config import resolved
        from tfmetric.runs.progress import number_of_steps

    resolved_config = resolved(
        values,
        {
            "command": spelled(ctx),
            **({} if source is None else {"dataset": source}),
            **_of(_CONFIG, given),
        },
        _of(_SETTINGS, given),
        arguments,
    )
    progress = CommandProgress(steps=number_of_steps(resolved_config))
    return to_the_end(
        lambda: begin(resolved_config, None, progress, runs=Path(output, "runs")), progress
    )


def _of(options, given):
    """Returns the given ones of these options, by name."""
    return {option.name: given[option.name] for option in options if option.name in given}
