"""The rules that divide the data, and the parts that the data brings."""

import numpy as np
import pytest
from PIL import Image

from tfmetric import datasets

_Y = np.repeat(np.arange(6), 10)
_X = np.arange(60.0)[:, None] * np.ones(3)
_GROUPS = np.tile(np.repeat(["ann", "bob", "cem", "dee", "eva"], 2), 6)


def _mapping(**more):
    return {"x": _X, "y": _Y, "group": _GROUPS, **more}


def _rows(part):
    return part.read()[:, 0].astype(int)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.75])
def test_by_examples_every_class_is_in_both_parts(seed, fraction):
    train, test = datasets.load(
        _mapping(), split="examples", split_seed=seed, test_fraction=fraction
    )
    assert sorted([*_rows(train), *_rows(test)]) == list(range(60))
    assert np.bincount(test.labels).tolist() == [round(10 * fraction)] * 6
    assert test.split.closed_set
    assert test.split.rule == "examples"
    again, _ = datasets.load(_mapping(), split="examples", split_seed=seed, test_fraction=fraction)
    assert _rows(again).tolist() == _rows(train).tolist()


def test_by_examples_two_classes_are_enough_and_single_examples_are_for_training():
    labels = np.array([0, 0, 0, 1, 1, 1, 2])
    train, test = datasets.load((np.eye(7), labels), split="examples")
    assert sorted(test.labels) == [0, 1]
    assert 2 in train.labels


def test_by_groups_no_group_is_in_both_parts():
    train, test = datasets.load(_mapping(), split="groups")
    assert not set(train.groups) & set(test.groups)
    assert set(train.groups) | set(test.groups) == set(_GROUPS)
    assert len(set(test.groups)) == 1
    with pytest.raises(ValueError, match="data with groups"):
        datasets.load((_X, _Y), split="groups")
    with pytest.raises(ValueError, match="at least 2 groups"):
        datasets.load(_mapping(group=np.zeros(60, int)), split="groups")


def test_as_given_keeps_parts_that_share_classes():
    arrays = {
        "x_train": _X[::2],
        "y_train": _Y[::2],
        "x_val": _X[1::4],
        "y_val": _Y[1::4],
        "x_test": _X[3::4],
        "y_test": _Y[3::4],
    }
    parts = datasets.load_parts(arrays, split="as given")
    assert _rows(parts["train"]).tolist() == list(range(0, 60, 2))
    assert _rows(parts["val"]).tolist() == list(range(1, 60, 4))
    assert _rows(parts["test"]).tolist() == list(range(3, 60, 4))
    assert parts["test"].split.closed_set
    assert "load_parts returns it" in str(parts["train"].report)
    train, _ = datasets.load(arrays)
    assert 'split="as given" keeps the parts' in str(train.report)
    assert train.split.rule == "classes"
    with pytest.raises(ValueError, match="a train and a test part of its own"):
        datasets.load((_X, _Y), split="as given")


@pytest.mark.parametrize("part", ["val", "test"])
def test_the_keys_of_medmnist(tmp_path, part):
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 4)).astype("uint8")
    arrays = {
        "train_images": images[::2],
        "train_labels": _Y[::2, None],
        f"{part}_images": images[1::2],
        f"{part}_labels": _Y[1::2, None],
    }
    np.savez(tmp_path / "a.npz", **arrays)
    train, test = datasets.load(tmp_path / "a.npz", split="as given")
    np.testing.assert_array_equal(train.read()[..., 0], images[::2])
    np.testing.assert_array_equal(test.read()[..., 0], images[1::2])
    assert ("the validation part is the test" in str(train.report)) == (part == "val")


@pytest.mark.parametrize("names", [("train", "val"), ("Train", "Test"), ("training", "testing")])
def test_folders_of_parts_under_the_names_that_people_use(tmp_path, names):
    for number, part in enumerate(names):
        for label in "abcd":
            (tmp_path / part / label).mkdir(parents=True)
            for one in range(2):
                pixels = np.full((4, 4), 10 * number + one, "uint8")
                Image.fromarray(pixels).save(tmp_path / part / label / f"{one}.png")
    train, test = datasets.load(tmp_path, split="as given")
    assert set(train.read().flatten()) == {0, 1}
    assert set(test.read().flatten()) == {10, 11}
    assert train.class_names == ("a", "b", "c", "d")


def test_copies_in_the_parts_as_given_are_named_where_the_parts_are_merged():
    parts = ((_X, _Y), (_X, _Y))
    train, _ = datasets.load(parts)
    assert "60 of the 60 examples of the data's own test part are in its train" in str(train.report)
    train, _ = datasets.load(parts, split="as given")
    assert len(train.report.duplicates) == 60


def test_an_unknown_rule_and_the_former_name_of_the_seed():
    with pytest.raises(ValueError, match=r"split as one of 'auto', 'classes'"):
        datasets.load((_X, _Y), split="writers")
    with pytest.raises(TypeError, match="split_seed=, the present name of seed="):
        datasets.load((_X, _Y), seed=1)


def test_too_few_classes_say_which_split_works():
    with pytest.raises(ValueError, match='split="examples" keeps every class in both parts'):
        datasets.load((_X, _Y % 2))
