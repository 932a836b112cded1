"""Checkpoints for exact resumption of a stopped training."""

import itertools
import re
from pathlib import Path
from typing import Any

import keras

from tfmetric._errors import expected
from tfmetric._files import remove_abandoned
from tfmetric.callbacks._archive import read_archive, write_archive
from tfmetric.typing import PathLike

_FORMAT = 1
# Attributes that Keras's callbacks reset at the start of fit.
_KERAS_STATE = (
    (
        keras.callbacks.EarlyStopping,
        ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    ),
    (keras.callbacks.ReduceLROnPlateau, ("wait", "best", "cooldown_counter")),
    (keras.callbacks.ModelCheckpoint, ("best",)),
)


class Checkpoint(keras.callbacks.Callback):
    """Saves, after every epoch, everything that the next epoch depends on.

    A killed and restored training continues with the same numbers as an uninterrupted one. It keeps
    weights, the state of the optimizer and its schedule, the seeds of dropout and other random
    layers (``keras.callbacks.BackupAndRestore`` resets these), the batches, the history, and the
    counters of callbacks such as ``EarlyStopping``. The interrupted epoch is repeated.

    ``directory`` holds one file, ``checkpoint.npz``, that is replaced atomically, so a complete
    file always exists. It is a zip of JSON and arrays, without pickle.

    On the same machine with the same versions the numbers are equal to the last bit if those of two
    uninterrupted trainings are; on a GPU that requires ``tf.config.experimental.
    enable_op_determinism()``.

    Put it last in the list of callbacks, so that it sees the results of the others. Fit without
    ``steps_per_epoch``, which ignores the epochs of the batches.

    Args:
        directory: Directory of this training only.
        batches: The dataset of :func:`tfmetric.datasets.balanced_batches`, ``pairs`` or
            ``triplets`` used in training, or the one it was derived from. None for data that is the
            same in each epoch.
        callbacks: Callbacks to restore too: Keras's ``EarlyStopping``, ``ReduceLROnPlateau`` and
            ``ModelCheckpoint``, those of this package, and those with an attribute
            ``state_attributes``, names of attributes that hold numbers, arrays, or lists or
            dictionaries of those.

    Attributes:
        epochs_done: Number of saved epochs.
        history: The logs of all epochs so far by name, as ``History.history``.
        stopped: Whether early stopping ended the training.

    Raises:
        ValueError: At the start of fit, if the directory holds a checkpoint that has not been
            restored, or ``initial_epoch`` is not the number of epochs done.

    Example:

    >>> import tempfile, numpy as np, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(16, 3)), np.arange(16) % 4
    >>> directory = tempfile.mkdtemp()
    >>> def train(epochs):
    ...     batches = tm.datasets.balanced_batches((x, labels), 4, 2)
    ...     model = tm.models.embedder((3,), embedding_dim=2)
    ...     model.compile("adam", loss=tm.losses.TripletLoss())
    ...     checkpoint = Checkpoint(directory, batches)
    ...     done = checkpoint.restore(model)
    ...     model.fit(batches, shuffle=False, verbose=0, initial_epoch=done, epochs=epochs,
    ...               callbacks=[checkpoint])
    ...     return done, len(checkpoint.history["loss"])
    >>> train(epochs=1), train(epochs=3)
    ((0, 1), (1, 3))
    """

    def __init__(self, directory: PathLike, batches: Any = None, callbacks: Any = ()):
        super().__init__()
        if batches is not None and not hasattr(batches, "set_epoch"):
            raise ValueError(
                expected(
                    "batches as tfmetric.datasets makes them, before .map and the like, which "
                    "lose set_epoch; or None",
                    batches=batches,
                )
            )
        self.path = Path(directory) / "checkpoint.npz"
        self.batches, self.callbacks = batches, tuple(callbacks)
        for callback in self.callbacks:
            _state_of(callback)  # Fail before the first epoch if a callback has no such attributes.
        self.epochs_done, self.stopped = 0, False
        self.history: dict[str, list[float]] = {}
        self._offset: int | None = None
        self._states: list[dict[str, Any]] | None = None
        self._known = False

    def restore(self, model: keras.Model) -> int:
        """Restores the model from the file, if there is one.

        Call it before ``fit``, and pass its result as ``initial_epoch``.

        Args:
            model: The model that is trained, built and compiled as it was.

        Returns:
            Number of finished epochs, 0 without a file.

        Raises:
            ValueError: If the file is damaged, or belongs to another model or optimizer.
        """
        if getattr(model, "optimizer", None) is None or not model.built:
            raise ValueError(expected("a model that is built and compiled", model=model))
        self._known = True
        if not self.path.is_file():
            return 0
        state, arrays = read_archive(self.path)
        if state.get("format") != _FORMAT or len(state["callbacks"]) != len(self.callbacks):
            raise ValueError(
                expected(
                    f"a checkpoint of format {_FORMAT} with {len(self.callbacks)} callbacks",
                    format=state.get("format"),
                    callbacks=len(state.get("callbacks", ())),
                    path=str(self.path),
                )
            )
        kept = _variables(model)
        for part, variables in kept.items():
            self._check(part, state["variables"][part], _described(variables))
        for part, variables in kept.items():
            for variable, array in zip(variables, arrays.get(part, ()), strict=True):
                variable.assign(_as_type_of(variable, array))
        self.epochs_done, self.history = state["epochs_done"], state["history"]
        self.stopped, self._offset = state["stopped"], state["offset"]
        self._states = state["callbacks"]
        return self.epochs_done

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Checks that no checkpoint is lost, and restores the other callbacks."""
        remove_abandoned(self.path.parent)
        if self.path.is_file() and not self._known:
            raise ValueError(
                expected(
                    "restore(model) before fit, or another directory: this one holds a checkpoint "
                    "of an earlier training",
                    path=str(self.path),
                )
            )
        for callback, state in zip(self.callbacks, self._states or (), strict=bool(self._states)):
            for name, value in state.items():
                setattr(callback, name, value)
        self._states = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Sets the batches of this epoch."""
        if self.epochs_done and epoch != self.epochs_done:
            raise ValueError(
                expected(f"fit with initial_epoch={self.epochs_done}", initial_epoch=epoch)
            )
        self._known = True
        if self.batches is None:
            return
        if self._offset is None:
            # If Keras has drawn a batch before, epoch 0 would draw the batches of epoch 1.
            self._offset = self.batches.next_epoch() - epoch
        self.batches.set_epoch(epoch + self._offset)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves the checkpoint."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        self.epochs_done, self.stopped = epoch + 1, bool(self.model.stop_training)
        kept = _variables(self.model)
        write_archive(
            self.path,
            {
                "format": _FORMAT,
                "epochs_done": self.epochs_done,
                "stopped": self.stopped,
                "offset": self._offset,
                "history": self.history,
                "callbacks": [_state_of(callback) for callback in self.callbacks],
                "variables": {part: _described(variables) for part, variables in kept.items()},
            },
            {
                part: [keras.ops.convert_to_numpy(variable) for variable in variables]
                for part, variables in kept.items()
            },
        )

    def _check(self, part, saved, own):
        for there, here in itertools.zip_longest(saved, own):
            if there != here:
                raise ValueError(
                    expected(
                        f"the {part} that the checkpoint was made with",
                        path=str(self.path),
                        in_the_checkpoint=_words(there),
                        here=_words(here),
                        variables=(len(saved), len(own)),
                    )
                )


def _variables(model):
    """Returns all variables of a training step: weights, seeds and the optimizer's variables."""
    optimizer = model.optimizer
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    return {"model": model.variables, "optimizer": optimizer.variables}


def _described(variables):
    """Returns names, shapes and types, without Keras's numbering of repeated names."""
    return [
        [re.sub(r"_\d+(?=[/_]|$)", "", v.path), [int(n) for n in v.shape], str(v.dtype)]
        for v in variables
    ]


def _words(described):
    if described is None:
        return "nothing more"
    name, shape, dtype = described
    return f"{name} {tuple(shape)} {dtype}"


def _as_type_of(variable, array):
    """Restores an array's type from its bytes."""
    dtype = keras.ops.convert_to_numpy(variable).dtype
    return array.view(dtype) if dtype.kind == "V" else array


def has_state(callback: keras.callbacks.Callback) -> bool:
    """Whether it is known which attributes of a callback are to be kept."""
    return _names_of_state(callback) is not None


def _names_of_state(callback):
    names = getattr(callback, "state_attributes", None)
    if names is None:
        names = next((names for cls, names in _KERAS_STATE if isinstance(callback, cls)), None)
    return names


def _state_of(callback):
    names = _names_of_state(callback)
    if names is None:
        raise ValueError(
            expected("callbacks with state_attributes, or of those listed", callback=callback)
        )
    # Some attributes do not exist before the first fit.
    return {name: getattr(callback, name) for name in names if hasattr(callback, name)}
