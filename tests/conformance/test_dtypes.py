"""Losses on embeddings of every dtype with degenerate rows: finite, and near the float64 oracle."""

import keras
import numpy as np
import pytest
from support.backends import value_and_gradient
from support.loss_cases import CASES
from support.loss_suite import reduced, whole_batch

ONE_EACH = {type(case.make()): case for case in CASES}


def batches(count):
    """Eight rows of three classes each time, some zero, equal, tiny or large."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        x = rng.normal(size=(8, 4))
        for row, kind in enumerate(rng.integers(0, 8, 8)):
            x[row] *= {0: 0.0, 1: 1e-3, 2: 30.0}.get(kind, 1.0)
            x[row] = x[0] if kind == 3 else x[row]
        yield rng.integers(0, 3, 8), x


@pytest.mark.parametrize("case", ONE_EACH.values(), ids=lambda case: case.name)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("count", [4, pytest.param(1000, marks=pytest.mark.slow)])
def test_degenerate_rows(case, dtype, count):
    loss = case.make(
        reduction="sum_over_batch_size", dtype="float64" if dtype == "float64" else None
    )
    for labels, x in batches(count):
        x = keras.ops.cast(x, dtype)
        value, gradient = value_and_gradient(loss, labels, x)
        assert np.isfinite(value)
        assert np.isfinite(np.asarray(gradient, "float64")).all()
        exact = keras.ops.convert_to_numpy(keras.ops.cast(x, "float64"))
        # Margins of equal rows are where the formulas of float32 and float64 may part.
        np.testing.assert_allclose(
            value, reduced(case.oracle(whole_batch(labels, exact))), rtol=2e-3, atol=2e-3
        )
