"""Many models in one process: each a new one, and no advice against that."""

from __future__ import annotations

import logging
import weakref
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
