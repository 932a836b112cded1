"""Prints a line for each trial of a search, and keeps its tables up to date."""

from __future__ import annotations

import time

from tfmetric.tuning.search.search_result import read_trials
from tfmetric.tuning.search.trial_tables import remark_on, score_of, shown, write_tables


class ProgressLines:
    """Prints a line for each trial, and keeps best.json and trials.csv up to date.

    Args:
        files: The search's directory.
        objective: Name of the figure.
        progress: Whether to print a line a trial, and to show a bar of its epochs where stderr is
            a terminal.
        hparams: Function that writes a trial for TensorBoard, or None.

    Attributes:
        total: The most trials there will be; None if that is not known.
    """

    def __init__(self, files, objective, progress=True, hparams=None):
        self.files, self.objective, self.total = files, objective, None
        self.progress, self.hparams = progress, hparams
        self._bar, self._begun = None, time.perf_counter()
        self._before = len(files.outcomes())

    def begin(self, number, values, epochs):
        """Shows a bar for a trial that begins."""
        if self.progress:
            from tqdm import tqdm

            words = f"trial {number}: {shown(values)}"
            self._bar = tqdm(total=epochs, desc=words, unit="epoch", disable=None, leave=False)

    def epoch(self):
        """Moves the bar by an epoch."""
        if self._bar is not None:
            self._bar.update()

    def finished(self, trial, new):
        """Writes the tables after a trial, and prints its line if it is ``new`` in this process."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        trials = read_trials(self.files)
        best = write_tables(self.files, trials, self.objective)
        if not new:
            return
        if self.hparams is not None:
            self.hparams(trial)
        if self.progress:
            print(self._line(trial, best, len(trials)), flush=True)

    def _line(self, trial, best, done):
        of = f" of {self.total}" if self.total else ""
        text = (
            f"Trial {trial.number}{of}: {shown(trial.values)}; {self.objective} {score_of(trial)}"
        )
        if remark := remark_on(trial):
            text += f" ({remark})"
        if best is not None:
            text += f", best {best.score:.4f}"
        text += f"; {_time(trial.seconds)}"
        left = max(0, (self.total or 0) - done)
        if left:
            each = (time.perf_counter() - self._begun) / max(1, done - self._before)
            text += f", about {_time(left * each)} to go"
        return text


def _time(seconds):
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
