"""Detects a collapsed training and names remedies."""

import math
import warnings
from collections.abc import Sequence
from numbers import Real

import keras

from tfmetric._errors import expected
from tfmetric.losses import TripletLoss
from tfmetric.losses.base import check_margin
from tfmetric.mining import resolve

ADVICE = (
    "Lower the learning rate; or begin with easier triplets: TripletLoss(warmup=True) or "
    "mining='semi-hard'; or take the soft margin (margin=None); or put more classes into a batch "
    "(a larger classes_per_batch)."
)


class CollapseMonitor(keras.callbacks.Callback):
    """Warns once if all embeddings become equal or the loss stays at its margin.

    If all embeddings are equal, every triplet costs exactly the margin and the gradient is exactly
    zero, so training never recovers. Two signs are checked after every epoch:

    * embeddings are nearer to the mean of their batch than ``spread`` times their length; needs
      ``metrics=[tfmetric.metrics.MiningStatistics()]`` in ``compile``;
    * the loss is within ``tolerance`` of the margin, relatively, for ``patience`` epochs in a row.
      This needs a :class:`tfmetric.losses.TripletLoss` with a margin, a mean as its reduction, and
      no semi-hard mining (which finds no triplet in a collapsed batch); or the argument ``margin``.

    Args:
        margin: The loss of a collapsed batch; None for the compiled loss's margin raised to its
            power.
        patience: Epochs in a row with the loss at the margin. Defaults to 2.
        tolerance: Tolerance as a share of the margin. Defaults to 0.05, since a last batch without
            a triplet counts as 0.
        spread: Distance from the mean, over the length of an embedding, below which embeddings
            count as equal. Defaults to 0.01.
        stop: Whether to stop the training too. Defaults to False.

    Attributes:
        collapsed_at: The epoch, from 0, of the detected collapse; None without a collapse.

    Raises:
        ValueError: If an argument is out of its range; at the start of fit, if there is neither a
            margin nor the metric.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(16, 3)), np.arange(16) % 4
    >>> model = tm.models.embedder((3,), embedding_dim=2)
    >>> model.compile(
    ...     "adam", loss=tm.TripletLoss(), metrics=[tm.metrics.MiningStatistics()]
    ... )
    >>> monitor = CollapseMonitor()
    >>> history = model.fit(x, labels, verbose=0, callbacks=[monitor])
    >>> monitor.collapsed_at is None
    True

    Reference: Hermans, Beyer, Leibe: In Defense of the Triplet Loss for Person Re-Identification
    (2017), sec. 3.2 and the supplement on collapsing.
    """

    state_attributes = ("collapsed_at", "_epochs_at_margin")  # Attributes saved by Checkpoint.

    def __init__(
        self,
        margin: float | None = None,
        patience: int = 2,
        tolerance: float = 0.05,
        spread: float = 0.01,
        stop: bool = False,
    ):
        super().__init__()
        for name, value, least in (
            ("patience", patience, 1),
            ("tolerance", tolerance, 0),
            ("spread", spread, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, Real) or not value >= least:
                raise ValueError(expected(f"{name} to be at least {least}", **{name: value}))
        self.margin = check_margin(margin, optional=True)
        self.patience, self.stop = patience, stop
        self.tolerance, self.spread = tolerance, spread
        self.collapsed_at: int | None = None
        self._epochs_at_margin = 0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Reads the margin, and resets the state of an earlier fit."""
        self.collapsed_at, self._epochs_at_margin, self._checked = None, 0, False
        self._margin = self.margin
        if self.margin is None:
            self._margin = collapsed_loss(getattr(self.model, "loss", None))

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Checks once that the margin or the metric is available."""
        if self._checked:
            return
        self._checked = True
        if self._margin is None and "embedding_spread" not in (logs or {}):
            raise ValueError(
                expected(
                    "a TripletLoss with a margin, or metrics=[tfmetric.metrics.MiningStatistics()] "
                    "in compile, for CollapseMonitor to watch",
                    logs=sorted(logs or {}),
                )
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Checks the two signs."""
        sign = self._all_one(logs or {}) or self._at_the_margin(logs or {})
        if sign is None or self.collapsed_at is not None:
            return
        self.collapsed_at = epoch
        warnings.warn(
            f"Training has collapsed in epoch {epoch + 1}: {sign}. {ADVICE}", stacklevel=2
        )
        if self.stop:
            self.model.stop_training = True

    def _all_one(self, logs):
        if not {"embedding_spread", "embedding_norm"} <= set(logs):
            return None
        spread, length = logs["embedding_spread"], logs["embedding_norm"]
        # This comparison is true for all-zero embeddings and false for NaN.
        if not spread <= self.spread * length:
            return None
        return f"embeddings are {spread:.2g} from their mean and {length:.2g} long"

    def _at_the_margin(self, logs):
        loss = logs.get("loss")
        if self._margin is None or loss is None or not math.isfinite(loss):
            return None
        at_margin = near(loss, self._margin, self.tolerance)
        self._epochs_at_margin = self._epochs_at_margin + 1 if at_margin else 0
        if self._epochs_at_margin < self.patience:
            return None
        return f"the loss has been at the margin for {self._epochs_at_margin} epochs ({loss:.4f})"


def stuck_at_margin(losses: Sequence[float], loss, patience: int = 2) -> str | None:
    """Describes in words that a finished training ended at the loss of a collapsed batch.

    Args:
        losses: The loss after each epoch.
        loss: The ``keras.losses.Loss`` of the training.
        patience: Number of last epochs that must be at the margin (all, if there are fewer).

    Returns:
        The sign of a collapse, or None.

    >>> stuck_at_margin([0.31, 0.201, 0.2], TripletLoss(margin=0.2))
    'the loss ended at the margin of the triplets (0.2000)'
    >>> stuck_at_margin([0.2, 0.1], TripletLoss(margin=0.2)) is None
    True
    """
    margin, last = collapsed_loss(loss), list(losses)[-patience:]
    if margin is None or not last or not all(near(value, margin) for value in last):
        return None
    return f"the loss ended at the margin of the triplets ({last[-1]:.4f})"


def near(loss: float, margin: float, tolerance: float = 0.05) -> bool:
    """Returns whether a loss is within a share of the margin; False for a margin of 0 and NaN."""
    return margin > 0 and abs(loss - margin) <= tolerance * margin


def collapsed_loss(loss) -> float | None:
    """The loss of a batch whose embeddings are one, or None if it does not tell.

    Args:
        loss: A ``keras.losses.Loss``; only a ``TripletLoss`` with a margin tells.
    """
    if not isinstance(loss, TripletLoss) or not loss.margin or "semi-hard" in resolve(loss.mining):
        return None
    return None if loss.reduction in ("sum", None) else loss.margin**loss.power
