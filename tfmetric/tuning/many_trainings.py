"""Many trainings in one process: each frees its memory and begins with a new embedder."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from tfmetric._errors import expected


class FreshEmbedder:
    """Calls ``build_embedder``, and makes sure that no trial goes on with another one's weights."""

    def __init__(self, build):
        self._build, self._last = build, lambda: None

    def __call__(self, embedding_dim):
        """The embedder; a ValueError if it is the last one again."""
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
    """Each trial is another model: TensorFlow would advise against that, trial by trial."""

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
    """What was made for trainings in the block goes with them.

    Keras adds up gradients in a function with a gradient of its own, and TensorFlow keeps such
    gradients by name for ever, and with each the whole graph of the training: 12 MB of a small
    one. A graph that has been traced needs them no more.
    """
    keras.backend.clear_session()  # It collects garbage too.
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

    # Not public: where it is no more, memory grows, and nothing else changes.
    return getattr(getattr(ops, "gradient_registry", None), "_registry", {})
