import numpy as np
import pytest

from tfmetric.datasets.sampling import (
    ClassTable,
    anchor_stream,
    balanced_indices,
    class_stream,
    partners,
    strangers,
)


@pytest.mark.parametrize(("classes", "per_batch"), [(5, 3), (5, 5), (7, 4), (9, 2), (1, 1)])
def test_class_stream_has_no_class_twice_in_a_batch_and_visits_all_in_a_round(classes, per_batch):
    stream = class_stream(classes, per_batch, np.random.default_rng(0))
    seen = np.zeros(classes, int)
    for step in range(200):
        batch = next(stream)
        assert len(batch) == per_batch == len(set(batch.tolist()))
        seen[batch] += 1
        if step + 1 == -(-classes // per_batch):
            assert seen.min() >= 1
        assert seen.max() - seen.min() <= 2


def _labels():
    rng = np.random.default_rng(3)
    return rng.permutation(np.repeat([4, 0, 9, 2, 7], [3, 8, 5, 13, 4])).astype(np.int64)


def test_balanced_indices_are_k_different_examples_of_p_classes():
    labels = _labels()
    for batch in balanced_indices(ClassTable(labels), 3, 3, 60, np.random.default_rng(0)):
        rows = batch.reshape(3, 3)
        assert len(set(batch.tolist())) == 9
        assert all(len(set(labels[row])) == 1 for row in rows)
        assert len(set(labels[batch])) == 3


def test_passes_of_a_class_use_all_examples_before_any_again():
    labels = _labels()
    uses = np.zeros(len(labels), int)
    for batch in balanced_indices(ClassTable(labels), 2, 2, 200, np.random.default_rng(1)):
        uses[batch] += 1
        for label in set(labels):
            own = uses[labels == label]
            assert own.max() - own.min() <= 1


def test_small_classes_repeat_their_examples_evenly():
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    for batch in balanced_indices(ClassTable(labels), 2, 7, 20, np.random.default_rng(0)):
        own = batch[labels[batch] == 0]
        assert sorted(np.bincount(own, minlength=3).tolist()) == [2, 2, 3]


def test_a_million_examples_of_a_hundred_thousand_classes():
    labels = np.repeat(np.arange(100_000), 10)
    batches = list(balanced_indices(ClassTable(labels), 64, 4, 5, np.random.default_rng(0)))
    assert all(len(set(labels[batch])) == 64 for batch in batches)


def test_partners_and_strangers():
    labels = _labels()
    table = ClassTable(labels)
    rng = np.random.default_rng(0)
    places = np.arange(len(labels))
    met = set()
    for _ in range(300):
        same, other = partners(table, places, rng), strangers(table, places, rng)
        own = labels[table.order[places]]
        assert (labels[table.order[same]] == own).all()
        assert (same != places).all()
        assert (labels[table.order[other]] != own).all()
        met |= set(other.tolist())
    assert met == set(places.tolist())


def test_anchor_stream_visits_every_candidate_once_a_round():
    stream = anchor_stream(np.array([3, 5, 8]), 2, np.random.default_rng(0))
    drawn = np.concatenate([next(stream) for _ in range(6)])
    assert np.bincount(drawn)[[3, 5, 8]].tolist() == [4, 4, 4]
