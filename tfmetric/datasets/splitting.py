"""Divides classes, examples or groups between train and test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_fraction, require_seed


def split_classes(
    labels: np.ndarray, test_fraction: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples so that no class is in both parts.

    Use it to judge a metric on classes never seen in training.

    Args:
        labels: Class labels `(N,)`, any type.
        test_fraction: The share of the *classes* for the test, between 0 and 1; at least two
            classes go to each part.
        seed: Seed of the split, an integer from 0. The same seed and classes give the same split.

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


def split_examples(
    labels: np.ndarray, test_fraction: float = 0.25, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Splits the examples of each class, so that every class is in both parts (a closed set).

    Use it for fixed classes, such as ten digits. A class of one example is in train only; every
    other class has at least one example in each part.

    Args:
        labels: Class labels `(N,)`, any type.
        test_fraction: The share of each class for the test, between 0 and 1.
        seed: Seed of the split, an integer from 0.

    Returns:
        Indexes of the train examples and of the test examples, ascending.

    >>> import numpy as np
    >>> train, test = split_examples(np.array([0, 0, 0, 0, 1, 1, 2]))
    >>> len(train), len(test)
    (5, 2)
    """
    require_fraction(test_fraction)
    require_seed(seed)
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    codes = codes.reshape(-1)
    # One sort of class number plus a random fraction shuffles within every class at once.
    order = np.argsort(codes + np.random.default_rng(seed).random(len(codes)))
    start = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.empty(len(codes), np.int64)
    rank[order] = np.arange(len(codes)) - np.repeat(start, counts)
    num_test = np.where(
        counts > 1, np.clip(np.rint(counts * test_fraction), 1, np.maximum(counts - 1, 1)), 0
    )
    in_test = rank < num_test[codes]
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def split_groups(
    groups: np.ndarray, test_fraction: float = 0.25, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Splits examples so that no group (writer, patient, speaker, alphabet) is in both parts.

    Use it if examples of one group are similar for another reason than their class.

    Args:
        groups: The group of each example `(N,)`, any type.
        test_fraction: The share of the *groups* for the test, between 0 and 1; at least one group
            goes to each part.
        seed: Seed of the split, an integer from 0.

    Returns:
        Indexes of the train examples and of the test examples, ascending.

    Raises:
        ValueError: If there are fewer than two groups.

    >>> import numpy as np
    >>> train, test = split_groups(np.array(["ann", "bob", "ann", "cem", "dee"]))
    >>> len(train) + len(test)
    5
    """
    require_fraction(test_fraction)
    require_seed(seed)
    found, codes = np.unique(groups, return_inverse=True)
    if len(found) < 2:
        raise ValueError(
            expected("at least 2 groups, one for each part", groups=[str(name) for name in found])
        )
    num_test = int(np.clip(round(len(found) * test_fraction), 1, len(found) - 1))
    in_test = np.zeros(len(found), bool)
    in_test[np.random.default_rng(seed).permutation(len(found))[:num_test]] = True
    codes = codes.reshape(-1)
    return np.flatnonzero(~in_test[codes]), np.flatnonzero(in_test[codes])


def own_split(labels: np.ndarray, parts: np.ndarray | None) -> tuple | None:
    """Returns the data's own split if it has both parts and no class is in both; else `None`."""
    if parts is None:
        return None
    train, test = np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test")
    if not len(train) or not len(test) or np.intersect1d(labels[train], labels[test]).size:
        return None
    return train, test


def require_four_classes(classes) -> None:
    """Raises a ValueError for fewer than four classes, which are too few to divide."""
    if len(classes) < 4:
        raise ValueError(
            expected(
                "at least 4 classes, two to train on and two to be judged on; with fewer,"
                ' split="examples" keeps every class in both parts',
                classes=[str(name) for name in classes],
            )
        )


def require_learnable(
    train: np.ndarray, test: np.ndarray, class_names: Sequence[str], closed_set: bool = False
) -> None:
    """Raises a ValueError for a part without two classes, or without a class of two examples.

    Args:
        train: Labels of the train examples, indexes into `class_names`.
        test: Labels of the test examples.
        class_names: The names of the classes.
        closed_set: Whether the test is evaluated against train; it then needs only one example.
    """
    if closed_set and not len(test):
        raise ValueError(expected("at least one example in the test part", test_examples=0))
    parts = (("train", train, "learn"), ("test", test, "find"))
    for part, labels, purpose in parts[:1] if closed_set else parts:
        classes, counts = np.unique(labels, return_counts=True)
        if len(classes) < 2:
            raise ValueError(
                expected(
                    f"at least two classes in the {part} part, or there is nothing to "
                    f"distinguish; move classes to it, or pass the examples without parts",
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
