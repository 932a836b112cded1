"""The training of a run, evaluated and saved after each epoch."""

import csv
import importlib.util
import itertools
from typing import NamedTuple

import keras

from tfmetric._files import replacing
from tfmetric.callbacks import Checkpoint, RetrievalEvaluation
from tfmetric.callbacks.checkpoint import has_state
from tfmetric.callbacks.collapse import stuck_at_margin
from tfmetric.datasets import LabeledData
from tfmetric.runs.protocol import Judged, divided, some_classes, watched
from tfmetric.training import Training, prepare

_FIGURES = ("recall_at_1", "map_at_r")


class Prepared(NamedTuple):
    """A prepared training, and the data to evaluate its epochs on.

    Attributes:
        training: The :class:`tfmetric.training.Training`.
        train: The training data.
        held_out: Training data that early stopping is judged on; None without early stopping.
        watched: What each epoch is judged on, none of which is trained on.
        known: Examples that are trained on, for the same figures.
    """

    training: Training
    train: LabeledData
    held_out: LabeledData | None
    watched: Judged
    known: LabeledData


class Fitted(NamedTuple):
    """The outcome of a training.

    Attributes:
        history: The logs of all epochs by name.
        epochs_done: Number of finished epochs.
        best_epoch: The epoch, from 1, of the kept weights; None without early stopping.
        stopped: Whether early stopping ended the training.
    """

    history: dict
    epochs_done: int
    best_epoch: int | None
    stopped: bool


def prepared(config, parts) -> Prepared:
    """Builds the model and the batches without writing files.

    Args:
        config: The :class:`~tfmetric.runs.RunConfig`.
        parts: (train, test).
    """
    train, held_out = divided(config, parts)
    keras.utils.set_random_seed(config.seed)
    training = prepare(train, config.settings, config.seed)
    known = some_classes(train, config.seed)
    return Prepared(training, train, held_out, watched(config, parts), known)


def fit(run, config, ready: Prepared, progress, callbacks=()) -> Fitted:
    """Trains from the checkpoint of the run.

    Args:
        run: The :class:`~tfmetric.runs.directory.RunDirectory`.
        config: The config of the run.
        ready: The result of :func:`prepared`.
        progress: Prints the progress.
        callbacks: Callbacks of the user. They see the figures of the epoch in the logs; attributes
            that their ``state_attributes`` name are kept with the checkpoint.
    """
    training, stopping = ready.training, None
    if config.patience is not None:
        stopping = keras.callbacks.EarlyStopping(
            "val_map_at_r", mode="max", patience=config.patience, restore_best_weights=True
        )
    judging = RetrievalEvaluation(
        ready.watched.data,
        gallery=ready.watched.gallery,
        ks=(1,),
        known=ready.known,
        figures=_FIGURES,
        distance=training.distance,
        embedder=training.embedder,
    )
    lasting = [judging, *filter(has_state, callbacks), *filter(None, (stopping,))]
    checkpoint = Checkpoint(run.checkpoints, training.batches, lasting)
    done, epochs = checkpoint.restore(training.model), training.settings.epochs
    if done:
        ended = ", the last by early stopping" if checkpoint.stopped else ""
        progress.say(f"{done} of {epochs} epochs are done{ended}.")
    training.model.fit(
        training.batches,
        shuffle=False,  # The batches are shuffled; Keras would warn that it cannot.
        epochs=epochs,
        initial_epoch=epochs if checkpoint.stopped else done,
        callbacks=[
            judging,
            *callbacks,
            *filter(None, (stopping,)),
            *_tensorboard(run),
            checkpoint,
            _HistoryFile(run, checkpoint),
            _CollapseWatch(checkpoint, progress),
        ],
        verbose=progress.verbosity,
    )
    return Fitted(
        checkpoint.history,
        checkpoint.epochs_done,
        None if stopping is None else stopping.best_epoch + 1,
        checkpoint.stopped,
    )


class _HistoryFile(keras.callbacks.Callback):
    """Keeps logs/history.csv consistent with the checkpoint, without repeated or lost epochs."""

    def __init__(self, run, checkpoint):
        super().__init__()
        self.run, self.checkpoint = run, checkpoint

    def on_train_begin(self, logs=None):
        """Writes the finished epochs."""
        _write_history(self.run, self.checkpoint.history)

    def on_epoch_end(self, epoch, logs=None):
        """Adds the epoch."""
        _write_history(self.run, self.checkpoint.history)


class _CollapseWatch(keras.callbacks.Callback):
    """Warns once during training that the loss is stuck at its margin."""

    def __init__(self, checkpoint, progress):
        super().__init__()
        self.checkpoint, self.progress, self.said = checkpoint, progress, False

    def on_epoch_end(self, epoch, logs=None):
        """Checks the last epochs."""
        losses = self.checkpoint.history.get("loss", ())
        reason = stuck_at_margin(losses, self.model.loss) if len(losses) > 1 else None
        if reason and not self.said:
            self.progress.warn(f"Training has collapsed so far: {reason}.")
            self.said = True


def _write_history(run, history):
    run.logs.mkdir(exist_ok=True)
    with (
        replacing(run.history) as draft,
        draft.open("w", encoding="utf-8", newline="") as file,
    ):
        lines = csv.writer(file)
        lines.writerow(["epoch", *history])
        rows = itertools.zip_longest(*history.values(), fillvalue="")
        lines.writerows([epoch, *row] for epoch, row in enumerate(rows, start=1))


def _tensorboard(run):
    """Returns the callback for TensorBoard if it is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return []
    return [keras.callbacks.TensorBoard(str(run.logs), write_graph=False)]
