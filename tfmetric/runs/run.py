"""A run: one training with all that it depends on and all that it gave, in a directory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tfmetric._errors import expected
from tfmetric._run_files import read_metrics
from tfmetric.runs.config import RunConfig, located, read_toml, resolved
from tfmetric.runs.directory import RunDirectory
from tfmetric.runs.former import config_of_former_run
from tfmetric.runs.progress import Progress

if TYPE_CHECKING:
    import keras

    from tfmetric.datasets import LabeledData
    from tfmetric.report import Evidence
    from tfmetric.training import Settings


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

    def resume(self, data=None, *, progress: bool | Progress = True) -> Run:
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
                progress = Progress(quiet=not progress, steps=_steps(self.config))
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


def train(
    data,
    settings: Settings | Mapping | None = None,
    directory: str | os.PathLike | None = None,
    *,
    name: str | None = None,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    image_size: int | None = None,
    test_fraction: float | None = None,
    kind: str | None = None,
    split: str = "auto",
    split_seed: int = 0,
    label: str | None = None,
    group: str | None = None,
    text: str | None = None,
    path: str | None = None,
    patience: int | None = None,
    validation_fraction: float = 0.2,
    seed: int = 0,
    mixed_precision: str | None = None,
    report: bool = True,
    export: str | os.PathLike | None = None,
    one_shot: str | os.PathLike | None = None,
    progress: bool = True,
) -> Run:
    """Trains an embedder, judges it on the test part, and keeps all of it in a directory.

    Take it for a training that may be stopped, is to be repeated, or is to be shown. The model is
    a plain Keras model; where ``compile`` and ``fit`` are enough, they are shorter.

    Args:
        data: A source for :func:`tfmetric.datasets.load`, or (train, test), each a ``LabeledData``
            or (x, labels).
        settings: A :class:`tfmetric.training.Settings`, or some of its values by name over those
            that suit the data. Defaults to those.
        directory: The directory of the run, which must be new or empty. Defaults to the next
            ``runs/NAME/N``.
        name: What the data is called. Defaults to the name of the source.
        data_dir: Where TensorFlow Datasets keeps prepared data.
        download: Whether TensorFlow Datasets may download.
        image_size: Side in pixels that images are resized to. Defaults to what suits the source.
        test_fraction: Share that is for the test, see :func:`tfmetric.datasets.load`.
        kind: Kind of the examples, where their files or arrays do not tell.
        split: The rule that divides the data: "auto", "classes", "examples", "groups" or "as
            given".
        split_seed: Which split.
        label: Column, array or feature of the labels. Defaults to the usual name.
        group: That of the groups.
        text: Column of texts.
        path: Column of paths of files.
        patience: Epochs without a better MAP@R on held-out training classes after which the
            training stops. Defaults to never.
        validation_fraction: Share of the training classes that ``patience`` holds out.
        seed: Of the batches and the weights.
        mixed_precision: "bfloat16" or "float16" for the layers, or None.
        report: Whether ``report.html`` is written.
        export: Directory that gets the next version of a SavedModel with the test part as its
            gallery. Defaults to no export.
        one_shot: Zip file of one-shot runs that the model is judged on too.
        progress: Whether to print what is done.

    Returns:
        The finished run.

    Raises:
        ValueError: If an argument or the data makes no sense, or the directory is not empty.
        IncompleteRun: If the run is trained and judged, and a later step has failed.

    Example:

    >>> import numpy as np, tempfile, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(24, 3)), np.arange(24) % 6
    >>> half = labels < 3
    >>> run = tm.runs.train(
    ...     ((x[half], labels[half]), (x[~half], labels[~half])),
    ...     {"epochs": 1, "batches_per_epoch": 2},
    ...     f"{tempfile.mkdtemp()}/run",
    ...     report=False,
    ...     progress=False,
    ... )
    >>> tm.runs.open(run).config.settings.epochs
    1
    """
    source, parts = _source_and_parts(data)
    given = {
        "dataset": source,
        "name": name,
        "data_dir": data_dir and os.fspath(data_dir),
        "download": download,
        "test_fraction": test_fraction,
        "kind": kind,
        "split": split,
        "split_seed": split_seed,
        "label": label,
        "group": group,
        "text": text,
        "path": path,
        "patience": patience,
        "validation_fraction": validation_fraction,
        "seed": seed,
        "mixed_precision": mixed_precision,
        "report": report,
        "export": export and os.path.abspath(export),
        "one_shot": one_shot and os.path.abspath(one_shot),
    }
    if image_size is not None:
        given["image_size"] = image_size
    changed = dict(settings) if isinstance(settings, Mapping) else {}
    arguments = changed.pop("loss_arguments", {})
    config = resolved({}, given, changed, arguments)
    if settings is not None and not isinstance(settings, Mapping):
        config = config.replace(settings=settings)
    return begin(
        config,
        directory or None,
        Progress(quiet=not progress, steps=_steps(config)),
        data=parts,
    )


def begin(config: RunConfig, directory, progress: Progress, *, runs="runs", data=None) -> Run:
    """Begins a run with a config, and trains to its end; :func:`train` without its defaults.

    Args:
        config: What the run depends on.
        directory: The directory, new or empty; None for the next ``NAME/N`` in ``runs``.
        progress: Says what is done.
        runs: Where numbered directories are made.
        data: (train, test) where the config names no source.
    """
    from tfmetric.runs import steps

    if directory is None:
        parent = Path(runs, config.file_name)
        parent.mkdir(parents=True, exist_ok=True)  # What cannot be written to is known at once.
    else:
        _require_empty(directory)

    def make():
        if directory is None:
            return RunDirectory.next_in(parent)
        Path(directory).mkdir(parents=True, exist_ok=True)
        return RunDirectory(directory)

    return Run(steps.begin(config, make, progress, data).path)


def _steps(config):
    return 5 if config.export else 3


def _source_and_parts(data):
    if isinstance(data, (str, os.PathLike)):
        return located(os.fspath(data)), None
    if isinstance(data, Sequence) and len(data) == 2:
        return None, tuple(data)
    raise ValueError(
        expected("data as a source for tfmetric.datasets.load, or as (train, test)", data=data)
    )


def _require_empty(directory):
    path = Path(directory)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(
            expected(
                "directory to be new or empty; tfmetric.runs.open(directory).resume() goes on "
                "with a run",
                directory=str(directory),
            )
        )
