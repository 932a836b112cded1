"""A run: one training with all that it depends on and all that it gave, in a directory."""

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
    """One training in a directory, from which it can be resumed, repeated, judged and shown.

    :func:`train` makes a run and :func:`open` finds one again. A run is path-like: functions that
    take a path take it. The directory holds

    * ``config.toml``: all that the training depends on (:attr:`config`);
    * ``checkpoints/`` and ``logs/``: where the training stands, for :meth:`resume`;
    * ``model.keras``: the embedder (:meth:`model`);
    * ``metrics.json``: the figures (:attr:`metrics`);
    * ``evidence.npz``, pictures and ``report.html``: what the report shows.

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
        """Whether the run is trained and judged."""
        return self.files.finished

    @property
    def complete(self) -> bool:
        """Whether the run is finished, with its pictures and all else that its config asks for."""
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
        """What the finished run has found: the contents of ``metrics.json``.

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
        """Name of the distance that the embeddings were trained for and judged by."""
        return self.metrics["result"].get("distance") or "euclidean"

    @property
    def evidence(self) -> Evidence | None:
        """The judged examples with their embeddings that the pictures are drawn from."""
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
        """Loads (train, test) as the run has loaded them.

        Raises:
            ValueError: If the run was trained on Python objects, which no file can name.
        """
        from tfmetric.runs.loading import load_data

        return load_data(self.config)

    def resume(self, data: Any = None, *, progress: bool | Progress = True) -> Run:
        """Goes on where the run was stopped, to its end; a complete run stays as it is.

        The figures are those of a run that nothing stopped. Steps that failed after the training,
        such as the report, are done again.

        Args:
            data: (train, test), where the run was begun with Python objects.
            progress: Whether to print what is done; or a
                :class:`tfmetric.runs.progress.Progress` that hears of it.

        Returns:
            The run.

        Raises:
            ValueError: If another process works on the run, or the data are other ones.
            IncompleteRun: If the run is trained and judged, and a later step has failed.
        """
        if not self.complete:
            from tfmetric.runs import steps

            if not isinstance(progress, Progress):
                progress = Progress(quiet=not progress, steps=number_of_steps(self.config))
            steps.resume(self.files, self.config, progress, data)
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
