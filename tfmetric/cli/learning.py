"""Training with a judgement of each epoch, as every command does it."""

import numpy as np

import tfmetric as tm
from tfmetric.cli.talk import verbosity

# A figure each epoch must not cost more than the epoch.
_WATCHED = 2000
FIGURES = ("recall_at_1", "map_at_r")


def some_classes(data, seed, examples=_WATCHED):
    """All examples of some classes: about so many, but of two classes at least."""
    if len(data) <= examples:
        return data
    rng = np.random.default_rng(seed)
    number = max(2, round(data.num_classes * examples / len(data)))
    return data.subset(np.isin(data.labels, rng.choice(data.classes, number, replace=False)))


def judge(training, watched, known):
    """The callback that judges each epoch.

    Args:
        training: The :class:`tfmetric.training.Training`.
        watched: Data of classes that it does not train on.
        known: Data that it trains on.
    """
    return tm.callbacks.RetrievalEvaluation(
        watched,
        ks=(1,),
        known=known,
        figures=FIGURES,
        distance=training.distance,
        embedder=training.embedder,
    )


def fit(training, callbacks, initial_epoch=0) -> dict:
    """Trains, and returns the history."""
    return training.model.fit(
        training.batches,
        shuffle=False,  # They come shuffled; Keras would warn that it cannot.
        epochs=training.settings.epochs,
        initial_epoch=initial_epoch,
        callbacks=callbacks,
        verbose=verbosity(),
    ).history
