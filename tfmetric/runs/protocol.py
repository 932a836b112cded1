"""How a run is judged: among new classes, or by a gallery of the classes that it trains on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfmetric.datasets import LabeledData, split_classes
from tfmetric.tuning.held_out_folds import rule_of_split, searched_gallery, validation_folds

# Judging an epoch must not cost more than the epoch.
_WATCHED = 2000


@dataclass(frozen=True)
class Judged:
    """Data to judge on, and what its examples are searched in.

    Attributes:
        data: The examples to judge on.
        gallery: The examples that they are searched in, of the training data, where their classes
            are trained on (a closed set); None where each is searched among all others.
    """

    data: LabeledData
    gallery: LabeledData | None

    @property
    def words(self) -> str:
        """The examples in words, such as "examples of classes that training never sees"."""
        if self.gallery is None:
            return f"{len(self.data):,} examples of {self.data.num_classes:,} classes"
        return (
            f"{len(self.data):,} examples of {self.data.num_classes:,} classes, searched in "
            f"{len(self.gallery):,} training examples"
        )


def judged(train: LabeledData, test: LabeledData) -> Judged:
    """The test part, with the training part as its gallery where it is a closed set."""
    return Judged(test, searched_gallery(train, test))


def divided(config, parts) -> tuple[LabeledData, LabeledData | None]:
    """The data to train on, and what is held out of it for early stopping, or None.

    It is held out as the test part was: whole classes, whole groups, or examples of each class.

    Args:
        config: The :class:`~tfmetric.runs.RunConfig`.
        parts: (train, test).
    """
    train, test = parts
    if config.patience is None:
        return train, None
    by = rule_of_split(train, test)
    if by == "classes":
        kept, held_out = split_classes(train.labels, config.validation_fraction, config.seed)
        return train.subset(kept), train.subset(held_out)
    fraction, seed = config.validation_fraction, config.seed
    return validation_folds(train, by, fraction=fraction, seed=seed)[0]


def watched(config, parts) -> Judged:
    """What each epoch is judged on: about 2,000 examples, by the protocol of the end.

    Args:
        config: The :class:`~tfmetric.runs.RunConfig`.
        parts: (train, test).
    """
    train, held_out = divided(config, parts)
    found = judged(train, parts[1] if held_out is None else held_out)
    if found.gallery is None:
        return Judged(some_classes(found.data, config.seed), None)
    # All classes, as at the end: a query among fewer would be easier to find.
    return Judged(some_examples(found.data, config.seed), some_examples(found.gallery, config.seed))


def some_classes(data: LabeledData, seed: int, examples: int = _WATCHED) -> LabeledData:
    """All examples of some classes, at least two: about as many examples as asked for."""
    if len(data) <= examples:
        return data
    rng = np.random.default_rng(seed)
    number = max(2, round(data.num_classes * examples / len(data)))
    return data.subset(np.isin(data.labels, rng.choice(data.classes, number, replace=False)))


def some_examples(data: LabeledData, seed: int, examples: int = _WATCHED) -> LabeledData:
    """About as many examples as asked for, of each class its share and at least one."""
    if len(data) <= examples:
        return data
    rng, chosen = np.random.default_rng(seed), []
    for label in data.classes:
        own = np.flatnonzero(data.labels == label)
        count = max(1, round(len(own) * examples / len(data)))
        chosen.append(rng.choice(own, count, replace=False))
    return data.subset(np.sort(np.concatenate(chosen)))
