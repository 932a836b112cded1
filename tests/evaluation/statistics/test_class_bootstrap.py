import numpy as np
import pytest

from tfmetric.evaluation import bootstrap_interval
from tfmetric.evaluation.statistics.class_bootstrap import bootstrap_intervals, mean_interval


def naive(values, classes, repeats, seed):
    """Classes drawn one by one, their values put together, the mean taken."""
    rng, names = np.random.default_rng(seed), sorted(set(classes))
    means = []
    for _ in range(repeats):
        drawn = [names[i] for i in rng.integers(len(names), size=len(names))]
        taken = [v for name in drawn for v, c in zip(values, classes, strict=True) if c == name]
        means.append(sum(taken) / len(taken))
    return np.quantile(means, 0.025), np.quantile(means, 0.975)


@pytest.mark.parametrize("names", [list(range(9)), list("abcdefghi")])
def test_equals_a_loop_over_draws(names):
    rng = np.random.default_rng(5)
    classes = [names[i] for i in rng.integers(9, size=70)]
    values = rng.random(70)
    got = bootstrap_interval(values, classes, repeats=200, seed=3)
    np.testing.assert_allclose(got, naive(values.tolist(), classes, 200, 3), atol=1e-6)


def test_agrees_with_the_normal_interval_where_there_are_many_classes():
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(400), 5)
    values = (rng.random(400)[classes] < rng.random(2000)).astype(float)
    np.testing.assert_allclose(
        bootstrap_interval(values, classes), mean_interval(values, classes), atol=0.005
    )


def test_one_class_draws_its_values_and_equal_values_have_no_width():
    low, high = bootstrap_interval(np.arange(100) / 100, np.zeros(100))
    assert 0.42 < low < 0.46 < 0.53 < high < 0.57
    assert bootstrap_interval([0.1] * 7, np.arange(7)) == (0.1, 0.1)
    assert bootstrap_interval([1.0], [3]) == (1.0, 1.0)


def test_several_figures_are_the_single_ones(monkeypatch):
    rng = np.random.default_rng(1)
    values, classes = rng.random((50, 3)), rng.integers(0, 12, 50)
    low, high = bootstrap_intervals(values, classes)
    for f in range(3):
        assert bootstrap_interval(values[:, f], classes) == (low[f], high[f])
    monkeypatch.setattr("tfmetric.evaluation.statistics.class_bootstrap._DRAWS", 100)
    np.testing.assert_array_equal(bootstrap_intervals(values, classes), (low, high))


def test_no_values_have_no_interval():
    assert np.isnan(bootstrap_interval([], [])).all()


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (([1.0, np.nan], [0, 1]), {}, "values without NaN"),
        (([1.0, 2.0], [0]), {}, r"classes of shape \(2,\)"),
        (([[1.0]], [0]), {}, r"values of shape \(N,\)"),
        (([1.0], [0]), {"repeats": 0}, "repeats to be"),
        (([1.0], [0]), {"level": 95}, "level to be"),
    ],
)
def test_bad_input_is_named(arguments, more, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(*arguments, **more)
