"""Parts of the training classes to judge on, so that test classes need not be touched."""

from __future__ import annotations

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.splitting import require_four_classes


def class_folds(
    train: LabeledData, folds: int = 1, validation_fraction: float = 0.25, seed: int = 0
) -> list[tuple[LabeledData, LabeledData]]:
    """Splits the training classes into those to train on and those to judge on.

    Args:
        train: The training data.
        folds: 1 for one split; of k folds each class is judged in exactly one, and trained on in
            the others.
        validation_fraction: The share of the classes to judge on, where there is one split.
        seed: Which split.

    Returns:
        For each fold the part to train on and the part to judge on.

    Raises:
        ValueError: If there are too few classes, or a part has nothing to learn or to find.

    >>> import numpy as np
    >>> from tfmetric import datasets
    >>> data = datasets.from_arrays(np.eye(12), np.arange(12) % 6)
    >>> [(len(a.classes), len(b.classes)) for a, b in class_folds(data, folds=3)]
    [(4, 2), (4, 2), (4, 2)]
    """
    if isinstance(folds, bool) or not (isinstance(folds, int) and folds >= 1):
        raise ValueError(expected("class_folds to be an int of at least 1", class_folds=folds))
    if folds == 1 and not 0 < validation_fraction < 1:
        raise ValueError(
            expected(
                "validation_fraction to be between 0 and 1", validation_fraction=validation_fraction
            )
        )
    classes = train.classes
    require_four_classes([train.class_names[label] for label in classes])
    count, order = len(classes), np.random.default_rng(seed).permutation(classes)
    if folds == 1:
        chosen = [order[: int(np.clip(round(count * validation_fraction), 2, count - 2))]]
    elif folds * 2 > count:
        raise ValueError(
            expected(
                "two training classes at least for each fold", class_folds=folds, classes=count
            )
        )
    else:
        chosen = np.array_split(order, folds)
    parts = []
    for own in chosen:
        judged = np.isin(train.labels, own)
        parts.append((train.subset(~judged), train.subset(judged)))
        for part, purpose in zip(parts[-1], ("learn", "find"), strict=True):
            if np.unique(part.labels, return_counts=True)[1].max() < 2:
                raise ValueError(
                    expected(
                        f"a class of two examples at least in each part, or there is nothing to "
                        f"{purpose}; take fewer folds, or another seed",
                        fold=len(parts) - 1,
                        classes=part.num_classes,
                        examples=len(part),
                    )
                )
    return parts
