"""Which part of the training data judges, by classes, groups and examples."""

from unittest.mock import Mock

import numpy as np
import pytest

import tfmetric as tm
from tfmetric.datasets.dividing import Split
from tfmetric.tuning import validation_folds
from tfmetric.tuning.held_out_folds import rule_of_split, searched_gallery

CLASSES, EACH = 12, 8
LABELS = np.repeat(np.arange(CLASSES), EACH)
X = np.arange(CLASSES * EACH, dtype="float32")[:, None] * np.ones(2, "float32")
# Writers of whole classes, as alphabets are, and writers of some examples of every class.
ALPHABETS, WRITERS = LABELS // 3, np.arange(CLASSES * EACH) % EACH


def data(groups=None):
    names = tuple(f"class {i:02}" for i in range(CLASSES))
    arrays = tm.datasets.from_arrays(X, LABELS)
    groups = None if groups is None else np.array([f"group {g}" for g in groups])
    return tm.datasets.LabeledData(arrays.source, LABELS, names, groups)


DATA = data()


def test_each_class_is_judged_once():
    parts = validation_folds(DATA, folds=5, seed=3)
    judged = np.concatenate([validation.classes for _, validation in parts])
    assert sorted(judged) == list(range(CLASSES))
    for train, validation in parts:
        assert not np.intersect1d(train.classes, validation.classes).size
        assert len(train) + len(validation) == len(DATA)
        assert searched_gallery(train, validation) is None
    [(train, validation)] = validation_folds(DATA, fraction=0.25)
    assert (train.num_classes, validation.num_classes) == (9, 3)


@pytest.mark.parametrize("groups", [ALPHABETS, WRITERS])
def test_each_group_is_judged_once(groups):
    whole = data(groups)
    parts = validation_folds(whole, "groups", folds=2, seed=1)
    judged = [set(validation.groups) for _, validation in parts]
    assert not judged[0] & judged[1]
    assert judged[0] | judged[1] == set(whole.groups)
    for train, validation in parts:
        assert not set(train.groups) & set(validation.groups)
        assert len(train) + len(validation) == len(whole)
        # Writers of all classes: each is looked for among those of the others.
        gallery = searched_gallery(train, validation)
        assert gallery is (train if groups is WRITERS else None)
    [(train, validation)] = validation_folds(whole, "groups", fraction=0.25)
    assert len(set(validation.groups)) == round(0.25 * len(set(groups)))


def test_each_example_is_judged_once():
    parts = validation_folds(DATA, "examples", folds=3)
    judged = np.concatenate([validation.positions for _, validation in parts])
    assert sorted(judged) == list(range(len(DATA)))
    for train, validation in parts:
        assert searched_gallery(train, validation) is train
        assert np.bincount(train.labels).min() >= 5
        assert abs(len(validation) - len(DATA) / 3) < 1
    [(train, validation)] = validation_folds(DATA, "examples", fraction=0.25)
    assert np.bincount(validation.labels).tolist() == [2] * CLASSES
    # A class of two examples is learned from and not judged; two classes are enough.
    small = DATA.subset([0, 1, 8, 9, 10])
    [(train, validation)] = validation_folds(small, "examples")
    assert (np.bincount(train.labels).tolist(), validation.labels.tolist()) == ([2, 2], [1])


def test_the_seed_decides():
    for by in ("classes", "groups", "examples"):
        first, again, other = (
            validation_folds(data(WRITERS), by, seed=seed)[0][1].positions for seed in (0, 0, 1)
        )
        assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"folds": 7}, "two training classes at least"),
        ({"folds": 0}, "at least 1"),
        ({"fraction": 1.5}, "between 0 and 1"),
        ({"train": DATA.subset(LABELS < 3)}, "at least 4 classes"),
        ({"train": DATA.subset(np.arange(CLASSES) * EACH)}, "nothing to learn"),
        ({"by": "groups"}, r"training data of 2 groups or more.*groups=None"),
        ({"train": data(ALPHABETS), "by": "groups", "folds": 5}, r"of 5 groups or more.*groups=4"),
        ({"by": "writers"}, "by to be one of classes, groups, examples"),
        ({"train": DATA.subset(LABELS < 2), "by": "examples", "folds": 17}, "in each fold"),
    ],
)
def test_folds_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        validation_folds(**{"train": DATA, **arguments})


def test_the_former_name_is_refused_with_the_present_one():
    with pytest.raises(AttributeError, match=r"validation_folds\(train, 'classes'\)"):
        tm.tuning.class_folds  # noqa: B018


def loaded(rule, closed_set, labels=LABELS):
    """Data as `datasets.load` divided it."""
    found = Mock(division=Split(rule, closed_set, "words", "other"))
    return tm.datasets.LabeledData(DATA.source, labels, DATA.class_names, report=found)


def test_without_test_data_the_rule_is_that_of_loading():
    for rule in ("classes", "groups", "examples"):
        assert rule_of_split(loaded(rule, closed_set=False), None) == rule
    assert rule_of_split(loaded("as given", closed_set=True), None) == "examples"
    assert rule_of_split(loaded("as given", closed_set=False), None) == "classes"


def test_a_closed_set_may_ask_for_classes_that_it_has_not():
    closed = loaded("as given", closed_set=True)
    train, test = closed.subset(LABELS < 6), closed.subset(LABELS >= 5)
    assert searched_gallery(train, test) is train
    assert rule_of_split(train, test) == "examples"
    assert searched_gallery(train, closed.subset(LABELS >= 6)) is None
    open_set = loaded("as given", closed_set=False)
    parts = open_set.subset(LABELS < 6), open_set.subset(LABELS >= 5)
    assert searched_gallery(*parts) is None


def test_the_rule_is_that_of_the_split_into_train_and_test():
    alphabets, writers = data(ALPHABETS), data(WRITERS)
    assert rule_of_split(DATA, None) == "classes"
    assert rule_of_split(DATA.subset(LABELS < 3), None) == "examples"
    assert rule_of_split(DATA.subset(LABELS < 6), DATA.subset(LABELS >= 6)) == "classes"
    assert rule_of_split(DATA.subset(WRITERS < 4), DATA.subset(WRITERS >= 4)) == "examples"
    apart = alphabets.subset(ALPHABETS < 2), alphabets.subset(ALPHABETS >= 2)
    assert rule_of_split(*apart) == "groups"
    assert rule_of_split(alphabets.subset(LABELS < 5), alphabets.subset(LABELS >= 5)) == "classes"
    assert rule_of_split(writers.subset(LABELS < 6), writers.subset(LABELS >= 6)) == "classes"
    assert rule_of_split(writers.subset(WRITERS < 4), writers.subset(WRITERS >= 4)) == "groups"
    # Training data of one group cannot be split by groups.
    assert rule_of_split(writers.subset(WRITERS < 1), writers.subset(WRITERS >= 1)) == "examples"
