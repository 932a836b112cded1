import dataclasses
import itertools
import json

import numpy as np
import pytest
from sklearn import metrics

from tfmetric import evaluation
from tfmetric.evaluation import pair_counting

DISTANCES = ["euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan"]
FARS = (1e-1, 1e-2, 1e-3, 1e-4)


def distance_of(name, x, y):
    x, y = x.astype("float64"), y.astype("float64")
    if name == "euclidean":
        return np.float32(np.sqrt(np.float32(((x - y) ** 2).sum())))
    if name == "squared_euclidean":
        return np.float32(((x - y) ** 2).sum())
    if name == "manhattan":
        return np.float32(np.abs(x - y).sum())
    if name == "inner_product":
        return np.float32(-(x * y).sum())
    return np.float32(1 - (x * y).sum() / np.sqrt((x * x).sum()) / np.sqrt((y * y).sum()))


def all_pairs(x, labels, references=None, reference_labels=None, distance="euclidean"):
    found = []
    for i in range(len(x)):
        if references is None:
            others = [(j, x[j], labels[j]) for j in range(i + 1, len(x))]
        else:
            others = [(j, r, reference_labels[j]) for j, r in enumerate(references)]
        for j, other, label in others:
            found.append((i, j, distance_of(distance, x[i], other), labels[i] == label))
    return found


def oracle(distances, same):
    """The definitions, one threshold at a time."""
    distances, same = np.asarray(distances, float), np.asarray(same, bool)
    genuine, impostor = distances[same], distances[~same]
    if not len(genuine) or not len(impostor):
        return None
    wins = sum(float((impostor > g).sum() + (impostor == g).sum() / 2) for g in genuine)
    points = [(0.0, 1.0)]
    for t in sorted(set(distances.tolist())):
        points.append(((impostor <= t).mean(), (genuine > t).mean()))
    eer = None
    for (f0, n0), (f1, n1) in itertools.pairwise(points):
        if eer is None and f1 >= n1:
            share = (n0 - f0) / ((n0 - f0) + (f1 - n1))
            eer = f0 + share * (f1 - f0)
    figures = {"auc": wins / len(genuine) / len(impostor), "eer": eer}
    for far in FARS:
        allowed = [1 - n for f, n in points if f <= far + 1e-15]
        figures[f"tar_at_far_{far:g}"] = max(allowed) if len(impostor) * far >= 1 else np.nan
    return figures


def check(result, distances, same):
    want = oracle(distances, same)
    assert result.num_positives == sum(same)
    assert result.num_negatives == len(same) - sum(same)
    got = result.figures()
    if want is None:
        assert all(np.isnan(value) for value in got.values())
        return
    for name, value in want.items():
        np.testing.assert_allclose(got[name], value, atol=1e-12, err_msg=name)
    for far in FARS:
        np.testing.assert_allclose(
            got[f"fnmr_at_fmr_{far:g}"], 1 - want[f"tar_at_far_{far:g}"], atol=1e-12
        )


def normal(count, width=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width)).astype("float32")


def classes(count, number, seed=1):
    return np.random.default_rng(seed).integers(0, number, count)


def clustered(count, number, width=6, seed=0, spread=0.7):
    labels = classes(count, number, seed + 1)
    return normal(number, width, seed)[labels] + spread * normal(count, width, seed + 2), labels


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


def test_queries_against_references():
    x, labels = clustered(30, 9)
    references, reference_labels = clustered(45, 9, seed=0)
    pairs = all_pairs(x, labels, references, reference_labels)
    result = evaluation.verification(x, labels, references, reference_labels)
    check(result, [p[2] for p in pairs], [p[3] for p in pairs])
    assert result.per_pair.left.max() == 29
    assert result.per_pair.right.max() == 44


def test_a_set_against_itself_as_references_in_another_order_has_each_pair_twice():
    x, labels = clustered(25, 5)
    order = np.random.default_rng(0).permutation(25)
    once = evaluation.verification(x, labels)
    twice = evaluation.verification(x, labels, x[order], labels[order])
    assert twice.num_negatives == 2 * once.num_negatives
    assert twice.num_positives == 2 * once.num_positives + 25
    assert evaluation.verification(x, labels, x, labels).num_positives == twice.num_positives


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
        x, np.array([2**53 + 1] * 6), x, np.array([2**53, 2**53 + 1] * 3, np.uint64)
    )
    assert mixed.num_positives == 18
    assert evaluation.verification(x, [1] * 6, x, ["1"] * 6).num_positives == 0


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


# Blocks and the grid.


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
    options = {"distance": distance, "match_groups": match if matched else None}
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
    result = evaluation.verification(x, labels, match_groups=groups)
    check(result, [p[2] for p in pairs], [p[3] for p in pairs])


# Pairs that are given.


def test_given_pairs_with_and_without_labels():
    x, labels = clustered(50, 6)
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 50, (2, 400))
    same = labels[left] == labels[right]
    wanted = [distance_of("euclidean", x[i], x[j]) for i, j in zip(left, right, strict=True)]
    for result in (
        evaluation.verification(x, labels, pairs=(left, right)),
        evaluation.verification(x, labels, pairs=(left, right, same)),
        evaluation.verification(x, pairs=(left, right, same.astype(int))),
        evaluation.verification_from_distances(wanted, same),
    ):
        check(result, wanted, same)
    two = evaluation.verification(x, None, x[::-1], pairs=(left, 49 - right, same))
    check(two, wanted, same)


@pytest.mark.parametrize("distance", DISTANCES)
def test_given_pairs_are_as_far_apart_as_in_all_pairs(distance):
    x, labels = clustered(60, 6)
    x[5] = x[6]
    whole = evaluation.verification(x, labels, distance=distance)
    some = evaluation.verification(
        x, labels, distance=distance, pairs=(whole.per_pair.left, whole.per_pair.right)
    )
    np.testing.assert_allclose(
        some.per_pair.distances, whole.per_pair.distances, rtol=2e-7, atol=3e-7
    )


def test_a_function_as_distance():
    def chebyshev(x, y):
        from keras import ops

        return ops.max(ops.abs(x - y), axis=-1)

    x, labels = clustered(40, 6)
    result = evaluation.verification(x, labels, distance=chebyshev)
    wanted = [np.abs(x[i] - x[j]).max() for i in range(40) for j in range(i + 1, 40)]
    check(result, wanted, [labels[i] == labels[j] for i in range(40) for j in range(i + 1, 40)])
    assert result.distance == "chebyshev"
    kept = result.per_pair
    given = evaluation.verification(x, labels, distance=chebyshev, pairs=(kept.left, kept.right))
    np.testing.assert_array_equal(given.per_pair.distances, kept.distances)


# What a result gives.


def test_histogram_counts_each_pair_once():
    x, labels = clustered(60, 6)
    result = evaluation.verification(x, labels)
    edges, genuine, impostors = result.histogram(17)
    kept = result.per_pair
    np.testing.assert_array_equal(genuine, np.histogram(kept.distances[kept.same], edges)[0])
    np.testing.assert_array_equal(impostors, np.histogram(kept.distances[~kept.same], edges)[0])
    assert genuine.sum() == result.num_positives
    assert impostors.sum() == result.num_negatives


def test_results_cannot_be_changed():
    result = evaluation.verification(*clustered(20, 4))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.distance = "x"
    curve = result.roc()
    for array in (*vars(result.per_pair).values(), *vars(result.counts).values(), curve.fmr):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_intervals_agree_with_a_naive_bootstrap_of_classes():
    x, labels = clustered(120, 24, spread=1.0)
    result = evaluation.verification(x, labels)
    wanted = {"auc": [], "eer": [], "tar_at_far_0.1": []}
    rng = np.random.default_rng(7)
    matrix = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))
    for _ in range(150):
        drawn = rng.integers(0, 24, 24)
        members = [np.flatnonzero(labels == c) for c in drawn]
        genuine = [matrix[i, j] for m in members for i in m for j in m if i < j]
        impostor = [
            matrix[np.ix_(members[a], members[b])].ravel()
            for a in range(24)
            for b in range(a)
            if drawn[a] != drawn[b]
        ]
        impostor = np.concatenate(impostor)
        same = np.arange(len(genuine) + len(impostor)) < len(genuine)
        score = -np.concatenate([genuine, impostor])
        fpr, tpr, _ = metrics.roc_curve(same, score)
        wanted["auc"].append(metrics.roc_auc_score(same, score))
        wanted["eer"].append(np.interp(0, fpr + tpr - 1, fpr))
        wanted["tar_at_far_0.1"].append(np.interp(0.1, fpr, tpr))
    for figure, values in wanted.items():
        low, high = result.interval(figure)
        width = high - low
        np.testing.assert_allclose(
            (low, high), np.quantile(values, [0.025, 0.975]), atol=0.25 * width
        )
        assert low < result.figures()[figure] < high


def test_thinning_many_pairs_hardly_moves_an_interval(monkeypatch):
    from tfmetric.evaluation import verification_bootstrap as bootstrap

    x, labels = clustered(250, 50, spread=1.0)
    result = evaluation.verification(x, labels)
    whole = [result.interval(figure, repeats=40) for figure in ("auc", "eer", "tar_at_far_0.01")]
    monkeypatch.setattr(bootstrap, "_NEAREST", 300)
    monkeypatch.setattr(bootstrap, "_OTHERS", 3000)
    thin = [result.interval(figure, repeats=40) for figure in ("auc", "eer", "tar_at_far_0.01")]
    np.testing.assert_allclose(thin, whole, atol=0.02)
    sample = bootstrap.Thinned(result.per_pair, result.source.units(result.per_pair)).counts()
    assert sample.num_negatives == pytest.approx(result.num_negatives)
    assert sample.num_positives == pytest.approx(result.num_positives)


def test_intervals_of_a_sample_hold_the_figure():
    x, labels = clustered(400, 60, spread=1.0)
    exact = evaluation.verification(x, labels)
    grid = evaluation.verification(x, labels, max_pairs=20_000)
    for figure in ("auc", "eer"):
        low, high = grid.interval(figure)
        assert low < grid.figures()[figure] < high
        np.testing.assert_allclose((low, high), exact.interval(figure), atol=0.01)


def test_distances_without_classes_have_intervals_of_pairs():
    rng = np.random.default_rng(0)
    same = np.arange(2000) < 600
    result = evaluation.verification_from_distances(rng.normal(size=2000) - same, same)
    low, high = result.interval("auc")
    assert low < result.auc < high
    assert 0.02 < high - low < 0.08
    by_class = evaluation.verification_from_distances(
        [0.1, 0.2, 0.9], [1, 1, 0], classes=(["a", "b", "a"], ["a", "b", "b"])
    )
    assert by_class.interval("auc", repeats=10) == (1.0, 1.0)


def test_other_rates_as_figures():
    result = evaluation.verification(*clustered(100, 10))
    low, high = result.interval("tar_at_far_0.05", repeats=20)
    assert low <= result.tar_at_far(0.05) <= high
    for wrong in ("tar", "tar_at_far_0", "tar_at_far_2", "precision_at_1", None, "x_0.1"):
        with pytest.raises(ValueError, match="figure to be auc, eer"):
            result.interval(wrong)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embeddings": [[0.0], [np.nan], [np.inf]]}, "rows 1, 2"),
        ({"embeddings": [0.0, 1.0, 2.0]}, r"embeddings to be numbers of shape \(N, D\)"),
        ({"labels": [0, 1]}, r"labels of shape \(3,\)"),
        ({"labels": [0.5, 1, 1]}, "whole numbers"),
        ({"labels": None}, "labels, or pairs"),
        ({"reference_embeddings": [[0.0]]}, "together, or neither"),
        ({"reference_labels": [0]}, "together, or neither"),
        ({"reference_embeddings": [[0.0, 1.0]], "reference_labels": [0]}, "same width"),
        ({"reference_embeddings": [[np.nan]], "reference_labels": [0]}, "reference_embeddings wi"),
        ({"distance": "euclid"}, "distance to be one of"),
        ({"max_pairs": 1}, "max_pairs to be an integer of 2 or more"),
        ({"max_pairs": 1e6}, "max_pairs to be an integer of 2 or more"),
        ({"match_groups": ["a", None, "b"]}, "match_groups to be all integers or all strings"),
        ({"match_groups": [1, 2]}, r"match_groups of shape \(3,\)"),
        ({"pairs": [[0, 1]]}, r"pairs to be \(left, right\)"),
        ({"pairs": ([0], [3])}, r"right to be in 0..2"),
        ({"pairs": ([-1], [2])}, r"left to be in 0..2"),
        ({"pairs": ([0.0], [2])}, "left to be indexes"),
        ({"pairs": ([0, 1], [2])}, "as many left as right"),
        ({"pairs": ([0], [1], [True])}, "same to agree with the classes"),
        ({"pairs": ([0], [1], [2])}, "booleans, or 0 and 1"),
        ({"pairs": ([0], [1]), "labels": None}, "labels, or pairs"),
        ({"pairs": ([0], [1]), "match_groups": [1, 2, 3]}, "match_groups without pairs"),
    ],
)
def test_bad_input_is_named(arguments, message):
    usual = {"embeddings": [[0.0], [1.0], [2.0]], "labels": [0, 1, 1]}
    with pytest.raises(ValueError, match=message) as error:
        evaluation.verification(**{**usual, **arguments})
    assert "Received: " in str(error.value)


@pytest.mark.parametrize(
    ("distances", "same", "message"),
    [
        ([0.1, np.nan], [1, 0], "distances without NaN or infinity; 1 of 2 rows"),
        ([[0.1, 0.2]], [1, 0], "distances to be numbers"),
        (["a"], [1], "distances to be numbers"),
        ([0.1, 0.2], [1], r"same of shape \(2,\)"),
        ([0.1, 0.2], [1, np.nan], "booleans, or 0 and 1"),
        ([0.1, 0.2], ["y", "n"], "booleans, or 0 and 1"),
    ],
)
def test_bad_distances_are_named(distances, same, message):
    with pytest.raises(ValueError, match=message):
        evaluation.verification_from_distances(distances, same)


def test_bad_thresholds_and_rates_are_named():
    result = evaluation.verification(*clustered(20, 4))
    for wrong in (0, -0.1, 1.5, np.nan, "x", None, [0.1], True):
        with pytest.raises(ValueError, match="far to be"):
            result.tar_at_far(wrong)
    for wrong in (np.nan, "x", [0.1], None, True):
        with pytest.raises(ValueError, match="threshold to be a number"):
            result.at_threshold(wrong)
    for wrong in (0, 1.5, "x", True):
        with pytest.raises(ValueError, match="bins to be"):
            result.histogram(wrong)
