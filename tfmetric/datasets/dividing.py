"""The rules that divide examples between train and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.splitting import (
    own_split,
    require_four_classes,
    split_classes,
    split_examples,
    split_groups,
)

RULES = ("auto", "classes", "examples", "groups", "as given")
# The share of the test by rule; larger for classes, because these are few.
TEST_FRACTION = {"classes": 0.5, "examples": 0.25, "groups": 0.25}


@dataclass(frozen=True)
class Split:
    """The division of the data, in `LabeledData.split`.

    Attributes:
        rule: "classes", "examples", "groups" or "as given".
        closed_set: Whether classes of the test are also in train. Such a test is evaluated as
            queries against the train part as gallery; otherwise the test is its own gallery.
        words: The rule in words.
        other: Effect of another rule, and how to request it.
        seed: The `split_seed` of the split; `None` for a given split.
    """

    rule: str
    closed_set: bool
    words: str
    other: str
    seed: int | None = None


@dataclass(frozen=True)
class Division:
    """Positions of the examples of each part.

    Attributes:
        train: `int64`, ascending.
        test: `int64`, ascending.
        val: The data's own validation part where the split is as given; otherwise empty.
        split: The division.
        notes: Remarks for the user.
    """

    train: np.ndarray
    test: np.ndarray
    val: np.ndarray
    split: Split
    notes: tuple[str, ...] = ()


def divide(
    labels: np.ndarray,
    class_names: Sequence[str],
    rule: str = "auto",
    parts: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    test_fraction: float | None = None,
    seed: int = 0,
) -> Division:
    """Divides examples between train and test.

    Args:
        labels: `(N,)` indexes into `class_names`.
        class_names: The names of the classes.
        rule: One of `RULES`, as :func:`tfmetric.datasets.load` describes them.
        parts: `(N,)` of "train", "val" and "test", where the data has parts of its own.
        groups: `(N,)` group of each example, or `None`.
        test_fraction: The share of the test; `None` for the rule's default.
        seed: Seed of the split.

    Raises:
        ValueError: If the rule needs missing parts or groups, or there is too little to divide.
    """
    chosen = rule
    if rule == "auto":
        chosen = "classes" if own_split(labels, parts) is None else "as given"
    if chosen == "as given":
        return _as_given(labels, parts)
    fraction = TEST_FRACTION[chosen] if test_fraction is None else test_fraction
    if chosen == "classes":
        require_four_classes([class_names[label] for label in np.unique(labels)])
        train, test = split_classes(labels, fraction, seed)
    elif chosen == "examples":
        train, test = split_examples(labels, fraction, seed)
    else:
        train, test = split_groups(_required_groups(groups), fraction, seed)
    words = {
        "classes": f"by class, split_seed {seed}, {fraction:.0%} of the classes for the test",
        "examples": f"by examples, split_seed {seed}, {fraction:.0%} of each class for the test",
        "groups": f"by group, split_seed {seed}, {fraction:.0%} of the groups for the test",
    }
    notes: tuple[str, ...] = ()
    if parts is not None and rule == "auto":
        notes = (
            "the data's own train and test parts share classes, or one is empty: all examples were"
            ' merged and the classes split anew; split="as given" keeps the parts',
        )
    split = Split(
        chosen, _shared(labels, train, test), words[chosen], _other(chosen, parts, labels), seed
    )
    return Division(train, test, np.empty(0, np.int64), split, notes)


def _as_given(labels, parts):
    found = [] if parts is None else np.unique(parts).tolist()
    if "train" not in found or "test" not in found:
        raise ValueError(
            expected(
                'data with a train and a test part of its own for split="as given"',
                parts=found,
            )
        )
    train, val, test = (np.flatnonzero(parts == part) for part in ("train", "val", "test"))
    closed = _shared(labels, train, test)
    words = "the data's own, its classes are disjoint"
    notes = []
    if closed:
        new = np.setdiff1d(labels[test], labels[train]).size
        words = "the data's own; classes of the test are in train too (closed set)"
        if new:
            notes.append(f"{new:,} classes of the test part are not in train")
    if len(val):
        notes.append(
            f"the validation part, {len(val):,} examples, is in neither; datasets.load_parts"
            " returns it"
        )
    split = Split("as given", closed, words, _other("as given", parts, labels))
    return Division(train, test, val, split, tuple(notes))


def _shared(labels, train, test):
    return bool(np.intersect1d(labels[train], labels[test]).size)


def _required_groups(groups):
    if groups is None:
        raise ValueError(
            expected(
                'data with groups for split="groups"; name their column by group=', groups=None
            )
        )
    return groups


def _other(rule, parts, labels):
    """Describes the most likely alternative rule."""
    few = len(np.unique(labels)) < 4
    if rule == "classes" and parts is not None:
        return 'split="as given" keeps the data\'s own parts'
    if rule == "classes":
        return 'split="examples" keeps every class in both parts'
    if few:
        return 'split="classes" needs four classes'
    return 'split="classes" evaluates on classes never seen in training'
