"""``tfmetric report``: writes one HTML page for a run."""

from pathlib import Path

import click

from tfmetric._run_files import read_metrics
from tfmetric.cli.next_steps import say_next
from tfmetric.cli.startup import quiet_start


@click.command()
@click.argument("run_dir", type=click.Path())
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    help="File to write.  [default: RUN_DIR/report.html]",
)
def report(run_dir, output):
    """Write a run's report: one HTML page that needs no network.

    RUN_DIR is the directory of a run, such as runs/glyphs/1 of `tfmetric quickstart`. The page
    shows data, model, figures with intervals, pictures, worst cases, groups, and the command to
    repeat it.
    """
    read_metrics(run_dir)  # Check the run before TensorFlow is loaded for seconds.
    with quiet_start():
        from tfmetric.report import write

    click.echo(f"Drawing the report of {run_dir} ...")
    written = write(run_dir, output)
    click.echo(f"Wrote {written} ({written.stat().st_size / 1e6:.1f} MB): open it in any browser.")
    model = Path(run_dir, "model.keras")
    if model.is_file():
        name = Path(run_dir).resolve().parent.name
        say_next(["tfmetric", "export", run_dir, f"saved_models/{name}"])
