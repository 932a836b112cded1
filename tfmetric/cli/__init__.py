"""The command line: ``tfmetric COMMAND``.

Only click is imported here and at the top of the command modules, so that ``--help`` and usage
errors answer at once; a command imports what it needs when it runs.
"""

import io
import os
import select
import signal
import sys
import time
from contextlib import contextmanager

import click

from tfmetric._version import __version__
from tfmetric.cli import exit_codes
from tfmetric.cli.completion import completion
from tfmetric.cli.datasets import datasets
from tfmetric.cli.doctor import doctor
from tfmetric.cli.embed import embed
from tfmetric.cli.evaluate import evaluate
from tfmetric.cli.export import export
from tfmetric.cli.index import index
from tfmetric.cli.losses import losses
from tfmetric.cli.quickstart import quickstart
from tfmetric.cli.report import report
from tfmetric.cli.serve import serve
from tfmetric.cli.serve_config import serve_config
from tfmetric.cli.train import train
from tfmetric.cli.tune import tune


class _Commands(click.Group):
    """Ends every command with its exit code and at most one line of error; see the epilog."""

    def make_context(self, info_name, args, parent=None, **extra):
        began = time.monotonic()
        with _one_line_ends():  # This call prints the help.
            context = super().make_context(info_name, args, parent, **extra)
        context.meta["tfmetric.began"] = began
        return context

    def invoke(self, ctx):
        with _one_line_ends(ctx.params["debug"]):
            return super().invoke(ctx)


@contextmanager
def _one_line_ends(debug=False):
    try:
        yield
    except (KeyboardInterrupt, click.Abort) as stop:
        if sys.stderr.isatty():
            click.echo(err=True)  # Ends the line on which the terminal has shown ^C.
        click.echo(": ".join(filter(None, ("Interrupted", str(stop)))), err=True)
        raise click.exceptions.Exit(exit_codes.INTERRUPTED) from None
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            raise click.exceptions.Exit(exit_codes.NO_READER) from None
        if debug:
            raise
        raise click.ClickException(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # TensorFlow wraps the error of a check inside a compiled step.
    wrapped = [line for line in lines[1:] if "Expected" in line and "Received" in line]
    if wrapped:
        return wrapped[0][wrapped[0].index("Expected") :].rstrip("'\"]")
    return lines[0] if lines else type(error).__name__


def _nobody_reads() -> bool:
    """Returns whether the reader of the output, such as ``head``, has ended."""
    if not hasattr(select, "poll"):  # Windows.
        return True
    ends = select.poll()
    for number in (1, 2):
        ends.register(number, 0)
    return any(found & (select.POLLERR | select.POLLHUP) for _, found in ends.poll(0))


def _flushed() -> bool:
    """Flushes the output; without a reader, keeps Python from trying again."""
    done = True
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            done = False
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)
    return done


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=exit_codes.TABLE,
)
@click.version_option(__version__, prog_name="tfmetric")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug):
    """Deep metric learning for Keras 3 and TensorFlow: from labelled data to a servable model.

    Start with `tfmetric quickstart`.
    """


cli.add_command(completion)
cli.add_command(datasets)
cli.add_command(doctor)
cli.add_command(embed)
cli.add_command(evaluate)
cli.add_command(export)
cli.add_command(index)
cli.add_command(losses)
cli.add_command(quickstart)
cli.add_command(report)
cli.add_command(serve)
cli.add_command(serve_config)
cli.add_command(train)
cli.add_command(tune)


def main():
    """The entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # The terminal may lack "Σ".
    code = exit_codes.NO_READER
    try:
        cli(prog_name="tfmetric")  # Also for python -m tfmetric.
    except SystemExit as end:
        code = end.code
    except BrokenPipeError:  # The reader of the error message is gone.
        pass
    # Nothing is left to save, so a second Ctrl-C ends at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code if _flushed() else exit_codes.NO_READER)
