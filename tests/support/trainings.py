"""Trainings for tests of what is around them."""

import numpy as np

from tfmetric.training import preparing

# A training that is over in a second.
QUICK = {"epochs": 2, "batches_per_epoch": 2, "classes_per_batch": 4, "examples_per_class": 3}


def vectors(seed=0):
    """(train, test) of 16 classes of vectors, 8 each."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(16), 6)
    x = (rng.normal(size=(16, 8))[y] + 0.6 * rng.normal(size=(96, 8))).astype("float32")
    return (x[y < 8], y[y < 8]), (x[y >= 8], y[y >= 8])


def run_eagerly(patch) -> None:
    """Makes the models of ``tfmetric.training`` run without a compilation each.

    Args:
        patch: A ``pytest.MonkeyPatch``.
    """
    make_model = preparing.make_model

    def uncompiled(*arguments, **others):
        model = make_model(*arguments, **others)
        model.run_eagerly = True
        return model

    patch.setattr(preparing, "make_model", uncompiled)
