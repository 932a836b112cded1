"""Checks arguments that several functions here share."""

from __future__ import annotations

import numpy as np

from tfmetric._errors import expected


def require_positive(**arguments: int) -> None:
    """Raises a ValueError for an argument that is not a positive integer."""
    for name, value in arguments.items():
        if not _is_integer(value) or value < 1:
            raise ValueError(expected(f"{name} as a positive integer", **{name: value}))


def require_seed(seed: int, name: str = "seed") -> None:
    """Raises a ValueError for a seed that is not an integer from 0 to 2^63 - 1."""
    # TensorFlow needs an int64, NumPy a non-negative number.
    if not _is_integer(seed) or not 0 <= seed < 2**63:
        raise ValueError(expected(f"{name} as an integer from 0 to 2**63 - 1", **{name: seed}))


def require_fraction(test_fraction: float) -> None:
    """Raises a ValueError for a fraction that leaves one part empty."""
    if not 0 < test_fraction < 1:
        raise ValueError(
            expected("a test_fraction between 0 and 1, both excluded", test_fraction=test_fraction)
        )


def require_choice(name: str, value: str | None, choices: tuple[str | None, ...]) -> None:
    """Raises a ValueError for a value that is not among the choices."""
    if value not in choices:
        raise ValueError(
            expected(f"{name} as one of {', '.join(map(repr, choices))}", **{name: value})
        )


def image_size_of(image_size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Returns the size as (height, width); a single number means both.

    Raises:
        ValueError: If it is not a positive number of pixels.

    >>> image_size_of(64), image_size_of((32, 48))
    ((64, 64), (32, 48))
    """
    if image_size is None:
        return None
    size = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(size) != 2 or any(not _is_integer(n) or n < 1 for n in size):
        raise ValueError(
            expected(
                "image_size as a positive number of pixels or (height, width)",
                image_size=image_size,
            )
        )
    return int(size[0]), int(size[1])


def _is_integer(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
