"""Begins a run from data and settings, and trains it to its end."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmetric._errors import expected
from tfmetric.runs.config import RunConfig, located, resolved
from tfmetric.runs.config_values import DATA_KEYS
from tfmetric.runs.directory import RunDirectory
from tfmetric.runs.progress import Progress, number_of_steps
from tfmetric.runs.run import Run

if TYPE_CHECKING:
    from tfmetric.training import Settings


def train(
    data: Any,
    settings: Settings | Mapping | None = None,
    directory: str | os.PathLike | None = None,
    *,
    name: str | None = None,
    patience: int | None = None,
    validation_fraction: float = 0.2,
    seed: int = 0,
    mixed_precision: str | None = None,
    report: bool = True,
    export: str | os.PathLike | None = None,
    one_shot: str | os.PathLike | None = None,
    callbacks: Sequence[Any] = (),
    progress: bool = True,
    **load_options: Any,
) -> Run:
    """Trains an embedder, evaluates it on the test part, and keeps everything in a directory.

    Use it for a training that you may stop, repeat or show. The model is a plain Keras model; if
    ``compile`` and ``fit`` are enough, they are shorter.

    Args:
        data: A source for :func:`tfmetric.datasets.load`, or (train, test), each a ``LabeledData``
            or (x, labels).
        settings: A :class:`tfmetric.training.Settings`, or some of its values by name, which
            override the recipe of the data set or of the kind of its examples
            (:func:`tfmetric.training.recipe_of`). Defaults to the recipe.
        directory: The directory of the run, which must be new or empty. Defaults to the next
            ``runs/NAME/N``.
        name: Name of the data. Defaults to the name of the source.
        patience: Number of epochs without a better MAP@R on held-out training classes before the
            training stops. Defaults to no early stopping.
        validation_fraction: Share of the training classes held out for ``patience``.
        seed: Seed of the batches and the weights.
        mixed_precision: "bfloat16" or "float16" for the layers, or None.
        report: Whether to write ``report.html``.
        export: Directory for the next version of a SavedModel with the test part as its gallery.
            Defaults to no export.
        one_shot: Zip file of one-shot runs to evaluate the model on too.
        callbacks: Keras callbacks of your own. They find the figures of each epoch in the logs,
            such as ``val_map_at_r``. Attributes that their ``state_attributes`` name are kept; give
            :meth:`Run.resume` the same callbacks.
        progress: Whether to print the progress.
        **load_options: For a source: arguments of :func:`tfmetric.datasets.load` such as
            ``split="examples"`` or ``image_size=64``, if config.toml can hold them.

    Returns:
        The finished run.

    Raises:
        ValueError: If an argument or the data is invalid, or the directory is not empty.
        IncompleteRun: If the run is trained and evaluated, and a later step has failed.

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
    _check_load_options(load_options, source)
    given = {
        **load_options,
        "dataset": source,
        "name": name,
        "patience": patience,
        "validation_fraction": validation_fraction,
        "seed": seed,
        "mixed_precision": mixed_precision,
        "report": report,
        "export": export and os.path.abspath(export),
        "one_shot": one_shot and os.path.abspath(one_shot),
    }
    changed = dict(settings) if isinstance(settings, Mapping) else {}
    arguments = changed.pop("loss_arguments", {})
    config = resolved({}, given, changed, arguments)
    if settings is not None and not isinstance(settings, Mapping):
        config = config.replace(settings=settings, choices=None)
    return begin(
        config,
        directory or None,
        Progress(quiet=not progress, steps=number_of_steps(config)),
        data=parts,
        callbacks=callbacks,
    )


def begin(
    config: RunConfig, directory, progress: Progress, *, runs="runs", data=None, callbacks=()
) -> Run:
    """Begins a run with a config, and trains to its end; :func:`train` without its defaults.

    Args:
        config: What the run depends on.
        directory: The directory, new or empty; None for the next ``NAME/N`` in ``runs``.
        progress: Says what is done.
        runs: Where numbered directories are made.
        data: (train, test) where the config names no source.
        callbacks: Keras callbacks of the user's own.
    """
    from tfmetric.runs import steps

    if directory is None:
        parent = Path(runs, config.file_name)
        parent.mkdir(parents=True, exist_ok=True)  # To fail at once if it is not writable.
    else:
        _require_empty(directory)

    def make():
        if directory is None:
            return RunDirectory.next_in(parent)
        Path(directory).mkdir(parents=True, exist_ok=True)
        return RunDirectory(directory)

    return Run(steps.begin(config, make, progress, data, callbacks).path)


def _source_and_parts(data):
    if isinstance(data, (str, os.PathLike)):
        return located(os.fspath(data)), None
    if isinstance(data, Sequence) and len(data) == 2:
        return None, tuple(data)
    raise ValueError(
        expected("data as a source for tfmetric.datasets.load, or as (train, test)", data=data)
    )


def _check_load_options(options, source):
    known = [name for name in DATA_KEYS if name not in ("dataset", "fingerprint")]
    unknown = sorted(set(options) - set(known))
    if unknown or (options and source is None):
        words = f"options of a source among {', '.join(known)}"
        raise ValueError(
            expected(
                words if source is not None else "no options of a source with Python objects",
                unknown=unknown or sorted(options),
            )
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
