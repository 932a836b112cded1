"""The steps of a run in order: data, training, evaluation, pictures and report."""

import contextlib
import shlex
from collections.abc import Callable

import keras

from tfmetric._errors import expected
from tfmetric._files import remove_abandoned
from tfmetric.datasets.fingerprint import fingerprint
from tfmetric.evaluation import read_one_shot_runs
from tfmetric.runs.config import RunConfig
from tfmetric.runs.directory import RunDirectory
from tfmetric.runs.disk import room_on_the_disk
from tfmetric.runs.fitting import fit, prepared
from tfmetric.runs.judging import judge
from tfmetric.runs.late_steps import do_missing, forget
from tfmetric.runs.loading import load_data
from tfmetric.runs.metrics import versions
from tfmetric.runs.protocol import divided


def _again(run):
    return f"tfmetric train --resume {shlex.quote(str(run.path))}"


def begin(
    config: RunConfig,
    make_directory: Callable[[], RunDirectory],
    progress,
    data=None,
    callbacks=(),
) -> RunDirectory:
    """Loads the data, builds the model, makes the directory, and trains to the end.

    The directory is made late, so that missing data or weights leave no files.

    Args:
        config: The config; its settings are fitted to the data.
        make_directory: Makes the directory.
        progress: A :class:`~tfmetric.runs.progress.Progress`.
        data: (train, test) where the config names no source.
        callbacks: Callbacks of the user's own for the training.
    """
    parts = load_data(config, data, progress)
    config = config.for_data(parts[0])
    shots = _one_shot_runs(config, parts)
    found = fingerprint_of(parts)
    if config.fingerprint not in (None, found):
        progress.warn("The data are not those of the config: expect other figures.")
    config = config.replace(
        settings=config.settings.fitted(divided(config, parts)[0]).resolved(),
        fingerprint=found,
        versions=versions(),
    )
    with _policy(config.mixed_precision):
        ready = prepared(config, parts)
        run = make_directory()
        with room_on_the_disk(run.path, _again(run)), run.locked():
            progress.began(run.path)
            config.write(run.config)
            _finish(run, config, parts, ready, progress, shots, callbacks)
    return run


def resume(run: RunDirectory, config: RunConfig, progress, data=None, callbacks=()) -> None:
    """Continues a run to its end.

    Args:
        run: The directory.
        config: Its config.
        progress: A :class:`~tfmetric.runs.progress.Progress`.
        data: (train, test) where the config names no source.
        callbacks: Those that the run was begun with.

    Raises:
        ValueError: If another process works on the run, or the data differ.
    """
    with room_on_the_disk(run.path, _again(run)), run.locked():
        progress.began(run.path)
        for directory in (run.path, run.logs):
            remove_abandoned(directory)
        for name, version in versions().items():
            if config.versions.get(name, version) != version and name != "python":
                progress.warn(
                    f"{name} is {version} now and was {config.versions[name]}: figures may differ "
                    "from those of a run that was not stopped."
                )
        parts = load_data(config, data, progress)
        if config.fingerprint not in (None, fingerprint_of(parts)):
            raise ValueError(
                expected(
                    f"the data that the run began with; begin another with --config {run.config}",
                    fingerprint=fingerprint_of(parts),
                    of_the_run=config.fingerprint,
                    examples=tuple(len(part) for part in parts),
                    classes=tuple(part.num_classes for part in parts),
                )
            )
        shots = _one_shot_runs(config, parts)
        with _policy(config.mixed_precision):
            ready = None if run.finished else prepared(config, parts)
            _finish(run, config, parts, ready, progress, shots, callbacks)


def _one_shot_runs(config, parts):
    """Read before the training, to find faults of the file early."""
    shape = parts[0].element_shape
    return config.one_shot and read_one_shot_runs(config.one_shot, shape[:2], shape[-1])


def fingerprint_of(parts) -> str:
    """Returns a fingerprint of data (train, test)."""
    return "-".join(fingerprint(part) for part in parts)


def _finish(run, config, parts, ready, progress, shots, callbacks):
    """Trains and evaluates if necessary, and runs the missing later steps."""
    embeddings = None
    if not run.finished:
        training, train = ready.training, ready.train
        progress.heading(f"Training on {train.num_classes:,} classes, in {run.path}")
        progress.say(training.settings.describe())
        progress.say(_about_judging(config, ready))
        fitted = fit(run, config, ready, progress, callbacks)
        progress.lap("train")
        forget(run)
        embeddings = judge(run, config, ready, fitted, parts, progress, shots)
        model = training.embedder
    else:
        model = keras.saving.load_model(run.model, compile=False)
    do_missing(run, config, parts, model, embeddings, progress)


def _about_judging(config, ready):
    watched, known = ready.watched, ready.known
    trained = f"and on {len(known):,} examples that it trains on. "
    if watched.gallery is not None:
        kept = "the test part" if config.patience is None else "training data that is held out"
        return (
            f"Each epoch is judged on {watched.words}, from {kept}: their classes are trained on "
            f"(a closed set); {trained}Fewer examples to search in make figures lower: compare "
            "epochs with each other, not with the figures at the end."
        )
    classes = (
        "that training never sees"
        if config.patience is None
        else "that are held out of the training ones to know when to stop"
    )
    return (
        f"Each epoch is judged on {watched.words} {classes}, {trained}"
        "Figures among fewer classes are higher: compare epochs with each other, not with the "
        "figures at the end."
    )


@contextlib.contextmanager
def _policy(mixed_precision):
    before = keras.config.dtype_policy()
    if mixed_precision:
        keras.config.set_dtype_policy(f"mixed_{mixed_precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
