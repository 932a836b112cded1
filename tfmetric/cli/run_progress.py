"""The progress of a long command on a run, and its interruption."""

import contextlib
import shlex

import click

from tfmetric.cli.interruption import interruptible
from tfmetric.runs import open as open_run
from tfmetric.runs.late_steps import IncompleteRun
from tfmetric.runs.progress import Progress


class CommandProgress(Progress):
    """Progress that remembers the directory of the run."""

    path = None

    def began(self, path):
        """Keeps the directory."""
        self.path = path

    def warn(self, text):
        """Prints the warning on the standard error stream."""
        click.echo(text, err=True)

    @contextlib.contextmanager
    def interruptible(self):
        """Ends the block on Ctrl-C or SIGTERM, and prints how to continue."""
        with interruptible(self._advice):
            yield

    def _advice(self):
        if self.path is None:
            return ""
        return f"go on with `tfmetric train --resume {shlex.quote(str(self.path))}`"


def to_the_end(work, progress: CommandProgress) -> tuple:
    """Does what trains and judges a run.

    Args:
        work: Called without arguments; returns the run.
        progress: What ``work`` says its progress to.

    Returns:
        The run, trained and judged; and the error of a later step, to be raised once everything
        is said, or None.
    """
    try:
        with progress.interruptible():
            return work(), None
    except IncompleteRun as error:
        return open_run(error.path), error
