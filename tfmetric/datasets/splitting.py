"""Dividing classes, not examples, between train and test."""

from __future__ import annotations

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_fraction, require_seed


def split_classes(
    labels: np.ndarray, test_fraction: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples so that no class is in both parts.

    Use it to judge a metric on classes never seen in training, which is what it is for.

    Args:
        labels: Class labels `(N,)`, any type.
        test_fraction: The share of the *classes* for the test, between 0 and 1; at least two
            classes go to each part.
        seed: Which split, an integer from 0. The same seed and classes give the same split.

    Returns:
        Indexes of the train examples and of the test examples, ascending.

    Raises:
        ValueError: If there are fewer than four classes, or an argument is out of its range.

    >>> import numpy as np
    >>> train, test = split_classes(np.array([0, 1, 2, 3, 0, 1]), test_fraction=0.25)
    >>> len(train) + len(test)
    6
    """
    require_fraction(test_fraction)
    require_seed(seed)
    classes, codes = np.unique(labels, return_inverse=True)
    require_four_classes(classes)
    count = len(classes)
    num_test = int(np.clip(round(count * test_fraction), 2, count - 2))
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


def require_four_classes(classes) -> None:
    """Raises a ValueError for fewer than four classes: too few to divide."""
    if len(classes) < 4:
        raise ValueError(
            expected(
                "at least 4 classes, two to train on and two to be judged on",
                classes=[str(name) for name in classes],
            )
        )


def require_learnable(train: np.ndarray, test: np.ndarray, class_names) -> None:
    """Raises a ValueError for a part without two classes, or without a class of two examples.

    Args:
        train: Labels of the train examples, indexes into `class_names`.
        test: Labels of the test examples.
        class_names: The names of the classes.
    """
    for part, labels, purpose in (("train", train, "learn"), ("test", test, "find")):
        classes, counts = np.unique(labels, return_counts=True)
        if len(classes) < 2:
            raise ValueError(
                expected(
                    f"at least two classes in the {part} part, or there is nothing to tell apart;"
                    " move classes to it, or give the examples without a split of their own",
                    **{f"{part}_classes": [class_names[label] for label in classes]},
                )
            )
        if counts.max() < 2:
            raise ValueError(
                expected(
                    f"a class of at least two examples in the {part} part, or there is nothing to"
                    f" {purpose}; add examples, or choose another seed or split",
                    **{
                        f"{part}_classes": len(classes),
                        f"{part}_examples": len(labels),
                    },
                )
            )
