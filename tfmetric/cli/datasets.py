"""``tfmetric datasets``: lists data sets, checks a source, draws its examples."""

import json
import warnings

import click

from tfmetric.cli import exit_codes
from tfmetric.cli.data_options import as_words, given_data_options, with_data_options
from tfmetric.cli.next_steps import say_next
from tfmetric.cli.sources import BUILTIN, FORMS, Source, default_data_dir, prepared_sets
from tfmetric.cli.startup import quiet_start


@click.group()
def datasets():
    """List data sets, check one, or draw a sheet of its examples."""


@datasets.command("list")
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False),
    help="Folder of TensorFlow Datasets; by default its own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")
def list_sources(data_dir, as_json):
    """List the values of --dataset and SOURCE of all commands."""
    prepared = prepared_sets(data_dir)
    if as_json:
        click.echo(json.dumps({"builtin": BUILTIN, "forms": FORMS, "prepared": prepared}, indent=2))
        return
    where = data_dir or default_data_dir()
    _table("Built in", BUILTIN.items())
    _table("Your own data", FORMS.items())
    rows = [
        (entry["source"], f"{entry['examples']:,} examples, {entry['classes']:,} classes")
        for entry in prepared
    ]
    _table(f"Prepared sets in {where}", rows or [("none", "")])
    click.echo("`tfmetric datasets inspect SOURCE` checks one.")


def _table(title, rows):
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    click.secho(title, bold=True)
    for name, text in rows:
        click.echo(f"  {name:<{width}}  {text}".rstrip())
    click.echo()


def _load(source, given, **others):
    """Loads (train, test) as a training does, with the given data options."""
    config = {**given, "dataset": source}
    with quiet_start():
        from tfmetric.runs.config import resolved
        from tfmetric.runs.loading import load_data

    with warnings.catch_warnings():
        # The report names the omitted examples.
        warnings.filterwarnings("ignore", message=".*unusable examples", category=UserWarning)
        return load_data(resolved({}, config, {}, {}), **others)


@with_data_options
@datasets.command()
@click.argument("source", type=Source())
@click.option("--strict", is_flag=True, help="Treat unusable examples as an error.")
@click.option(
    "--check",
    is_flag=True,
    help=f"Exit code {exit_codes.FOUND} where examples were left out, or are in both parts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not text.")
def inspect(source, strict, check, as_json, **options):
    """Load SOURCE and print the findings of the data check.

    `tfmetric datasets list` lists values of SOURCE. The check reads the examples (in large image
    sets only suspicious files), counts classes, and finds examples that are in both the train and
    the test part.
    """
    given = given_data_options(options)
    report = _load(source, given, strict=strict)[0].report
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else report)
    if not as_json:
        say_next(["tfmetric", "train", source, *as_words(given)])
    if check and (report.skipped or report.duplicates):
        raise click.exceptions.Exit(exit_codes.FOUND)


@with_data_options
@datasets.command()
@click.argument("source", type=Source())
@click.argument("output", type=click.Path(dir_okay=False))
@click.option("--classes", type=click.IntRange(min=1), default=8, show_default=True, help="Rows.")
@click.option(
    "--per-class", type=click.IntRange(min=1), default=8, show_default=True, help="Columns."
)
@click.option(
    "--part", type=click.Choice(["train", "test"]), default="train", show_default=True, help="Half."
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of the choice of classes and examples.",
)
def sheet(source, output, classes, per_class, part, seed, **options):
    """Draw examples of some classes of SOURCE to the file OUTPUT (.png, .pdf or .svg).

    `tfmetric datasets list` lists values of SOURCE. --seed chooses classes and examples.
    """
    from pathlib import Path

    from tfmetric._files import replacing

    kind = Path(output).suffix.lstrip(".").lower()
    if kind not in ("png", "pdf", "svg"):
        raise click.UsageError(f"Expected a file that ends in .png, .pdf or .svg. Got: {output}")
    data = _load(source, given_data_options(options))[part == "test"]
    with quiet_start():
        import numpy as np

        from tfmetric.visualization import sample_sheet, thumbnails

    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(data.classes)[:classes])
    places = [
        np.sort(rng.permutation(np.flatnonzero(data.labels == label))[:per_class])
        for label in chosen
    ]
    name = Path(source).resolve().name if Path(source).exists() else source
    figure = sample_sheet(
        [thumbnails(data, rows) for rows in places],
        [data.class_names[label] for label in chosen],
        f"{name}, {part}: {len(chosen)} of {data.num_classes:,} classes",
    )
    with replacing(output) as draft:
        figure.savefig(draft, format=kind)
    click.echo(f"Wrote {output}")
