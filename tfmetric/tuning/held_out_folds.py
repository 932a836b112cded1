"""Parts of the training data to judge on, so that the test data need not be touched."""

from __future__ import annotations

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.splitting import require_four_classes

# A class with fewer examples than this is not split: two are needed to learn from, one to judge.
_SPLIT_FROM = 3


def validation_folds(
    train: LabeledData,
    by: str = "classes",
    *,
    folds: int = 1,
    fraction: float = 0.25,
    seed: int = 0,
) -> list[tuple[LabeledData, LabeledData]]:
    """Splits the training data into a part to train on and a part to judge on.

    Use it to choose settings without touching the test data. Split it the way your test data was
    split: a search that judges on an easier split finds figures that the test does not confirm.

    Args:
        train: The training data.
        by: The unit that lies in one part alone: "classes" for new classes; "groups" for
            new groups, such as writers or alphabets, which needs ``train.groups``; "examples" for
            new examples of the same classes.
        folds: 1 for one split; of k folds, each class, group or example is judged in exactly one
            and trained on in the others.
        fraction: The share of the classes, groups or examples to judge on, where ``folds`` is 1.
        seed: Which split.

    Returns:
        For each fold the part to train on and the part to judge on.

    Raises:
        ValueError: If there are too few classes, groups or examples, or a part has nothing to
            learn or to find.

    Example:

    >>> import numpy as np
    >>> from tfmetric import datasets
    >>> data = datasets.from_arrays(np.eye(12), np.arange(12) % 6)
    >>> [(len(a.classes), len(b.classes)) for a, b in validation_folds(data, folds=3)]
    [(4, 2), (4, 2), (4, 2)]
    """
    if isinstance(folds, bool) or not (isinstance(folds, int) and folds >= 1):
        raise ValueError(expected("folds to be an int of at least 1", folds=folds))
    if folds == 1 and not 0 < fraction < 1:
        raise ValueError(expected("fraction to be between 0 and 1", fraction=fraction))
    if by not in _SPLITS:
        raise ValueError(expected(f"by to be one of {', '.join(_SPLITS)}", by=by))
    parts = []
    for judged in _SPLITS[by](train, folds, fraction, np.random.default_rng(seed)):
        parts.append((train.subset(~judged), train.subset(judged)))
        _check_fold(*parts[-1], len(parts) - 1)
    return parts


def searched_gallery(learn: LabeledData, judged: LabeledData) -> LabeledData | None:
    """The examples that queries of ``judged`` are looked for among; None for ``judged`` itself.

    Where all classes that are judged are also trained on, the question is which known class a new
    example belongs to, and the training part is the gallery. So it is where some are, if the data
    was loaded as a closed set. Else new classes are told apart.

    Args:
        learn: The part that was trained on.
        judged: The part to judge on.
    """
    known = {learn.class_names[label] for label in learn.classes}
    asked = {judged.class_names[label] for label in judged.classes}
    closed = learn.split is not None and learn.split.closed_set
    return learn if asked <= known or (closed and asked & known) else None


def rule_of_split(train: LabeledData, test: LabeledData | None) -> str:
    """How the data was split into train and test: "classes", "groups" or "examples".

    The answer is "groups" where both parts have groups and share none; else "examples" where the
    test classes are trained on, and "classes" where not. Without test data it is the rule that
    loaded the training data; else "classes" where there are four or more, and "examples" where not.

    Args:
        train: The training data.
        test: The test data, or None.
    """
    if test is None:
        known = train.split.rule if train.split is not None else ""
        if known in _SPLITS:
            return known
        closed = train.split is not None and train.split.closed_set
        return "examples" if closed or train.num_classes < 4 else "classes"
    if train.groups is not None and test.groups is not None:
        groups = np.unique(train.groups)
        if len(groups) > 1 and not np.isin(groups, test.groups).any():
            return "groups"
    return "examples" if searched_gallery(train, test) is not None else "classes"


def _by_classes(train, folds, fraction, rng):
    """Masks of the examples to judge on: those of whole classes."""
    classes = train.classes
    require_four_classes([train.class_names[label] for label in classes])
    count, order = len(classes), rng.permutation(classes)
    if folds == 1:
        chosen = [order[: int(np.clip(round(count * fraction), 2, count - 2))]]
    elif folds * 2 > count:
        raise ValueError(
            expected("two training classes at least for each fold", folds=folds, classes=count)
        )
    else:
        chosen = np.array_split(order, folds)
    return [np.isin(train.labels, own) for own in chosen]


def _by_groups(train, folds, fraction, rng):
    """Masks of the examples to judge on: those of whole groups."""
    groups = [] if train.groups is None else np.unique(train.groups)
    if len(groups) < max(2, folds):
        raise ValueError(
            expected(
                f"training data of {max(2, folds)} groups or more to validate by groups; load it "
                "with groups, take fewer folds, or validate by classes or examples",
                groups=None if train.groups is None else len(groups),
                folds=folds,
            )
        )
    order = rng.permutation(groups)
    if folds == 1:
        chosen = [order[: int(np.clip(round(len(groups) * fraction), 1, len(groups) - 1))]]
    else:
        chosen = np.array_split(order, folds)
    return [np.isin(train.groups, own) for own in chosen]


def _by_examples(train, folds, fraction, rng):
    """Masks of the examples to judge on: some of each class that has enough of them."""
    fold_of, begin = np.full(len(train), -1), 0
    for label in train.classes:
        own = rng.permutation(np.flatnonzero(train.labels == label))
        if len(own) < _SPLIT_FROM:
            continue
        if folds == 1:
            own = own[: int(np.clip(round(len(own) * fraction), 1, len(own) - 2))]
        # The next class goes on with the next fold, so that small classes fill all folds.
        fold_of[own] = (begin + np.arange(len(own))) % folds
        begin += len(own)
    masks = [fold_of == fold for fold in range(folds)]
    if not all(mask.any() for mask in masks):
        raise ValueError(
            expected(
                f"classes of {_SPLIT_FROM} examples at least to validate by examples, and an "
                "example to judge in each fold",
                folds=folds,
                examples=len(train),
                classes=train.num_classes,
            )
        )
    return masks


_SPLITS = {"classes": _by_classes, "groups": _by_groups, "examples": _by_examples}


def _check_fold(learn, judged, fold):
    """Raises a ValueError where a part has nothing to learn or to find."""
    parts = [(learn, "learn")]
    if searched_gallery(learn, judged) is None:
        parts.append((judged, "find"))
    for part, purpose in parts:
        counts = np.unique(part.labels, return_counts=True)[1]
        if len(counts) < 2 or counts.max() < 2:
            raise ValueError(
                expected(
                    "a class of two examples at least in each part, beside another class, or there "
                    f"is nothing to {purpose}; take fewer folds, another seed, or validate by "
                    "something else",
                    fold=fold,
                    classes=part.num_classes,
                    examples=len(part),
                )
            )
