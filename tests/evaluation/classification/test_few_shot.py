import json

import numpy as np
import pytest

from tfmetric.evaluation import few_shot

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(12), 9)
X = RNG.normal(size=(12, 3))[LABELS] + 0.7 * RNG.normal(size=(108, 3))


def test_each_episode_equals_the_definition():
    """The shots are drawn again with the same calls; all else is one example at a time."""
    got = few_shot(X, LABELS, 4, 2, 5, episodes=20, seed=9)
    rng = np.random.default_rng(9)
    for episode in range(20):
        prototypes, queries = [], []
        for c in rng.choice(np.arange(12), 4, replace=False):
            drawn = rng.choice(np.flatnonzero(c == LABELS), 7, replace=False)
            prototypes.append((c, sum(X[i] for i in drawn[:2]) / 2))
            queries += list(drawn[2:])
        assert got.query[episode].tolist() == queries
        for i, right in zip(queries, got.correct[episode], strict=True):
            best = min(prototypes, key=lambda p: ((X[i] - p[1]) ** 2).sum())
            assert right == (best[0] == LABELS[i])
    assert got.accuracy == pytest.approx(got.correct.mean())
    low, high = got.interval()
    half = 1.96 * got.episode_accuracies.std(ddof=1) / np.sqrt(20)
    assert (low, high) == pytest.approx((got.accuracy - half, got.accuracy + half))


def test_ties_count_against_and_classes_too_small_are_not_drawn():
    got = few_shot(np.ones((108, 3)), LABELS, 5, 1, 3, episodes=4)
    assert got.accuracy == 0.0
    names = np.array([f"class {c}" for c in LABELS])
    names[:5] = "small"
    got = few_shot(X, names, 5, 1, 8, episodes=30)
    assert got.num_classes == 11
    assert not np.isin(got.query, np.arange(9)).any()


def test_the_same_seed_gives_the_same_and_groups_are_a_view():
    one, two = (few_shot(X, LABELS, episodes=10, queries=3, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.correct, two.correct)
    groups = np.where(np.arange(108) % 2, "odd", "even")
    table = one.by_group(groups)
    drawn = [i for i in np.unique(one.query) if i % 2]
    shares = [one.correct[one.query == i].mean() for i in drawn]
    assert table["odd"].value == pytest.approx(np.mean(shares))
    assert table["odd"].count == len(drawn)
    assert json.loads(one.to_json())["ways"] == 5
    assert "5-way 1-shot accuracy" in one.summary()
    with pytest.raises(ValueError, match="groups of shape"):
        one.by_group(groups[:5])


def test_a_few_examples_drawn_often_are_still_a_small_group():
    groups = np.array(["large"] * 103 + ["small"] * 5)
    table = few_shot(X, LABELS, episodes=200, queries=3).by_group(groups)
    assert table["small"].count <= 5
    assert table["small"].small
    assert not table["large"].small


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ways": 1}, "ways to be an integer of at least 2"),
        ({"shots": 0}, "shots to be"),
        ({"queries": 1.5}, "queries to be"),
        ({"episodes": 0}, "episodes to be"),
        ({"queries": 9}, "at least 5 classes of 10 examples.*classes_with_so_many=0"),
        ({"ways": 13, "queries": 1}, "at least 13 classes"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        few_shot(X, LABELS, **arguments)
    with pytest.raises(ValueError, match="classes_with_so_many=0"):
        few_shot(X[:0], LABELS[:0])
