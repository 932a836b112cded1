"""What a long command says and how long its steps take."""

import sys
import time

import click


def say(text):
    """A heading."""
    click.secho(f"\n{text}", bold=True)


def verbosity() -> int:
    """Keras's ``verbose``: a bar in a terminal, else a line an epoch."""
    return 1 if sys.stdout.isatty() else 2


class Clock:
    """Seconds of each step."""

    def __init__(self):
        self.laps, self._last = {}, time.perf_counter()

    def lap(self, name):
        """Ends a step."""
        now = time.perf_counter()
        self.laps[name], self._last = round(now - self._last, 1), now
