"""One run: one setting, trained on one part of the data and judged on another."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric.callbacks import RetrievalEvaluation
from tfmetric.callbacks.collapse import stuck_at_margin
from tfmetric.datasets.in_memory import as_labeled
from tfmetric.training import Settings, Training, prepare
from tfmetric.tuning.many_trainings import given_back
from tfmetric.tuning.retrieval_objective import check_objective, ks_for
from tfmetric.tuning.run_record import RunRecord

# Embeddings have collapsed when their mean distance from their mean is below this share of their
# length, as for CollapseMonitor.
_SPREAD = 0.01
# More queries in a gallery than this are sampled: they cost an epoch's time and sharpen the figure
# little.
_MOST_QUERIES = 2000
# The number of examples whose embeddings are looked at for that.
_LOOKED_AT = 256
# Words in the errors that losses and RetrievalEvaluation raise when a training has diverged.
_DIVERGED = ("finite embeddings", "finite cosines")


def run_seed(seed: int, fold: int = 0, repeat: int = 0) -> int:
    """Derives the seed of one run, so that settings share their batches and initial weights.

    Args:
        seed: Seed of the search.
        fold: Fold of the classes that the run is judged on, from 0.
        repeat: Repeat of the run, from 0.

    Returns:
        An integer below 2³¹.

    >>> run_seed(0) == run_seed(0, 0, 0) != run_seed(0, 1)
    True
    """
    return int(np.random.SeedSequence([seed, fold, repeat]).generate_state(1)[0] >> 1)


def run_once(
    train: Any,
    validation: Any,
    settings: Settings,
    seed: int = 0,
    *,
    build_embedder: Callable[[int], keras.Model] | None = None,
    objective: str = "map_at_r",
    callbacks: Sequence = (),
    patience: int | None = None,
    epochs: int | None = None,
    gallery: Any = None,
    stop: Callable[[tuple[float, ...]], str | None] | None = None,
    after: Callable[[Training], Mapping[str, float]] | None = None,
) -> RunRecord:
    """Trains one setting and says how well examples are found that it was not trained on.

    A setting that diverges, collapses to one point or does not fit into memory is a result, with
    the worst value and a reason. Any other error is raised, as the setting is not its cause.

    Args:
        train: The data to train on, a ``LabeledData``.
        validation: The data to judge on, a ``LabeledData``; none of its examples is in ``train``.
        settings: The setting.
        seed: Seed of weights and batches; give settings that are compared the same one.
        build_embedder: As in :func:`tfmetric.training.prepare`.
        objective: A retrieval figure, see :func:`tfmetric.tuning.margin_search`.
        callbacks: Keras callbacks; each run gets copies, which find the objective in the logs.
        patience: Number of epochs without a better one after which the run stops. Defaults to
            None: never.
        epochs: Number of epochs of the schedule after which the run stops. Defaults to None: all
            of ``settings.epochs``.
        gallery: The examples among which those of ``validation`` are looked for, a
            ``LabeledData``; the training data where ``validation`` has new examples of the same
            classes. Defaults to None: the other examples of ``validation``.
        stop: Called after each epoch with the objective of all epochs so far; returns a reason to
            prune the run, or None.
        after: Called with the training at the weights of the best epoch, unless the run collapsed;
            the figures it returns stand in ``figures`` of the record.

    Returns:
        A :class:`RunRecord`.

    Raises:
        ValueError: If an argument is out of its range, or data or embedder do not fit.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> x, labels = np.random.default_rng(0).normal(size=(48, 3)), np.arange(48) % 12
    >>> data = tm.datasets.from_arrays(x, labels)
    >>> settings = tm.training.Settings(epochs=2, batches_per_epoch=1)
    >>> parts = data.subset(labels < 8), data.subset(labels >= 8)
    >>> record = tm.tuning.run_once(*parts, settings)
    >>> len(record.curve), record.status, record.best == max(record.curve)
    (2, 'completed', True)
    """
    objective, train, validation = (
        check_objective(objective),
        as_labeled(train),
        as_labeled(validation),
    )
    begun = time.perf_counter()
    watch = _Watch(f"val_{objective}", patience, stop, keep_best=after is not None)
    status, reason, sign, figures = "completed", "", "", {}
    with given_back():
        keras.utils.set_random_seed(seed)
        try:
            training = prepare(train, settings, seed, build_embedder)
            judge = _judge(training, validation, gallery, objective)
            _fit(training, epochs, [judge, watch, *copy.deepcopy(list(callbacks))])
            reason = watch.reason
            sign = stuck_at_margin(watch.losses, training.model.loss) or ""
            if watch.pruned:
                status = "pruned"
            elif collapsed := _collapsed(training.embedder, validation):
                status, reason = "collapsed", collapsed
            elif after is not None:
                watch.restore(training.model)
                figures = {name: float(value) for name, value in after(training).items()}
        except Exception as error:
            blamed = blame(error)
            if blamed is None:
                raise
            status, reason = "collapsed", blamed
    worthless = status == "collapsed"
    return RunRecord(
        best=0.0 if worthless else max(watch.curve),
        best_epoch=0 if worthless else int(np.argmax(watch.curve)) + 1,
        curve=tuple(watch.curve),
        seconds=time.perf_counter() - begun,
        status=status,
        reason=reason,
        sign="" if worthless else sign,
        figures=figures,
    )


def _judge(training, validation, gallery, objective):
    """The callback that writes the objective into the logs of each epoch."""
    if gallery is not None and len(validation) > _MOST_QUERIES:
        drawn = np.random.default_rng(0).choice(len(validation), _MOST_QUERIES, replace=False)
        validation = validation.subset(np.sort(drawn))
    return RetrievalEvaluation(
        validation,
        gallery=None if gallery is None else as_labeled(gallery),
        distance=training.distance,
        ks=ks_for(objective),
        figures=(objective,),
        embedder=training.embedder,
    )


def _fit(training, epochs, callbacks):
    whole = training.settings.epochs
    training.model.fit(
        training.batches,
        epochs=whole if epochs is None else min(epochs, whole),
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
    )


class _Watch(keras.callbacks.Callback):
    """Keeps objective and loss of each epoch, and stops a hopeless run."""

    def __init__(self, name, patience, stop, keep_best):
        super().__init__()
        if patience is not None and not (isinstance(patience, int) and patience > 0):
            raise ValueError(expected("patience to be an int above 0, or None", patience=patience))
        self.name, self.patience, self.stop, self.keep_best = name, patience, stop, keep_best
        self.curve, self.losses = [], []
        self.weights, self.reason, self.pruned = None, "", False

    def on_epoch_end(self, epoch, logs=None):
        self.curve.append(float(logs[self.name]))
        self.losses.append(float(logs.get("loss", math.nan)))
        best = int(np.argmax(self.curve))
        if self.keep_best and best == epoch:
            self.weights = self.model.get_weights()
        hopeless = self.stop(tuple(self.curve)) if self.stop else None
        if hopeless:
            self.reason, self.pruned = hopeless, True
        elif self.patience is not None and epoch - best >= self.patience:
            self.reason = f"no better epoch than {best + 1} in {self.patience}"
        if self.reason:
            self.model.stop_training = True

    def restore(self, model):
        """Gives the model the weights of the best epoch."""
        model.set_weights(self.weights)


def _collapsed(embedder, validation):
    """Returns why the embeddings have collapsed to one point, or None."""
    chosen = np.linspace(0, len(validation) - 1, min(_LOOKED_AT, len(validation))).astype(int)
    # A call and no predict: predict would trace another graph for this batch size.
    embeddings = np.asarray(embedder(validation.read(chosen), training=False), np.float64)
    spread = np.linalg.norm(embeddings - embeddings.mean(axis=0), axis=1).mean()
    length = np.linalg.norm(embeddings, axis=1).mean()
    if spread > _SPREAD * length:
        return None
    return f"all embeddings are at one point: {spread:.2g} from their mean, {length:.2g} long"


def blame(error: Exception) -> str | None:
    """Returns in a few words how a setting caused an error; None if something else did."""
    text = str(error)
    if any(sign in text for sign in _DIVERGED):
        return "diverged: embeddings are NaN or infinite"
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & {"ResourceExhaustedError", "MemoryError"} or "RESOURCE_EXHAUSTED" in text:
        return "out of memory"
    return None
