"""The median rule, against a table by hand."""

from tfmetric.tuning.run_record import RunRecord
from tfmetric.tuning.search.median_pruning import median_rule, score


def run(*curve, status="completed"):
    best = 0.0 if status == "collapsed" else max(curve)
    return RunRecord(best, 1, curve, 1.0, status)


OTHERS = [[run(0.1 * i, 0.2 * i, 0.2 * i + 0.1)] for i in range(1, 5)]  # Medians 0.25, 0.5, 0.6.


def test_it_stops_below_the_median_at_the_same_epoch():
    rule = median_rule([], OTHERS, epochs=3, last=True)
    assert rule((0.3,)) is None
    assert rule((0.3, 0.5)) is None  # Not below.
    assert rule((0.55, 0.1)) is None  # The best so far counts.
    assert "0.49 is below the median of 4 trials, 0.5" in rule((0.3, 0.49))
    assert rule((0.3, 0.5, 0.2)) is None  # Nothing is left to save.
    assert median_rule([], OTHERS, 3, last=False)((0.3, 0.5, 0.2))  # The other folds are.


def test_it_waits_for_trials_and_for_epochs():
    assert median_rule([], OTHERS[:3], 3, True)((0.0, 0.0)) is None
    long = [[run(*(0.5,) * 9)] for _ in range(4)]
    rule = median_rule([], long, 9, True)
    assert rule((0.0, 0.0)) is None
    assert rule((0.0, 0.0, 0.0))


def test_collapsed_trials_do_not_lower_the_median_and_stopped_ones_count_while_they_ran():
    collapsed = [[run(0.0, status="collapsed")]] * 9
    assert median_rule([], OTHERS + collapsed, 3, True)((0.3, 0.49))
    stopped = [[run(0.0, 0.1, status="pruned")] for _ in range(4)]
    rule = median_rule([], OTHERS + stopped, 4, True)
    assert rule((0.0, 0.16)) is None  # The median of eight is 0.15.
    assert rule((0.0, 0.16, 0.1))  # The four that got further have 0.6.


def test_a_later_fold_is_compared_together_with_those_before():
    others = [[run(0.8), run(0.2)] for _ in range(4)]
    rule = median_rule([run(0.9)], others, 1, False)
    assert rule((0.15,)) is None  # 0.525 against 0.5: the harder fold is no reason.
    assert rule((0.05,))


def test_the_score_of_a_stopped_trial_is_what_it_would_have_had():
    whole = [[run(0.4, 0.8), run(0.1, 0.2)], [run(0.5, 0.6), run(0.1, 0.4)]]
    assert score(whole[0], 2, []) == 0.5
    stopped = [run(0.3, status="pruned")]
    assert score(stopped, 2, []) == 0.3
    # The others went from 0.4 and 0.5 to 0.5 and 0.5: 0.05 more in the median.
    assert abs(score(stopped, 2, whole) - 0.35) < 1e-12
    assert score([run(0.5), run(0.0, status="collapsed")], 2, whole) == 0.0
