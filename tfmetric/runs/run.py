"""A run: one training in a directory, with its inputs and results."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmetric._run_files import read_metrics
from tfmetric.runs.config import RunConfig, resolved
from tfmetric.runs.config_values import read_toml
from tfmetric.runs.directory import RunDirectory
from tfmetric.runs.former import config_of_former_run
from tfmetric.runs.progress import Progress, number_of_steps

if TYPE_CHECKING:
    import keras

    from tfmetric.datasets import LabeledData
    from tfmetric.report import Evidence


class Run:
    """One training in a directory, to resume, repeat, evaluate and report.

    :func:`train` makes a run and :func:`open` finds one again. A run is path-like: functions that
    take a path take it. The directory holds

    * ``config.toml``: everything that the training depends on (:attr:`config`);
    * ``checkpoints/`` and ``logs/``: the state of the training, for :meth:`resume`;
    * ``model.keras``: the embedder (:meth:`model`);
    * ``metrics.json``: the figures (:attr:`metrics`);
    * ``evidence.npz``, pictures and ``report.html``: the report and its data.

    Args:
        path: The directory.
    """

    def __init__(self, path: str | os.PathLike):
        self.files = RunDirectory(path)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __repr__(self):
        state = "finished" if self.finished else "not finished"
        return f"<Run in {self.path}, {state}>"

    @property
    def path(self) -> Path:
        """The directory of the run."""
        return self.files.path

    @property
    def finished(self) -> bool:
        """Whether the run is trained and evaluated."""
        return self.files.finished

    @property
    def complete(self) -> bool:
        """Whether the run is finished, including pictures and all other requested steps."""
        if not self.finished or not self.files.config.is_file():
            return self.finished
        from tfmetric.runs.late_steps import missing_steps

        return not missing_steps(self.files, self.config)

    @cached_property
    def config(self) -> RunConfig:
        """What the run depends on.

        Raises:
            ValueError: If the directory holds none that can be read.
        """
        if self.files.config.is_file():
            return resolved(read_toml(self.files.config), {}, {}, {})
        return config_of_former_run(self.path)

    @property
    def metrics(self) -> dict:
        """The figures of the finished run: the contents of ``metrics.json``.

        Raises:
            ValueError: If the run is not finished, or the file is damaged.
        """
        return read_metrics(self.path)

    @property
    def history(self) -> dict[str, list[float]]:
        """Loss and figures by epoch."""
        return self.metrics.get("history") or {}

    @property
    def distance(self) -> str:
        """Name of the distance of training and evaluation."""
        return self.metrics["result"].get("distance") or "euclidean"

    @property
    def evidence(self) -> Evidence | None:
        """The evaluated examples with their embeddings, for drawing the pictures."""
        from tfmetric.report import read_evidence

        return read_evidence(self.path)

    def model(self) -> keras.Model:
        """Loads the embedder, uncompiled."""
        import keras

        import tfmetric.layers
        import tfmetric.losses
        import tfmetric.models  # noqa: F401  What is imported is registered with Keras.

        read_metrics(self.path)
        return keras.saving.load_model(self.files.model, compile=False)

    def data(self) -> tuple[LabeledData, LabeledData]:
        """Loads (train, test) as the run did.

        Raises:
            ValueError: If the run was trained on Python objects, which no file can name.
        """
        from tfmetric.runs.loading import load_data

        return load_data(self.config)

    def resume(
        self, data: Any = None, *, callbacks: Any = (), progress: bool | Progress = True
    ) -> Run:
        """Continues the run from where it stopped, to its end; a complete run is not changed.

        The figures equal those of an uninterrupted run. Steps that failed after the training, such
        as the report, are repeated.

        Args:
            data: (train, test), if the run was begun with Python objects.
            callbacks: The callbacks that the run was begun with.
            progress: Whether to print the progress; or a :class:`tfmetric.runs.progress.Progress`.

        Returns:
            The run.

        Raises:
            ValueError: If another process works on the run, or the data differ.
            IncompleteRun: If the run is trained and evaluated, and a later step has failed.
        """
        if not self.complete:
            from tfmetric.runs import steps

            if not isinstance(progress, Progress):
                progress = Progress(quiet=not progress, steps=number_of_steps(self.config))
            steps.resume(self.files, self.config, progress, data, callbacks)
        return self

    def report(self, output: str | os.PathLike | None = None) -> Path:
        """Writes the report of the run, one HTML page.

        Args:
            output: File to write; None for ``report.html`` in the directory of the run.

        Returns:
            The file.
        """
        from tfmetric.report import write

        return write(self, output)


def open(directory: str | os.PathLike) -> Run:
    """Finds a run again.

    Args:
        directory: The directory of the run: of :func:`train`, ``tfmetric train``,
            ``tfmetric quickstart``, or of a finished ``tfmetric tune``, whose best setting is a
            run.

    Returns:
        The run, finished or not.

    Raises:
        ValueError: If there is no run in the directory.

    Example:

    >>> try:
    ...     open("nowhere")
    ... except ValueError as error:
    ...     print(str(error).partition(", such")[0])
    Expected the directory of a run
    """
    run = Run(directory)
    if not run.files.config.is_file():
        read_metrics(directory)
    return run
