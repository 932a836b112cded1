"""Prints the last lines of a command on a run: paths, and the next commands."""

import shlex
import time

import click

_LABELS = (
    ("Report, for any browser:", "report.html"),
    ("Pictures, metrics.json and model.keras:", ""),
)


def say_duration(ctx) -> None:
    """Prints the duration of the command, imports included."""
    seconds = time.monotonic() - ctx.find_root().meta["tfmetric.began"]
    click.secho(f"\nDone in {seconds:.0f} s", bold=True)


def say_verdict(run) -> None:
    """Prints whether the embedding beats the baselines, and what to do if not."""
    metrics = run.metrics
    click.echo(metrics["result"].get("verdict", "The run has kept no verdict."))
    if metrics.get("advice") and not metrics.get("collapsed"):
        click.echo(metrics["advice"])
    if metrics.get("collapsed"):
        click.secho(f"Collapsed: {metrics.get('collapse')}", bold=True)


def say_places(path, *others) -> None:
    """Says where the files of a run are.

    Args:
        path: The directory of the run.
        *others: (label, path) of what else there is.
    """
    click.echo("")
    rows = [(label, path / name) for label, name in _LABELS if (path / name).exists()]
    width = max(len(label) for label, _ in (*rows, *others))
    for label, place in (*rows, *others):
        click.echo(f"{label:<{width}} {place}")


def say_next(*commands) -> None:
    """Prints the next commands, each a list of words or a line."""
    click.echo("\nTry next:")
    for command in commands:
        click.echo(f"  {command if isinstance(command, str) else shlex.join(map(str, command))}")
