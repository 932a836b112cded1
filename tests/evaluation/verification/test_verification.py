import dataclasses
import json

import numpy as np
import pytest
from sklearn import metrics
from support.verifying import (
    DISTANCES,
    all_pairs,
    check,
    classes,
    clustered,
    normal,
)

from tfmetric import evaluation


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("number", [2, 7, 30])
def test_all_pairs_of_one_set(distance, number):
    x, labels = clustered(60, number)
    pairs = all_pairs(x, labels, distance=distance)
    result = evaluation.verification(x, labels, distance=distance)
    assert result.exact
    assert result.distance == distance
    check(result, [p[2] for p in pairs], [p[3] for p in pairs])
    kept = result.per_pair
    places = list(zip(kept.left.tolist(), kept.right.tolist(), strict=True))
    got = {place: i for i, place in enumerate(places)}
    assert len(got) == len(pairs) == len(kept)
    for i, j, d, same in pairs:
        place = got[i, j]
        assert kept.same[place] == same
        np.testing.assert_allclose(kept.distances[place], d, rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "inner_product"])
def test_integer_embeddings_full_of_ties(distance):
    x = np.random.default_rng(3).integers(0, 3, (70, 4)).astype("float32")
    labels = classes(70, 6)
    pairs = all_pairs(x, labels, distance=distance)
    result = evaluation.verification(x, labels, distance=distance)
    check(result, [p[2] for p in pairs], [p[3] for p in pairs])
    assert len(result.counts.values) == len({p[2] for p in pairs})


def test_queries_against_gallery():
    x, labels = clustered(30, 9)
    gallery, gallery_labels = clustered(45, 9, seed=0)
    pairs = all_pairs(x, labels, gallery, gallery_labels)
    result = evaluation.verification(x, labels, gallery, gallery_labels)
    check(result, [p[2] for p in pairs], [p[3] for p in pairs])
    assert result.per_pair.left.max() == 29
    assert result.per_pair.right.max() == 44


def test_a_set_against_itself_as_gallery_in_another_order_has_each_pair_twice():
    x, labels = clustered(25, 5)
    order = np.random.default_rng(0).permutation(25)
    once = evaluation.verification(x, labels)
    twice = evaluation.verification(x, labels, x[order], labels[order])
    assert twice.num_negatives == 2 * once.num_negatives
    assert twice.num_positives == 2 * once.num_positives + 25


def test_scikit_learn_agrees():
    x, labels = clustered(150, 20)
    result = evaluation.verification(x, labels)
    kept = result.per_pair
    score = -kept.distances.astype("float64")
    np.testing.assert_allclose(result.auc, metrics.roc_auc_score(kept.same, score), atol=1e-12)
    fpr, tpr, thresholds = metrics.roc_curve(kept.same, score, drop_intermediate=False)
    curve = result.roc(points=None)
    np.testing.assert_allclose(curve.fmr, fpr, atol=1e-12)
    np.testing.assert_allclose(curve.tmr, tpr, atol=1e-12)
    np.testing.assert_allclose(curve.thresholds[1:], -thresholds[1:], atol=0)
    for threshold in (-1.0, 1.0, 2.5, float(kept.distances[7]), np.inf):
        called = kept.distances <= threshold
        got = result.at_threshold(threshold)
        tn, fp, fn, tp = metrics.confusion_matrix(kept.same, called).ravel()
        assert list(got.counts.values()) == [tp, fp, tn, fn]
        assert got.accuracy == pytest.approx(metrics.accuracy_score(kept.same, called))
        assert got.f1 == pytest.approx(metrics.f1_score(kept.same, called, zero_division=0))
        assert got.recall == pytest.approx(metrics.recall_score(kept.same, called))
        if tp + fp:
            assert got.precision == pytest.approx(metrics.precision_score(kept.same, called))
        else:
            assert np.isnan(got.precision)
        assert got.fmr == fp / (fp + tn)
        assert got.fnmr == fn / (fn + tp)


def test_a_thinned_curve_is_part_of_the_whole():
    x, labels = clustered(200, 20)
    result = evaluation.verification(x, labels)
    whole, thin = result.roc(points=None), result.roc(points=100)
    assert 20 < len(thin.fmr) < 140
    place = np.searchsorted(whole.thresholds, thin.thresholds)
    np.testing.assert_array_equal(whole.fmr[place], thin.fmr)
    np.testing.assert_array_equal(whole.tmr[place], thin.tmr)
    np.testing.assert_array_equal(thin.fnmr, 1 - thin.tmr)
    assert (thin.fmr[-1], thin.tmr[-1], thin.thresholds[0]) == (1, 1, -np.inf)
    area = np.trapezoid(thin.tmr, thin.fmr)
    assert area == pytest.approx(result.auc, abs=5e-3)


def test_thresholds_give_the_rates_they_promise():
    x, labels = clustered(150, 12)
    result = evaluation.verification(x, labels)
    for fmr in (0.3, 0.01, 1e-3):
        at = result.at_threshold(result.threshold_at_fmr(fmr))
        assert at.fmr <= fmr
        assert at.recall == result.tar_at_far(fmr)
        above = result.counts.values
        above = above[above > at.threshold][0]
        assert result.at_threshold(above).fmr > fmr
    at = result.at_threshold(result.eer_threshold)
    assert abs(at.fmr - result.eer) < 2e-3
    assert abs(at.fnmr - result.eer) < 2e-3


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("width", [1, 3, 64, 129])
def test_a_collapsed_embedding_is_all_ties(distance, width):
    x = np.tile(normal(1, width), (90, 1))
    result = evaluation.verification(x, np.arange(90) % 9, distance=distance)
    assert len(result.counts.values) == 1
    assert result.auc == result.eer == 0.5
    assert result.tar_at_far(0.1) == 0.0
    assert result.threshold_at_fmr(0.1) == -np.inf
    if distance not in ("inner_product",):
        assert result.counts.values[0] == 0.0


def test_far_from_the_origin_duplicates_are_still_at_distance_0():
    x = np.tile(normal(10, 32) + 1000, (3, 1))
    result = evaluation.verification(x, np.arange(30) % 10)
    assert result.auc == 1.0
    assert result.counts.values[0] == 0.0
    assert result.counts.positives[1] == 30
    direct = np.sqrt(((x[0].astype("float64") - x[1]) ** 2).sum())
    first = (result.per_pair.left == 0) & (result.per_pair.right == 1)
    np.testing.assert_allclose(result.per_pair.distances[first], direct, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_very_small_and_very_large_embeddings(scale):
    x, labels = clustered(40, 5)
    small = evaluation.verification(x.astype("float64") * scale, labels)
    assert small.auc == pytest.approx(evaluation.verification(x, labels).auc, abs=1e-3)


def test_distances_beyond_float32_are_an_error():
    with pytest.raises(ValueError, match="finite in float32 for every pair"):
        evaluation.verification(np.eye(3) * 1e300, [0, 0, 1])
    with pytest.raises(ValueError, match="finite in float32 for every pair"):
        evaluation.verification(np.eye(3) * 1e30, [0, 0, 1], distance="squared_euclidean")


def test_one_class_has_no_impostors_and_lone_examples_no_genuine_pairs():
    one = evaluation.verification(normal(6), np.zeros(6, int))
    check(one, [0.0] * 15, [True] * 15)
    assert "no impostor pairs" in one.summary()
    lone = evaluation.verification(normal(6), np.arange(6))
    check(lone, [0.0] * 15, [False] * 15)
    assert "no genuine pairs" in lone.summary()
    for result in (one, lone):
        assert json.loads(result.to_json())["auc"] is None
        assert np.isnan(result.interval("auc", repeats=5)).all()
        assert np.isnan(result.eer_threshold)
        assert len(result.roc().fmr)
        assert result.at_threshold(1.0).accuracy >= 0
    assert np.isnan(one.threshold_at_fmr(0.5))


@pytest.mark.parametrize("count", [0, 1])
def test_no_pairs_at_all(count):
    result = evaluation.verification(normal(count), np.arange(count))
    assert result.num_positives == result.num_negatives == 0
    assert np.isnan(result.auc)
    assert np.isnan(result.at_threshold(0.0).accuracy)
    edges, *bins = result.histogram(3)
    assert len(edges) == 4
    assert np.sum(bins) == 0
    assert evaluation.verification(normal(3), [0, 1, 1], normal(0), []).num_negatives == 0


def test_large_labels_and_strings_stay_apart():
    x = normal(6)
    for labels in (
        [2**24, 2**24 + 1] * 3,
        np.array([2**63, 2**63 + 1] * 3, np.uint64),
        ["a", "b"] * 3,
        np.array(["a", "b"] * 3, object),
    ):
        assert evaluation.verification(x, labels).num_positives == 6
    # An int64 and a uint64 column, which NumPy would compare as floats.
    mixed = evaluation.verification(
        x, np.array([2**53 + 1] * 6), x[::-1], np.array([2**53, 2**53 + 1] * 3, np.uint64)
    )
    assert mixed.num_positives == 18
    assert evaluation.verification(x, [1] * 6, x[::-1], ["1"] * 6).num_positives == 0


def test_too_few_impostors_are_said():
    x, labels = clustered(60, 10)
    result = evaluation.verification(x, labels)  # About 1,600 impostor pairs.
    assert 1000 < result.num_negatives < 10_000
    text = result.summary()
    assert "too few for FAR 0.001: it takes 10,000" in text
    assert "too few for FAR 0.0001" in text
    assert "too few for FAR 0.01:" not in text
    assert not np.isnan(result.tar_at_far(1e-3))
    assert np.isnan(result.tar_at_far(1e-4))
    assert result.to_dict()["tar_at_far_0.0001"] is None
    assert any("FAR 0.0001" in note for note in result.to_dict()["notes"])
    exact = evaluation.verification_from_distances(np.arange(1010.0), np.arange(1010) < 10)
    assert exact.tar_at_far(1e-3) == 1.0  # 1,000 impostors are 1 / FAR.


def test_histogram_counts_each_pair_once():
    x, labels = clustered(60, 6)
    result = evaluation.verification(x, labels)
    edges, genuine, impostors = result.histogram(17)
    kept = result.per_pair
    np.testing.assert_array_equal(genuine, np.histogram(kept.distances[kept.same], edges)[0])
    np.testing.assert_array_equal(impostors, np.histogram(kept.distances[~kept.same], edges)[0])
    assert genuine.sum() == result.num_positives
    assert impostors.sum() == result.num_negatives


def test_a_function_that_is_no_distance_is_named():
    x, labels = clustered(20, 4)
    for pairs in (None, ([0, 1], [2, 3])):
        with pytest.raises(ValueError, match="reduces the last axis, here to shape"):
            evaluation.verification(x, labels, pairs=pairs, distance=lambda x, y: x + y)


def test_results_cannot_be_changed():
    result = evaluation.verification(*clustered(20, 4))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.distance = "x"
    curve = result.roc()
    for array in (*vars(result.per_pair).values(), *vars(result.counts).values(), curve.fmr):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("genuine", ["all", "within"])
def test_impostors_within_an_attribute_are_those_of_a_naive_loop(two, genuine):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 3)).astype("float32")
    labels, names = rng.integers(0, 6, 60), rng.choice(["Ann", "Bob", "Eve"], 60)
    rows, columns = (range(25), range(25, 60)) if two else (range(60), range(60))
    distances = {True: [], False: []}
    for i in rows:
        for j in columns:
            same = bool(labels[i] == labels[j])
            if (two or j > i) and (names[i] == names[j] or (same and genuine == "all")):
                distances[same].append(np.linalg.norm(x[i].astype("f8") - x[j].astype("f8")))
    if two:
        arguments = (x[:25], labels[:25], x[25:], labels[25:])
        within = (names[:25], names[25:])
    else:
        arguments, within = (x, labels), names
    result = evaluation.verification(*arguments, within=within, genuine=genuine)
    kept = result.per_pair
    for same, want in distances.items():
        np.testing.assert_allclose(
            np.sort(kept.distances[kept.same == same]), np.sort(want), rtol=1e-6
        )
    grid = evaluation.verification(*arguments, within=within, genuine=genuine, max_pairs=50)
    assert grid.num_positives == result.num_positives == len(distances[True])
    assert grid.num_negatives == result.num_negatives == len(distances[False])


def test_a_threshold_is_calibrated_on_hard_impostors():
    """Impostors of the own name are nearer: the threshold for them is smaller."""
    rng = np.random.default_rng(0)
    labels, names = np.repeat(np.arange(40), 5), np.repeat(np.arange(40) % 4, 5)
    x = 4 * rng.normal(size=(4, 8))[names] + rng.normal(size=(40, 8))[labels]
    x = x + 0.6 * rng.normal(size=(200, 8))
    every = evaluation.calibrate(evaluation.verification(x, labels))
    hard = evaluation.calibrate(evaluation.verification(x, labels, within=names))
    assert hard.threshold < every.threshold
    assert evaluation.verification(x, labels, within=names).eer > 1.5 * (
        evaluation.verification(x, labels).eer
    )


def test_the_former_name_of_within_is_refused():
    with pytest.raises(TypeError, match="within=, the present name of match_groups="):
        evaluation.verification([[0.0]], [0], match_groups=[1])


@pytest.mark.parametrize("digits", [None, 1])
def test_precision_against_recall_is_that_of_scikit_learn(digits):
    rng = np.random.default_rng(0)
    same = rng.random(400) < 0.2
    found = np.abs(rng.normal(1.0, 0.25, 400) - 0.4 * same)
    found = found if digits is None else found.round(digits)
    result = evaluation.verification_from_distances(found, same)
    assert result.average_precision == pytest.approx(metrics.average_precision_score(same, -found))
    curve = result.roc(points=None)
    precision, recall, thresholds = metrics.precision_recall_curve(same, -found)
    np.testing.assert_allclose(curve.thresholds[1:], -thresholds[::-1])
    np.testing.assert_allclose(curve.precision[1:], precision[:-1][::-1])
    np.testing.assert_allclose(curve.recall[1:], recall[:-1][::-1])
    assert np.isnan(curve.precision[0])
    assert np.isnan(evaluation.verification_from_distances([1.0], [False]).average_precision)
