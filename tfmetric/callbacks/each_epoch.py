"""Figures of an evaluation in the logs of every epoch."""

import copy
from numbers import Integral
from typing import Any

import keras

from tfmetric._errors import expected


class EachEpoch(keras.callbacks.Callback):
    """Computes figures after an epoch and writes them into the logs; a base for callbacks.

    The figures are written every epoch: an epoch without an evaluation repeats the last ones, so
    that other callbacks can monitor them. The first epoch is always evaluated. A copy, such as
    those of Keras Tuner, shares data and models.

    Args:
        every: Number of epochs between evaluations.
    """

    # Attributes saved by Checkpoint: an epoch without an evaluation repeats the last figures.
    state_attributes = ("figures",)

    def __init__(self, every: int = 1):
        super().__init__()
        if isinstance(every, bool) or not isinstance(every, Integral) or every < 1:
            raise ValueError(expected("every to be an integer above 0", every=every))
        self.every: int = int(every)
        self.figures: dict[str, float] = {}

    def evaluated(self, epoch: int) -> dict[str, float]:
        """Returns the figures by their names in the logs; a subclass computes them."""
        raise NotImplementedError

    def __deepcopy__(self, memo: Any):
        # A copied embedder would not be the trained one, and copied data wastes memory.
        return copy.copy(self)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Resets the figures of an earlier fit."""
        self.figures = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Evaluates if due, and writes the figures into ``logs``."""
        if not self.figures or (epoch + 1) % self.every == 0:
            self.figures = self.evaluated(epoch)
        # Keras passes one dictionary to all callbacks in turn, its history and progress bar last.
        if logs is not None:
            logs.update(self.figures)
