import json

import numpy as np
import pytest

from tfmetric.evaluation import kfold_verification


def pairs(count=200, seed=0):
    rng = np.random.default_rng(seed)
    same = np.tile([True, False], count // 2)
    return rng.normal(size=count) - 1.5 * same, same


def oracle(found, same, fold_of):
    accuracies, thresholds = [], []
    for fold in sorted(set(fold_of)):
        others = [(d, s) for d, s, f in zip(found, same, fold_of, strict=True) if f != fold]
        values = sorted({d for d, _ in others})
        candidates = [values[0] - 1.0]
        candidates += [(a + b) / 2 for a, b in zip(values, [*values[1:], values[-1]], strict=True)]
        rights = [sum((d <= t) == s for d, s in others) for t in candidates]
        best = [t for t, r in zip(candidates, rights, strict=True) if r == max(rights)]
        threshold = best[len(best) // 2]
        own = [(d, s) for d, s, f in zip(found, same, fold_of, strict=True) if f == fold]
        accuracies.append(np.mean([(d <= threshold) == s for d, s in own]))
        thresholds.append(threshold)
    return accuracies, thresholds


@pytest.mark.parametrize("folds", [2, 7, 10])
def test_folds_by_hand(folds):
    found, same = pairs()
    fold_of = [i * folds // 200 for i in range(200)]
    accuracies, thresholds = oracle(found, same, fold_of)
    for given in (folds, np.array([f"fold {f:02}" for f in fold_of])):
        result = kfold_verification(found, same, folds=given)
        np.testing.assert_allclose(result.accuracies, accuracies)
        np.testing.assert_allclose(result.thresholds, thresholds)
    assert result.accuracy == pytest.approx(np.mean(accuracies))
    assert result.standard_error == pytest.approx(np.std(accuracies, ddof=1) / np.sqrt(folds))
    low, high = result.interval()
    assert low <= result.accuracy <= high
    assert json.loads(result.to_json())["accuracy"] == result.accuracy
    assert f"Verification by {folds} folds" in result.summary()
    assert result.correct.mean() == pytest.approx(result.accuracy, abs=0.01)


def test_embeddings_are_compared_by_the_distance():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 120, 5)).astype("float32")
    same = np.tile([True, False], 60)
    right[same] = left[same] + 0.5 * right[same]
    for name, wanted in (
        ("euclidean", np.sqrt(((left - right) ** 2).sum(1))),
        ("manhattan", np.abs(left - right).sum(1)),
    ):
        got = kfold_verification((left, right), same, distance=name)
        assert got.distance == name
        np.testing.assert_allclose(got.accuracies, kfold_verification(wanted, same).accuracies)


def test_shuffled_folds_have_pairs_of_both_kinds():
    found, same = pairs(205 - 5)
    order = np.argsort(~same, kind="stable")
    with pytest.raises(ValueError, match=r"shuffle=True.*fold=0"):
        kfold_verification(found[order][:100], same[order][:100], folds=2)
    with pytest.raises(ValueError, match="shuffle=True"):
        kfold_verification(found[order], same[order], folds=2)
    result = kfold_verification(found[order], same[order], folds=10, shuffle=True)
    assert 0.6 < result.accuracy < 0.95
    again = kfold_verification(found[order], same[order], folds=10, shuffle=True)
    np.testing.assert_array_equal(result.correct, again.correct)


def test_all_ties_are_decided_by_the_more_frequent_kind():
    result = kfold_verification(np.zeros(40), np.tile([True, True, True, False], 10), folds=5)
    assert result.accuracy == 0.75
    assert result.standard_error == 0.0
    none = kfold_verification(np.zeros(40), np.tile([False, True, False, False], 10), folds=5)
    assert none.accuracy == 0.75
    assert (none.thresholds < 0).all()


def test_groups_of_pairs():
    found, same = pairs()
    result = kfold_verification(found, same)
    groups = np.where(np.arange(len(same)) % 3 == 0, "a", "b")
    table = result.by_group(groups)
    assert table["a"].value == result.correct[groups == "a"].mean()
    assert table["a"].count == (groups == "a").sum()
    with pytest.raises(ValueError, match="read-only"):
        result.fold_of[0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"folds": 1}, "2 folds or more"),
        ({"folds": 0}, "2 folds or more"),
        ({"folds": -3}, "2 folds or more"),
        ({"folds": 201}, "no more than pairs"),
        ({"folds": 2.5}, "folds of shape"),
        ({"folds": True}, "folds of shape"),
        ({"folds": [1, 2]}, "folds of shape"),
        ({"folds": np.zeros(200, int)}, "2 folds or more"),
        ({"folds": np.arange(200), "shuffle": True}, "a number of folds with shuffle"),
        ({"same": [1, 0]}, "same of shape"),
        ({"distances": np.full(200, np.nan)}, "without NaN"),
        ({"distances": (np.zeros((200, 2)), np.zeros((200, 3)))}, "left and right of the same"),
        ({"distances": (np.full((200, 2), np.inf), np.zeros((200, 2)))}, "left embeddings wi"),
    ],
)
def test_bad_input_is_named(arguments, message):
    found, same = pairs()
    with pytest.raises(ValueError, match=message):
        kfold_verification(**{"distances": found, "same": same, **arguments})
    with pytest.raises(ValueError, match="figure to be accuracy"):
        kfold_verification(found, same).interval("auc")
