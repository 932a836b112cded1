"""Many trainings in one process: each frees its memory and begins with a new embedder."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from tfmetric._errors import expected


class FreshEmbedder:
    """Calls ``build_embedder`` and refuses a model that an earlier trial has trained."""

    def __init__(self, build):
        self._build, self._last = build, lambda: None

    def __call__(self, embedding_dim):
        """Returns a new embedder; raises a ValueError for the same model as before."""
        made = self._build(embedding_dim)
        if made is not None and made is self._last():
            raise ValueError(
                expected(
                    "build_embedder to make a new model each time: the same one again has already "
                    "been trained",
                    returned=made,
                )
            )
        self._last = weakref.ref(made) if isinstance(made, keras.Model) else lambda: None
        return made


@contextmanager
def without_advice_on_retracing():
    """Silences TensorFlow's advice on retracing: each trial is a new model on purpose."""

    def wanted(record):
        return "retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)


@contextmanager
def given_back() -> Iterator[None]:
    """Frees the graphs of the trainings in the block at its end.

    Keras sums gradients in a function with a gradient of its own. TensorFlow keeps such gradients
    by name for ever, and with each one the whole graph of the training, 12 MB for a small model.
    A traced graph no longer needs them.
    """
    keras.backend.clear_session()  # This collects garbage too.
    known = set(_gradients())
    try:
        yield
    finally:
        registry = _gradients()
        for name in set(registry) - known:
            if str(name).startswith("CustomGradient-"):
                del registry[name]


def _gradients() -> dict:
    if keras.config.backend() != "tensorflow":
        return {}
    from tensorflow.python.framework import ops

    # Not public: if TensorFlow drops it, memory grows and nothing else changes.
    return getattr(getattr(ops, "gradient_registry", None), "_registry", {})
