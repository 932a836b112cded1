import numpy as np
import pytest
from support.verifying import all_pairs, check, classes, clustered

from tfmetric import evaluation
from tfmetric.evaluation.verification import pair_counting


def test_small_blocks_give_the_same(monkeypatch):
    x, labels = clustered(80, 9)
    arguments = (x[:33], labels[:33], x[33:], labels[33:])
    wholes = evaluation.verification(x, labels), evaluation.verification(*arguments)
    for block in (1, 333, 900):
        monkeypatch.setattr(pair_counting, "_BLOCK_VALUES", block)
        parts = evaluation.verification(x, labels), evaluation.verification(*arguments)
        for whole, part in zip(wholes, parts, strict=True):
            assert part.num_positives == whole.num_positives
            for name, value in whole.figures().items():
                np.testing.assert_allclose(part.figures()[name], value, atol=1e-9)


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "inner_product"])
@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("matched", [False, True])
def test_the_grid_agrees_with_exact(distance, two, matched, monkeypatch):
    monkeypatch.setattr(pair_counting, "_BLOCK_VALUES", 3000)
    x, labels = clustered(300, 25, width=32, spread=2.0)
    x[7] = x[8]
    arguments = (x[:120], labels[:120], x[120:], labels[120:]) if two else (x, labels)
    groups = classes(300, 3, seed=5)
    match = (groups[:120], groups[120:]) if two else groups
    options = {"distance": distance, "within": match if matched else None}
    exact = evaluation.verification(*arguments, **options)
    grid = evaluation.verification(*arguments, **options, max_pairs=4000)
    assert exact.exact
    assert not grid.exact
    assert grid.num_positives == exact.num_positives
    assert grid.num_negatives == exact.num_negatives
    # At the points of the grid the counts are those of the exact distances.
    for threshold in grid.counts.values[:: len(grid.counts.values) // 50]:
        assert grid.at_threshold(threshold) == exact.at_threshold(threshold)
    for name, value in exact.figures().items():
        np.testing.assert_allclose(grid.figures()[name], value, atol=2e-3, err_msg=name)
    assert abs(grid.auc - exact.auc) < 1e-5
    kept = {(i, j): (d, s) for i, j, d, s in zip(*vars(exact.per_pair).values(), strict=True)}
    sample = grid.per_pair
    assert 3000 < len(sample) < 5000
    places = list(zip(sample.left.tolist(), sample.right.tolist(), strict=True))
    assert len(set(places)) == len(places)
    for place, d, s in zip(places, sample.distances, sample.same, strict=True):
        assert kept[place][1] == s
        assert kept[place][0] == pytest.approx(d, rel=1e-5, abs=1e-6)
    assert "random sample" in grid.summary()


def test_the_sample_has_pairs_of_both_kinds_evenly():
    x, labels = clustered(400, 80)
    grid = evaluation.verification(x, labels, max_pairs=6000)
    kept = grid.per_pair
    assert kept.same.sum() == grid.num_positives  # They are few: all are kept.
    other = evaluation.verification(x, labels, max_pairs=6000, seed=1).per_pair
    assert len(kept) != len(other) or (kept.left != other.left).any()
    again = evaluation.verification(x, labels, max_pairs=6000).per_pair
    np.testing.assert_array_equal(kept.distances, again.distances)
    assert kept.left[~kept.same].mean() == pytest.approx(400 / 3, rel=0.1)


def test_negative_distances_on_the_grid_keep_their_order():
    values = np.array([-3e38, -2.5, -1e-30, 0.0, 1e-40, 1e-30, 2.5, 3e38], np.float32)
    histogram = np.zeros(pair_counting._GRID, np.int64)
    pair_counting._add(histogram, values)
    ends = pair_counting._upper_ends(np.flatnonzero(histogram))
    assert histogram.sum() == len(values)
    assert (np.diff(ends) > 0).all()
    for value in values:
        end = ends[np.searchsorted(ends, value)]
        assert end >= value
        assert end - value <= abs(float(value)) * 2**-15 + 1e-40


def test_impostors_of_matching_groups_only():
    x, labels = clustered(60, 12)
    groups = np.array(["f", "m"])[labels % 2]
    groups[::7] = "x"
    pairs = [p for p in all_pairs(x, labels) if p[3] or groups[p[0]] == groups[p[1]]]
    result = evaluation.verification(x, labels, within=groups)
    check(result, [p[2] for p in pairs], [p[3] for p in pairs])
