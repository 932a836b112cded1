"""Says when a training has collapsed, and what to do."""

import math
import warnings
from numbers import Real

import keras

from tfmetric._errors import expected

ADVICE = (
    "Lower the learning rate; or begin with easier triplets: TripletLoss(warmup=True) or "
    "mining='semi-hard'; or take the soft margin (margin=None); or put more classes into a batch "
    "(a larger classes_per_batch)."
)


class CollapseMonitor(keras.callbacks.Callback):
    """Warns, once, when all embeddings become one or the loss stays at its margin.

    Where all embeddings are the same every triplet costs exactly the margin and the gradient is
    exactly zero: the optimiser feels nothing and training never recovers. Two signs are looked
    for after every epoch:

    * the hardest negative and the hardest positive are nearer than ``spread`` times the length of
      an embedding; needs ``metrics=[tfmetric.metrics.MiningStatistics()]`` in ``compile``;
    * the loss is within ``tolerance`` of the margin, relatively, for ``patience`` epochs in a row.

    Args:
        margin: Margin of the loss; None for that of the loss the model was compiled with. Without
            one, as with the soft margin, only the first sign is looked for.
        patience: Epochs in a row with the loss at the margin. Defaults to 2.
        tolerance: How near the margin, as a share of it. Defaults to 0.02.
        spread: Distance, over the length of an embedding, below which embeddings are one.
            Defaults to 0.01.
        stop: Whether to stop the training too. Defaults to False.

    Attributes:
        collapsed_at: The epoch, from 0, in which it was found; None while it was not.

    Raises:
        ValueError: If an argument makes no sense; at the start of fit, if there is neither a
            margin nor the metric to go by.

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

    def __init__(self, margin=None, patience=2, tolerance=0.02, spread=0.01, stop=False):
        super().__init__()
        for name, value, least in (
            ("patience", patience, 1),
            ("tolerance", tolerance, 0),
            ("spread", spread, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, Real) or not value >= least:
                raise ValueError(expected(f"{name} to be at least {least}", **{name: value}))
        self.margin, self.patience, self.stop = margin, patience, stop
        self.tolerance, self.spread = tolerance, spread
        self.collapsed_at = None
        self._epochs_at_margin = 0

    def on_train_begin(self, logs=None):
        """Takes the margin, and forgets an earlier fit."""
        self.collapsed_at, self._epochs_at_margin = None, 0
        loss = getattr(self.model, "loss", None)
        self._margin = getattr(loss, "margin", None) if self.margin is None else self.margin
        if not isinstance(self._margin, Real):
            self._margin = None

    def on_train_batch_end(self, batch, logs=None):
        """Makes sure that there is something to go by."""
        if batch == 0 and self._margin is None and "hardest_negative" not in (logs or {}):
            raise ValueError(
                expected(
                    "a loss with a margin, or metrics=[tfmetric.metrics.MiningStatistics()] in "
                    "compile, for CollapseMonitor to watch",
                    logs=sorted(logs or {}),
                )
            )

    def on_epoch_end(self, epoch, logs=None):
        """Looks for the two signs."""
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
        if not {"hardest_positive", "hardest_negative", "embedding_norm"} <= set(logs):
            return None
        furthest = max(logs["hardest_positive"], logs["hardest_negative"])
        # Written so that all embeddings at 0 count too, and NaN does not.
        if not furthest <= self.spread * logs["embedding_norm"]:
            return None
        length = logs["embedding_norm"]
        return f"the hardest pairs are {furthest:.2g} apart, embeddings {length:.2g} long"

    def _at_the_margin(self, logs):
        loss = logs.get("loss")
        if self._margin is None or loss is None or not math.isfinite(loss):
            return None
        at_margin = self._margin > 0 and abs(loss - self._margin) <= self.tolerance * self._margin
        self._epochs_at_margin = self._epochs_at_margin + 1 if at_margin else 0
        if self._epochs_at_margin < self.patience:
            return None
        return f"the loss has been at the margin for {self._epochs_at_margin} epochs ({loss:.4f})"
