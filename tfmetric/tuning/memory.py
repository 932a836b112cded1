"""Giving back what a training leaves behind, so that a hundred of them need no more than one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


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
