import json

import numpy as np
import pytest

from tfmetric.evaluation.statistics.group_table import group_table


def rows(count=300, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 40, count)
    groups = np.array(["dark", "light", "none"])[classes % 3]
    return rng.random(count), groups, classes


def test_means_counts_and_gap_by_hand():
    values, groups, classes = rows()
    table = group_table("recall", values, groups, classes, repeats=100)
    means = {g: np.mean([v for v, h in zip(values, groups, strict=True) if h == g]) for g in groups}
    assert [row.group for row in table.rows] == ["dark", "light", "none"]
    for row in table.rows:
        assert row.value == pytest.approx(means[row.group], abs=1e-12)
        assert row.count == sum(groups == row.group)
        assert row.interval[0] < row.value < row.interval[1]
    assert table.best == max(means, key=means.get)
    assert table.worst == min(means, key=means.get)
    assert table.gap == pytest.approx(max(means.values()) - min(means.values()))
    assert table["dark"] is table.rows[0]
    assert "picked as furthest apart of 3" in table.summary()
    with pytest.raises(KeyError, match="one of the groups dark, light, none"):
        table["x"]


def test_lower_is_better_turns_best_and_worst_round():
    values, groups, classes = rows()
    high = group_table("f", values, groups, classes, repeats=50)
    low = group_table("f", values, groups, classes, repeats=50, higher_is_better=False)
    assert (low.best, low.worst) == (high.worst, high.best)
    assert low.gap == pytest.approx(high.gap)
    assert low.gap > 0


def test_intervals_agree_with_a_naive_bootstrap_of_classes():
    values, groups, classes = rows()
    table = group_table("f", values, groups, classes, repeats=3000)
    rng = np.random.default_rng(5)
    names = sorted(set(groups))
    found = []
    for _ in range(1500):
        drawn = rng.choice(np.unique(classes), len(np.unique(classes)))
        take = np.concatenate([np.flatnonzero(classes == c) for c in drawn])
        found.append([values[take][groups[take] == g].mean() for g in names])
    want = np.quantile(found, [0.025, 0.975], axis=0).T
    got = np.array([row.interval for row in table.rows])
    np.testing.assert_allclose(got, want, atol=0.012)
    best, worst = names.index(table.best), names.index(table.worst)
    gaps = np.array(found)[:, best] - np.array(found)[:, worst]
    np.testing.assert_allclose(table.gap_interval, np.quantile(gaps, [0.025, 0.975]), atol=0.015)


def test_small_groups_are_marked_and_not_compared():
    values = np.concatenate([np.ones(40), np.full(40, 0.5), np.zeros(3)])
    groups = np.repeat([2**24, 2**24 + 1, 2**53 + 1], [40, 40, 3])
    table = group_table("f", values, groups, np.arange(83) // 2)
    assert [row.small for row in table.rows] == [False, False, True]
    assert (table.best, table.worst, table.gap) == (2**24, 2**24 + 1, 0.5)
    assert "small: not compared" in table.summary()
    alone = group_table("f", values[40:], groups[40:], np.arange(43))
    assert alone.best is None
    assert np.isnan(alone.gap)
    assert "Fewer than two" in alone.summary()
    assert json.loads(alone.to_json())["gap"] is None


def test_a_group_of_one_class_has_an_interval_of_its_examples():
    values = np.tile([0.0, 1.0], 40)
    table = group_table("f", values, np.repeat(["a", "b"], 40), np.repeat([0, 1], 40))
    for row in table.rows:
        assert 0.2 < row.interval[0] < 0.5 < row.interval[1] < 0.8


def test_no_queries_give_no_rows():
    table = group_table("f", [], np.array([], int), np.array([], int))
    assert table.rows == ()
    assert "Fewer than two" in table.summary()


def test_bad_options_are_named():
    for options, message in (
        ({"repeats": 0}, "repeats to be an integer above 0"),
        ({"repeats": 1.5}, "repeats to be an integer above 0"),
        ({"level": 95}, "level to be above 0 and below 1"),
        ({"small": None}, "small to be an integer"),
    ):
        with pytest.raises(ValueError, match=message):
            group_table("f", [1.0, 0.0], ["a", "b"], [0, 1], **options)


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [
        ([1.0, np.nan], ["a", "b"], "finite values"),
        (["x", "y"], ["a", "b"], "finite values"),
        ([1.0, 0.0], ["a"], r"groups of shape \(2,\)"),
        ([1.0, 0.0], ["a", None], "groups without missing values"),
    ],
)
def test_bad_input_is_named(values, groups, message):
    with pytest.raises(ValueError, match=message):
        group_table("f", values, groups, [0, 1])
