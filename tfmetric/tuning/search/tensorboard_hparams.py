"""Writes trials for the HParams page of TensorBoard."""

from __future__ import annotations

from tfmetric._optional import require
from tfmetric.tuning.search.ranges import label


class HParams:
    """Writes each trial as a run of TensorBoard: its searched values and the objective.

    Args:
        directory: The directory to write to; each trial gets its own in it.
        objective: Name of the figure.
    """

    def __init__(self, directory, objective: str):
        self.api = require("tensorboard.plugins.hparams.api", "viz")
        self.directory, self.objective = directory, objective

    def __call__(self, trial) -> None:
        """Writes a finished trial in place of its former events."""
        import tensorflow as tf

        values = {name: _plain(value) for name, value in trial.values.items()}
        place = self.directory / f"trial_{trial.number:04d}"
        for old in place.glob("events.*"):
            old.unlink()
        with tf.summary.create_file_writer(str(place)).as_default():
            self.api.hparams(values, trial_id=f"trial {trial.number}")
            tf.summary.scalar(self.objective, trial.score, step=trial.best_epoch)
            for run in trial.runs:
                name = f"{self.objective}/fold {run.fold}, repeat {run.repeat}"
                for epoch, value in enumerate(run.curve, start=1):
                    tf.summary.scalar(name, value, step=epoch)


def _plain(value):
    return value if isinstance(value, (bool, int, float, str)) else label(value)
