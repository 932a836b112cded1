"""What ``tfmetric train`` does: begins a run or goes on with one, to its end."""

import contextlib
import importlib.util
import shlex

import click
import keras

import tfmetric as tm
from tfmetric._errors import expected
from tfmetric._files import remove_abandoned
from tfmetric.cli.learning import fit, judge, some_classes
from tfmetric.cli.records import name_of, versions
from tfmetric.cli.run_config import RunConfig, read_toml, resolved
from tfmetric.cli.run_directory import RunDirectory, summary
from tfmetric.cli.run_end import end, write_history
from tfmetric.cli.stopping import interruptible
from tfmetric.cli.talk import Clock, say
from tfmetric.tuning.data_fingerprint import fingerprint


def begin(config: RunConfig, output) -> dict:
    """Makes a run's directory and trains in it; returns what ``--json`` prints."""
    clock = Clock()
    output.mkdir(parents=True, exist_ok=True)  # What cannot be written to is known before training.
    parts = _load(config)
    found = _fingerprint(parts)
    if config.fingerprint not in (None, found):
        click.echo("The data are not those of the config: expect other figures.", err=True)
    config = config.replace(
        settings=config.settings.fitted(_divided(config, parts[0])[0]).resolved(),
        fingerprint=found,
        versions=versions(),
    )
    run = RunDirectory.new(output, name_of(config.dataset))
    with run.locked():
        config.write(run.config)
        with interruptible(_advice(run)):
            return _work(run, config, parts, clock)


def resume(run: RunDirectory) -> dict:
    """Goes on with a run.

    Raises:
        ValueError: If another process works on it, or the data are other ones.
    """
    clock = Clock()
    with run.locked(), interruptible(_advice(run)):
        for file in (run.config, run.history):
            remove_abandoned(file.parent)
        config = resolved(read_toml(run.config), {}, {}, {})
        for name, version in versions().items():
            if config.versions.get(name, version) != version and name != "python":
                click.echo(
                    f"{name} is {version} now and was {config.versions[name]}: figures may differ "
                    "from those of a run that was not stopped.",
                    err=True,
                )
        parts = _load(config)
        if _fingerprint(parts) != config.fingerprint:
            raise ValueError(
                expected(
                    f"the data that the run began with; begin another with --config {run.config}",
                    fingerprint=_fingerprint(parts),
                    of_the_run=config.fingerprint,
                    examples=tuple(len(part) for part in parts),
                    classes=tuple(part.num_classes for part in parts),
                )
            )
        return _work(run, config, parts, clock)


def _advice(run):
    return f"go on with `tfmetric train --resume {shlex.quote(str(run.path))}`"


def _load(config):
    say(f"1/3  Data: {config.dataset}")
    train, test = tm.datasets.load(
        config.dataset,
        data_dir=config.data_dir,
        download=config.download,
        image_size=config.image_size,
        test_fraction=config.test_fraction,
        seed=config.seed,
    )
    click.echo(train.report)
    return train, test


def _fingerprint(parts):
    return "-".join(fingerprint(part) for part in parts)


def _divided(config, train):
    """The data to train on, and what early stopping judges: classes held out of it, or None."""
    if config.patience is None:
        return train, None
    kept, held_out = tm.datasets.split_classes(
        train.labels, config.validation_fraction, config.seed
    )
    return train.subset(kept), train.subset(held_out)


def _work(run, config, parts, clock):
    """Trains from where the run stands, and ends it."""
    with _policy(config.mixed_precision):
        train, held_out = _divided(config, parts[0])
        clock.lap("load")
        keras.utils.set_random_seed(config.seed)
        training = tm.training.prepare(train, config.settings, config.seed)
        say(f"2/3  Training on {train.num_classes:,} classes, in {run.path}")
        click.echo(training.settings.describe())
        watched = some_classes(parts[1] if held_out is None else held_out, config.seed)
        known = some_classes(train, config.seed)
        click.echo(_what_is_judged(config, watched, known))
        checkpoint, stopping = _fit(run, config, training, judge(training, watched, known))
        clock.lap("train")
        end(run, config, training, parts, held_out, watched, checkpoint, stopping, clock)
    return summary(run)


def _fit(run, config, training, judging):
    stopping = None
    if config.patience is not None:
        stopping = keras.callbacks.EarlyStopping(
            "val_map_at_r", mode="max", patience=config.patience, restore_best_weights=True
        )
    lasting = [judging] if stopping is None else [judging, stopping]
    checkpoint = tm.callbacks.Checkpoint(run.checkpoints, training.batches, lasting)
    done = checkpoint.restore(training.model)
    if done:
        ended = ", the last by early stopping" if checkpoint.stopped else ""
        click.echo(f"{done} of {training.settings.epochs} epochs are done{ended}.")
    callbacks = [*lasting, *_tensorboard(run), checkpoint, _HistoryFile(run, checkpoint)]
    fit(training, callbacks, training.settings.epochs if checkpoint.stopped else done)
    return checkpoint, stopping


class _HistoryFile(keras.callbacks.Callback):
    """Keeps logs/history.csv as the checkpoint has it: no epoch twice, none that is lost again."""

    def __init__(self, run, checkpoint):
        super().__init__()
        self.run, self.checkpoint = run, checkpoint

    def on_train_begin(self, logs=None):
        """Drops nothing, writes what there is."""
        write_history(self.run, self.checkpoint.history)

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch."""
        write_history(self.run, self.checkpoint.history)


def _tensorboard(run):
    """The callback for TensorBoard, where that is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return []
    return [keras.callbacks.TensorBoard(str(run.logs), write_graph=False)]


def _what_is_judged(config, watched, known):
    who = (
        "classes that training never sees"
        if config.patience is None
        else "training classes that are held out to know when to stop"
    )
    return (
        f"Each epoch is judged on {len(watched):,} examples of {watched.num_classes:,} {who}, and "
        f"on {len(known):,} examples that it trains on: among so few classes all figures are "
        "higher than on the whole of the unseen ones, at the end."
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
