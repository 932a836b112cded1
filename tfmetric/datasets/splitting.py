"""Dividing classes, not examples, between train and test."""

from __future__ import annotations

import numpy as np

from tfmetric._errors import expected


def split_classes(
    labels: np.ndarray, test_fraction: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples so that no class is in both parts.

    Use it to judge a metric on classes never seen in training, which is what it is for.

    Args:
        labels: Class labels `(N,)`, any type.
        test_fraction: The share of the *classes* for the test, between 0 and 1; at least one
            class goes to each part.
        seed: Which split. The same seed and classes give the same split.

    Returns:
        Indexes of the train examples and of the test examples, ascending.

    Raises:
        ValueError: If there are fewer than two classes, or the fraction is not between 0 and 1.

    >>> import numpy as np
    >>> train, test = split_classes(np.array([0, 1, 2, 3, 0, 1]), test_fraction=0.25)
    >>> len(train) + len(test)
    6
    """
    if not 0 < test_fraction < 1:
        raise ValueError(
            expected("a test_fraction between 0 and 1, both excluded", test_fraction=test_fraction)
        )
    classes, codes = np.unique(labels, return_inverse=True)
    require_two_classes(classes)
    count = len(classes)
    num_test = int(np.clip(round(count * test_fraction), 1, count - 1))
    in_test = np.zeros(count, bool)
    in_test[np.random.default_rng(seed).permutation(count)[:num_test]] = True
    return np.flatnonzero(~in_test[codes]), np.flatnonzero(in_test[codes])


def own_split(labels: np.ndarray, parts: np.ndarray | None) -> tuple | None:
    """The data's own split, if it has both parts and no class is in both; else `None`."""
    if parts is None:
        return None
    train, test = np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test")
    if not len(train) or not len(test) or np.intersect1d(labels[train], labels[test]).size:
        return None
    return train, test


def require_two_classes(classes) -> None:
    """Raises a ValueError for fewer than two classes: there is nothing to tell apart."""
    if len(classes) < 2:
        raise ValueError(
            expected(
                "examples of at least two classes, so that one can be kept for the test",
                classes=[str(name) for name in classes],
            )
        )
