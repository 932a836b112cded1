"""P×K batches whose classes several processes share out among them."""

import numpy as np
import pytest

from tfmetric import datasets

DATA = (np.arange(120, dtype="float32")[:, None], np.arange(120) % 12)


def an_epoch(**arguments):
    batches = datasets.balanced_batches(DATA, 6, 3, batches_per_epoch=4, seed=5, **arguments)
    return [(x.numpy(), labels.numpy()) for x, labels in batches]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shards_of_all_processes_are_the_batch(count):
    shards = [an_epoch(shard=(index, count)) for index in range(count)]
    for step, (x, labels) in enumerate(an_epoch()):
        parts = [shard[step] for shard in shards]
        np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), x)
        np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), labels)
        for _, own in parts:
            assert sorted(np.unique(own, return_counts=True)[1]) == [3] * (6 // count)


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 4), (0,), 1, (0.0, 2), (True, 2)])
def test_bad_shards(shard):
    with pytest.raises(ValueError, match="shard"):
        datasets.balanced_batches(DATA, 6, 3, shard=shard)
