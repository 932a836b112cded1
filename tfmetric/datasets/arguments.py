"""Checks of the arguments that several functions here take."""

from __future__ import annotations

import numpy as np

from tfmetric._errors import expected


def require_positive(**arguments: int) -> None:
    """Raises a ValueError for an argument that is no positive integer."""
    for name, value in arguments.items():
        if not _is_integer(value) or value < 1:
            raise ValueError(expected(f"{name} as a positive integer", **{name: value}))


def require_seed(seed: int) -> None:
    """Raises a ValueError for a seed that is no integer from 0 to 2^63 - 1."""
    # TensorFlow takes it as an int64, NumPy takes none below zero.
    if not _is_integer(seed) or not 0 <= seed < 2**63:
        raise ValueError(expected("seed as an integer from 0 to 2**63 - 1", seed=seed))


def require_fraction(test_fraction: float) -> None:
    """Raises a ValueError for a fraction that leaves one part empty."""
    if not 0 < test_fraction < 1:
        raise ValueError(
            expected("a test_fraction between 0 and 1, both excluded", test_fraction=test_fraction)
        )


def _is_integer(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
