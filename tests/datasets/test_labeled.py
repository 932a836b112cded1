import copy
import pickle

import numpy as np
import pytest

from tfmetric import datasets


def _data(n=7):
    x = np.random.default_rng(0).integers(0, 256, (n, 3, 3, 1)).astype("uint8")
    return x, datasets.from_arrays(x, np.arange(n) % 3, groups=np.arange(n) // 2)


def test_read_subset_and_batches_agree():
    x, data = _data()
    np.testing.assert_array_equal(data.read(), x)
    np.testing.assert_array_equal(data.read([5, 1]), x[[5, 1]])
    part = data.subset(data.labels == 1)
    np.testing.assert_array_equal(part.read([1]), x[[4]])
    assert part.num_classes == 1
    assert part.groups.tolist() == [0, 2]
    assert part.ids.tolist() == ["array/1", "array/4"]
    assert len(data.subset([])) == 0
    batches = list(data.batches(3))
    assert [len(b[0]) for b in batches] == [3, 3, 1]
    assert int(data.batches(3).cardinality()) == 3
    np.testing.assert_array_equal(np.concatenate([b[0] for b in batches]), x)
    np.testing.assert_array_equal(np.concatenate([b[1] for b in batches]), data.labels)


def test_is_immutable_and_free_to_copy():
    _, data = _data()
    with pytest.raises(AttributeError, match="immutable"):
        data.labels = None
    with pytest.raises(ValueError, match="read-only"):
        data.labels[0] = 1
    assert copy.deepcopy(data) is data
    assert pickle.loads(pickle.dumps(data)).class_names == data.class_names


def test_rotated_classes():
    x, data = _data()
    turned = data.subset([2, 3]).with_rotated_classes()
    assert len(turned) == 8
    assert turned.num_classes == 8
    assert len(turned.class_names) == 12
    assert turned.class_names[turned.labels[2]] == "2 @90°"
    oracle = np.concatenate([np.rot90(x[[2, 3]], turn, axes=(1, 2)) for turn in range(4)])
    np.testing.assert_array_equal(turned.read(), oracle)
    np.testing.assert_array_equal(np.concatenate([b for b, _ in turned.batches(3)]), oracle)
    assert turned.ids[2] == "array/2@90"


def test_rotating_needs_squares():
    with pytest.raises(ValueError, match="square images"):
        datasets.from_arrays(np.zeros((2, 3, 4), "uint8"), [0, 1]).with_rotated_classes()


def test_class_names_given():
    data = datasets.from_arrays(np.zeros((2, 4)), [2, 0], class_names=["a", "b", "c"])
    assert data.labels.tolist() == [2, 0]
    with pytest.raises(ValueError, match=r"integers from 0 to 0.*label=2, index=1"):
        datasets.from_arrays(np.zeros((2, 4)), [0, 2], class_names=["a"])
    with pytest.raises(ValueError, match=r"Received: label='a', index=0") as caught:
        datasets.from_arrays(np.zeros((9999, 4)), ["a", "b", "c"] * 3333, class_names=["a"])
    assert len(str(caught.value)) < 200
    with pytest.raises(ValueError, match="integer indices"):
        data.read([0.5])
