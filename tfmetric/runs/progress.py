"""Prints and times the steps of a run."""

import sys
import time


class Progress:
    """Prints the steps of a run, and measures them.

    Args:
        quiet: Whether to print nothing on standard output; warnings still go to the standard error
            stream.
        steps: Number of numbered steps.
    """

    def __init__(self, quiet: bool = False, steps: int = 3):
        self.quiet, self.steps = quiet, steps
        self.seconds: dict[str, float] = {}
        self._step, self._last = 0, time.perf_counter()

    def heading(self, text: str) -> None:
        """Begins a numbered step."""
        self._step += 1
        text = f"{self._step}/{self.steps}  {text}"
        self.say(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")

    def say(self, text) -> None:
        """Prints a line."""
        if not self.quiet:
            print(text, flush=True)

    def warn(self, text: str) -> None:
        """Prints a line on the standard error stream."""
        print(text, file=sys.stderr, flush=True)

    def began(self, path) -> None:
        """Is called once the directory of the run exists."""

    @property
    def verbosity(self) -> int:
        """Keras's ``verbose``: a bar in a terminal, else a line for each epoch."""
        if self.quiet:
            return 0
        return 1 if sys.stdout.isatty() else 2

    def lap(self, name: str) -> None:
        """Ends the measurement of a step."""
        now = time.perf_counter()
        self.seconds[name], self._last = round(now - self._last, 1), now


def number_of_steps(config) -> int:
    """Returns the number of numbered steps of a config's run."""
    return 5 if config.export else 3
