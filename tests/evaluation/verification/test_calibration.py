import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, precision_score

from tfmetric import evaluation
from tfmetric.evaluation import Calibration, calibrate

TARGETS = ["eer", "f1", "accuracy", ("fmr", 0.01), ("precision", 0.9), ("recall", 0.8)]


def pairs(count=2000, seed=0, digits=None, share=0.3):
    rng = np.random.default_rng(seed)
    same = rng.random(count) < share
    found = np.abs(rng.normal(1.0, 0.25, count) - 0.5 * same)
    return (found if digits is None else found.round(digits)), same


def every_threshold(found, same):
    """Rates at each distance, one at a time."""
    rows = []
    for t in sorted(set(found.tolist())):
        called = found <= t
        rows.append(
            {
                "t": t,
                "fmr": called[~same].mean(),
                "fnmr": (~called[same]).mean(),
                "precision": (called & same).sum() / called.sum(),
                "f1": 2 * (called & same).sum() / (called.sum() + same.sum()),
                "accuracy": (called == same).mean(),
            }
        )
    return rows


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("digits", [None, 1])
def test_thresholds_by_trying_every_one(target, digits):
    found, same = pairs(300, digits=digits)
    if digits and target == ("fmr", 0.01):
        target = ("fmr", 0.05)
    if digits and target == ("precision", 0.9):
        target = ("precision", 0.8)
    rows = every_threshold(found, same)
    got = calibrate(found, same, target)
    if target == "eer":
        best = min(rows, key=lambda row: (abs(row["fmr"] - row["fnmr"]), row["t"]))
    elif target in ("f1", "accuracy"):
        most = max(row[target] for row in rows)
        best = [row for row in rows if row[target] > most - 1e-12]
        best = best[0] if target == "f1" else best[len(best) // 2]
    elif target[0] == "fmr":
        best = [row for row in rows if row["fmr"] <= target[1]][-1]
    elif target[0] == "recall":
        best = next(row for row in rows if 1 - row["fnmr"] >= target[1] - 1e-12)
    else:
        best = [row for row in rows if row["precision"] >= target[1]][-1]
    later = [row["t"] for row in rows if row["t"] > best["t"]]
    assert got.threshold == pytest.approx((best["t"] + later[0]) / 2 if later else best["t"])
    for name in ("fmr", "fnmr", "precision", "f1", "accuracy"):
        assert got.achieved[name] == pytest.approx(best[name]), name
    np.testing.assert_array_equal(got.decide(found), found <= best["t"])
    assert (got.num_positives, got.num_negatives) == (same.sum(), (~same).sum())


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_a_threshold_holds_on_other_pairs(target):
    found, same = pairs(6000)
    other, other_same = pairs(6000, seed=1)
    calibration = calibrate(found, same, target)
    test = calibration.test(other, other_same)
    called = other <= calibration.threshold
    assert test.figures()["fmr"] == called[~other_same].mean()
    assert test.figures()["fnmr"] == (~called[other_same]).mean()
    assert test.at.precision == pytest.approx(precision_score(other_same, called))
    for name in ("fmr", "fnmr", "accuracy", "f1", "precision"):
        assert test.figures()[name] == pytest.approx(calibration.achieved[name], abs=0.05)
        low, high = test.interval(name)
        assert low <= test.figures()[name] <= high
    assert (test.met is None) == isinstance(target, str)
    assert "Calibration tested on" in test.summary()
    assert json.loads(test.to_json())["fmr"] == test.at.fmr


def test_a_target_can_be_missed_on_other_pairs():
    found, same = pairs(4000)
    calibration = calibrate(found, same, ("fmr", 0.01))
    missed = calibration.test(found - 0.2, same)
    assert missed.met is False
    assert "NOT met" in missed.summary()
    assert calibration.test(found + 0.1, same).met is True
    assert calibration.test(found[same], same[same]).met is None


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_probabilities_are_those_of_the_pairs_and_never_rise(method):
    found, same = pairs(5000)
    calibration = calibrate(found, same, probability=method)
    grid = np.sort(np.concatenate([found, np.linspace(-1, 3, 20_001)]))
    chance = calibration.probability(grid)
    assert (np.diff(chance) <= 0).all()
    assert chance.min() >= 0
    assert chance.max() <= 1
    other, other_same = pairs(5000, seed=1)
    test = calibration.test(other, other_same)
    assert test.calibration_error < 0.03
    wanted = brier_score_loss(other_same, calibration.probability(other))
    assert test.brier == pytest.approx(wanted, abs=0.01)  # Its own share is a little off.
    assert calibration.probability([[0.1], [2.0]]).shape == (2, 1)
    assert calibration.probability(np.zeros(0)).shape == (0,)
    # The truth: two normal distributions of one width.
    at = np.linspace(0.4, 1.1, 8)
    true = 0.3 / (0.3 + 0.7 * np.exp(((at - 0.5) ** 2 - (at - 1) ** 2) / (2 * 0.25**2)))
    np.testing.assert_allclose(calibration.probability(at), true, atol=0.12)


def test_isotonic_is_scikit_learns():
    found, same = pairs(1000, digits=2)
    model = IsotonicRegression(increasing=False, out_of_bounds="clip").fit(found, same)
    got = calibrate(found, same).probability(found)
    np.testing.assert_allclose(got, model.predict(found), atol=1e-9)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_prior_moves_probabilities_as_bayes_says(method):
    found, same = pairs(8000)
    plain = calibrate(found, same, probability=method)
    moved = calibrate(found, same, probability=method, prior=0.03)
    assert moved.prior == 0.03
    assert moved.threshold == plain.threshold
    at = np.linspace(0.45, 1.0, 5)
    odds = plain.probability(at) / (1 - plain.probability(at))
    odds *= (0.03 / 0.97) / (same.mean() / (1 - same.mean()))
    np.testing.assert_allclose(moved.probability(at), odds / (1 + odds), atol=0.03)


def test_platt_on_separable_and_on_useless_distances_stays_finite():
    apart = calibrate([0.1, 0.2, 0.8, 0.9], [1, 1, 0, 0], probability="platt")
    chance = apart.probability([0.0, 0.5, 1.0])
    assert 0.5 < chance[0] < 1
    assert chance[1] == pytest.approx(0.5, abs=0.01)
    wrong = calibrate([0.1, 0.2, 0.8, 0.9], [0, 0, 0, 1], probability="platt")
    chance = wrong.probability([0.0, 1.0])
    assert chance[0] == chance[1] == pytest.approx(0.25, abs=0.15)
    for method in ("isotonic", "platt"):
        ties = calibrate([0.5] * 8, [1, 0] * 4, probability=method)
        np.testing.assert_allclose(ties.probability([0.0, 0.5, 9.0]), 0.5, atol=1e-9)
    huge = calibrate(np.array([1e-30, 2e-30, 3e30, 4e30]), [1, 1, 0, 0], probability="platt")
    assert np.isfinite(huge.probability([-1e38, 0, 1e38])).all()


def test_a_verification_calibrates_and_is_tested_on():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(60), 5)
    x = rng.normal(size=(60, 8))[labels] + 0.5 * rng.normal(size=(300, 8))
    first, second = (
        evaluation.verification(x[part], labels[part], distance="cosine")
        for part in (labels < 30, labels >= 30)
    )
    calibration = calibrate(first, target=("fmr", 0.01))
    assert calibration.distance == "cosine"
    kept = first.per_pair
    same = calibrate(kept.distances, kept.same, ("fmr", 0.01), distance="cosine")
    assert calibration.to_dict() == same.to_dict()
    test = calibration.test(second)
    assert test.at == second.at_threshold(calibration.threshold)
    low, high = test.interval("fmr")
    assert low < test.at.fmr < high
    grid = evaluation.verification(x, labels, distance="cosine", max_pairs=2000)
    coarse = calibrate(grid, target=("fmr", 0.01))
    whole = evaluation.verification(x, labels, distance="cosine")
    assert whole.at_threshold(coarse.threshold).fmr == coarse.achieved["fmr"]
    assert coarse.prior == pytest.approx(whole.num_positives / len(whole.per_pair))
    tested = coarse.test(grid)
    low, high = tested.interval("precision")
    assert 0 < low < high <= 1
    other = evaluation.verification(x, labels)
    with pytest.raises(ValueError, match="compared by cosine distance"):
        calibration.test(other)
    with pytest.raises(ValueError, match="same to be None"):
        calibrate(first, kept.same)


@pytest.mark.parametrize("method", ["isotonic", "platt", None])
@pytest.mark.parametrize("target", ["f1", ("fmr", 0.01)], ids=str)
def test_saved_and_loaded_it_is_the_same(method, target, tmp_path):
    found, same = pairs(500)
    calibration = calibrate(found, same, target, probability=method, distance="euclidean")
    path = calibration.save(tmp_path / "deep" / "calibration.json")
    again = Calibration.load(path)
    assert again == calibration
    np.testing.assert_array_equal(again.decide(found), calibration.decide(found))
    if method:
        np.testing.assert_array_equal(again.probability(found), calibration.probability(found))
    else:
        with pytest.raises(ValueError, match="isotonic"):
            again.probability(found)
    values = json.loads(path.read_text())
    assert values["version"] == 1
    assert values["distance"] == "euclidean"
    assert values["num_positives"] == same.sum()
    assert [p.name for p in path.parent.iterdir()] == ["calibration.json"]
    calibrate(found, same).save(path)  # One that is there is replaced.
    assert Calibration.load(path).target == "eer"
    assert "Calibration: the same where euclidean distance <=" in again.summary()


def test_a_saved_calibration_needs_no_scikit_learn(tmp_path):
    found, same = pairs(500)
    for method in ("isotonic", "platt"):
        calibrate(found, same, probability=method).save(tmp_path / f"{method}.json")
    script = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from tfmetric.evaluation import Calibration\n"
        f"for name in ('isotonic', 'platt'):\n"
        f"    c = Calibration.load(f'{tmp_path}/{{name}}.json')\n"
        "    print(c.probability([0.2, 2.0]).round(2).tolist(), c.decide(0.1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("True") == 2


def good():
    found, same = pairs(100)
    return calibrate(found, same, ("fmr", 0.1)).to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "x"}, 'format is "tfmetric calibration"'),
        ({"version": 2}, "version 1; a newer one needs a newer tfmetric"),
        ({"threshold": None}, "threshold to be a finite number"),
        ({"threshold": float("nan")}, "threshold to be a finite number"),
        ({"threshold": 10**400}, "threshold to be a finite number"),
        ({"threshold": "0.5"}, "threshold to be a finite number"),
        ({"threshold": True}, "threshold to be a finite number"),
        ({"target": "best"}, "target to be"),
        ({"target_rate": 2}, "fmr to be a number above 0"),
        ({"target_rate": "x"}, "fmr to be a number above 0"),
        ({"distance": 3}, "distance to be a name"),
        ({"num_positives": -1}, "num_positives to be a whole number"),
        ({"num_negatives": 1.5}, "num_negatives to be a whole number"),
        ({"achieved": []}, "achieved to be an object"),
        ({"achieved": {"fmr": "x"}}, "fmr to be a finite number"),
        ({"prior": 1}, "prior to be above 0 and below 1"),
        ({"probability": {"method": "magic"}}, "isotonic, platt"),
        ({"probability": []}, "isotonic, platt"),
        ({"probability": {"method": "platt", "slope": -1, "intercept": 0}}, "slope of 0 or more"),
        ({"probability": {"method": "platt", "slope": 1}}, "intercept to be a finite"),
        ({"probability": {"method": "isotonic", "distances": 3}}, "distances to be a list"),
        (
            {"probability": {"method": "isotonic", "distances": [1, 2], "probabilities": [0, 1]}},
            "rising distances and as many falling",
        ),
        (
            {"probability": {"method": "isotonic", "distances": [2, 1], "probabilities": [1, 0]}},
            "rising distances",
        ),
        (
            {"probability": {"method": "isotonic", "distances": [1], "probabilities": [2]}},
            "probabilities in 0..1",
        ),
        (
            {"probability": {"method": "isotonic", "distances": [], "probabilities": []}},
            "rising distances",
        ),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(change, message, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({**good(), **change}))
    with pytest.raises(ValueError, match=message) as error:
        Calibration.load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000])
def test_other_files_are_no_calibrations(content, tmp_path):
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a file that Calibration\.save has written"):
        Calibration.load(path)
    with pytest.raises(ValueError, match="path of a file"):
        Calibration.load(tmp_path)
    with pytest.raises(ValueError, match="path of a file"):
        Calibration.from_dict(good()).save(tmp_path)
    with pytest.raises(FileNotFoundError):
        Calibration.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "best"}, "target to be"),
        ({"target": ("fmr",)}, "target to be"),
        ({"target": ("fmr", 0)}, "fmr to be a number above 0"),
        ({"target": ("fmr", 1e-5)}, "at least 100,000 impostor pairs for FMR 1e-05"),
        ({"target": ("precision", 0.9), "distances": [1, 1, 1, 2]}, "best_precision=0.66"),
        ({"target": ("fmr", 0.5), "distances": [1, 1, 1, 1]}, "fmr_at_smallest=1.0"),
        ({"same": [1, 1, 1, 1]}, "genuine and impostor pairs"),
        ({"same": [0, 0, 0, 0]}, "genuine and impostor pairs"),
        ({"same": None}, "same of shape"),
        ({"same": [1, 0]}, "same of shape"),
        ({"distances": [0, np.nan, 1, 2]}, "rows 1"),
        ({"distances": [], "same": []}, "genuine and impostor pairs"),
        ({"probability": "x"}, "probability to be"),
        ({"prior": 1}, "prior to be above 0 and below 1"),
        ({"prior": 0}, "prior to be a number above 0"),
    ],
)
def test_bad_input_is_named(arguments, message):
    usual = {"distances": [0.1, 0.2, 0.3, 0.4], "same": [1, 1, 0, 0]}
    with pytest.raises(ValueError, match=message):
        calibrate(**{**usual, **arguments})


def test_bad_distances_to_decide_on_are_named():
    calibration = calibrate(*pairs(100))
    for wrong in ([np.nan], ["a"], [None], np.inf):
        with pytest.raises(ValueError, match="distances to be finite numbers"):
            calibration.decide(wrong)
        with pytest.raises(ValueError, match="distances to be finite numbers"):
            calibration.probability(wrong)
    with pytest.raises(ValueError, match="figure to be fmr"):
        calibration.test(*pairs(100)).interval("auc")


def test_a_calibration_is_a_value():
    one, two, other = (calibrate(*pairs(seed=seed)) for seed in (0, 0, 1))
    assert len({one, two, other}) == 2


def test_groups_at_the_calibrated_threshold():
    calibration, (found, same) = calibrate(*pairs()), pairs(seed=1)
    groups = np.arange(len(same)) % 2
    tested = calibration.test(found, same)
    for figure, called in (("fmr", True), ("fnmr", False)):
        row = tested.by_group(groups, figure, repeats=20)[0]
        kind = (groups == 0) & (same != called)
        assert row.value == pytest.approx((calibration.decide(found[kind]) == called).mean())
        assert row.interval[0] <= row.value <= row.interval[1]
    with pytest.raises(ValueError, match="figure to be fmr or fnmr"):
        tested.by_group(groups, "auc")
