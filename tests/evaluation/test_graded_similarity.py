"""Correlations of scores and grades."""

import json

import numpy as np
import pytest

from tfmetric.evaluation import similarity

RNG = np.random.default_rng(0)
GRADES = RNG.integers(0, 6, 200).astype("float64")
SCORES = GRADES + RNG.normal(0, 2, 200)


def mean_rank(values, i):
    below = sum(v < values[i] for v in values)
    equal = sum(v == values[i] for v in values)
    return below + (equal + 1) / 2


def pearson(x, y):
    x, y = np.subtract(x, np.mean(x)), np.subtract(y, np.mean(y))
    return sum(x * y) / np.sqrt(sum(x * x) * sum(y * y))


def test_both_correlations_equal_their_formulas():
    result = similarity(SCORES, GRADES)
    ranks = [[mean_rank(values, i) for i in range(200)] for values in (SCORES, GRADES)]
    assert result.spearman == pytest.approx(pearson(*ranks), rel=1e-12)
    assert result.pearson == pytest.approx(pearson(SCORES, GRADES), rel=1e-12)


def test_only_the_order_counts_for_spearman():
    result = similarity(np.exp(GRADES + 1e-9 * np.arange(200)), GRADES)
    nearly = similarity(GRADES + 1e-9 * np.arange(200), GRADES)
    assert result.spearman == pytest.approx(nearly.spearman)
    order = RNG.permutation(200)
    again = similarity(SCORES[order], GRADES[order])
    assert again.figures() == pytest.approx(similarity(SCORES, GRADES).figures())
    turned = similarity(-SCORES, GRADES).spearman
    assert turned == pytest.approx(-similarity(SCORES, GRADES).spearman)


def test_the_interval_is_that_of_an_independent_bootstrap():
    result = similarity(SCORES, GRADES)
    rng = np.random.default_rng(99)
    draws = [rng.integers(200, size=200) for _ in range(1500)]
    wanted = np.quantile([pearson(SCORES[d], GRADES[d]) for d in draws], [0.025, 0.975])
    np.testing.assert_allclose(result.interval("pearson"), wanted, atol=0.012)
    low, high = result.interval("spearman")
    assert low < result.spearman < high
    narrow = result.interval("spearman", level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_a_group_has_the_correlation_of_its_own_pairs():
    groups = np.array(["news", "forum"])[np.arange(200) % 2]
    scores = np.where(groups == "news", GRADES, RNG.normal(size=200))
    table = similarity(scores, GRADES).by_group(groups, small=50, repeats=200)
    assert (table.best, table.worst) == ("news", "forum")
    news = groups == "news"
    assert table["news"].value == 1.0
    own = similarity(scores[~news], GRADES[~news])
    assert table["forum"].value == own.spearman
    assert table["forum"].count == 100
    assert table["forum"].interval == pytest.approx(own.interval(), abs=0.05)


def test_equal_values_have_no_correlation():
    result = similarity(np.full(5, 0.1), np.arange(5))
    assert np.isnan([result.spearman, result.pearson, *result.interval(repeats=10)]).all()
    assert json.loads(result.to_json())["spearman"] is None


def test_the_summary_gives_both():
    text = similarity(SCORES, GRADES).summary()
    assert "200 pairs" in text
    assert "Spearman" in text
    assert "Pearson" in text


def test_tiny_and_huge_scores_are_as_good():
    wanted = similarity(SCORES, GRADES).pearson
    for scale in (1e-300, 1e300):
        assert similarity(SCORES * scale, GRADES).pearson == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(
    ("scores", "targets", "message"),
    [
        ([1.0, np.nan], [1.0, 2.0], "finite scores. Received: row=1"),
        ([1.0, 2.0], [np.inf, 2.0], "finite targets. Received: row=0"),
        ([1.0, 2.0], [1.0], "one target for each score"),
        ([1.0], [1.0], "at least two pairs"),
        ([[1.0, 2.0]], [1.0, 2.0], "scores_shape"),
    ],
)
def test_what_is_wrong_is_said(scores, targets, message):
    with pytest.raises(ValueError, match=message):
        similarity(scores, targets)
    with pytest.raises(ValueError, match="figure to be one of spearman, pearson"):
        similarity(SCORES, GRADES).interval("kendall")
