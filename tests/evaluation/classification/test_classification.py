import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, roc_auc_score

from tfmetric.evaluation import knn, nearest_class_mean, retrieval
from tfmetric.evaluation.classification import nearest_neighbors
from tfmetric.evaluation.distances import smallest_in_rows

RNG = np.random.default_rng(3)


def grid(count, width=2, most=5, seed=0):
    return np.random.default_rng(seed).integers(0, most, (count, width)).astype("float32")


def naive_distance(name, a, b):
    a, b = a.astype("float64"), b.astype("float64")
    if name == "cosine":
        return np.float32(max(1 - a @ b / np.sqrt(a @ a) / np.sqrt(b @ b), 1e-14))
    return np.float32(np.abs(a - b).sum() if name == "manhattan" else np.sqrt(((a - b) ** 2).sum()))


def naive_knn(x, labels, gallery, gallery_labels, k, name="euclidean", own_set=False):
    answers = []
    for q in range(len(x)):
        rows = [j for j in range(len(gallery)) if not (own_set and j == q)]
        row = sorted(
            (naive_distance(name, x[q], gallery[j]), gallery_labels[j] == labels[q], j)
            for j in rows
        )[:k]
        votes = {}
        for _, _, j in row:
            votes[gallery_labels[j]] = votes.get(gallery_labels[j], 0) + 1
        best = [c for c in votes if votes[c] == max(votes.values())]  # In order of distance.
        others = [c for c in best if c != labels[q]]
        answers.append((others or best)[0])
    return answers


@pytest.mark.parametrize("k", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("name", ["euclidean", "manhattan"])
def test_knn_is_a_vote_in_which_ties_count_against(k, name):
    x, y = grid(60), grid(45, seed=1)
    labels, others = RNG.integers(0, 5, 60), RNG.integers(0, 4, 45)
    got = knn(x, labels, y, others, k=k, distance=name)
    want = naive_knn(x, labels, y, others, k, name)
    right = np.array(want) == labels
    known = labels < 4
    np.testing.assert_array_equal(np.array(got.answers) == labels, right)
    assert got.accuracy == pytest.approx(right[known].mean())
    assert got.num_unknown == (~known).sum()
    one = knn(x, labels, k=k, distance=name)
    want = np.array(naive_knn(x, labels, x, labels, k, name, own_set=True))
    np.testing.assert_array_equal(np.array(one.answers) == labels, want == labels)


def test_the_answers_are_the_voted_classes_where_nothing_ties():
    x, labels = RNG.normal(size=(70, 3)), RNG.integers(0, 6, 70)
    for k in (1, 4):
        want = naive_knn(x, labels, x, labels, k, own_set=True)
        if k == 1:
            assert knn(x, labels, k=k).answers == want
        assert np.mean(np.array(knn(x, labels, k=k).answers) == want) > 0.9


def test_one_neighbour_is_recall_at_one():
    x, labels = grid(80), RNG.integers(0, 9, 80)
    assert knn(x, labels, k=1).accuracy == pytest.approx(retrieval(x, labels).recall_at[1])


@pytest.mark.parametrize("k", [1, 5])
def test_long_rows_and_small_blocks(k, monkeypatch):
    x, labels = grid(3000, 3, 12), RNG.integers(0, 300, 3000)
    whole = knn(x, labels, k=k)
    monkeypatch.setattr(nearest_neighbors, "_BLOCK_BYTES", 8 * 3000 * 40)
    np.testing.assert_array_equal(knn(x, labels, k=k).predicted, whole.predicted)
    # Sorting whole rows in place of looking for the smallest changes nothing.
    monkeypatch.setattr(smallest_in_rows, "_STRIDE", 2999)
    np.testing.assert_array_equal(knn(x, labels, k=k).predicted, whole.predicted)


def naive_means(x, labels, gallery, gallery_labels, own_set, name):
    right = []
    for q in range(len(x)):
        best = {}
        for c in sorted(set(gallery_labels.tolist())):
            rows = [
                gallery[j].astype("float64")
                for j in range(len(gallery))
                if gallery_labels[j] == c and not (own_set and j == q)
            ]
            if rows:
                best[c] = naive_distance(name, x[q], sum(rows) / len(rows))
        own = best.pop(labels[q].item(), np.inf)
        right.append(own < min(best.values(), default=np.inf))
    return np.array(right)


@pytest.mark.parametrize("name", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("kind", ["random", "integers"])
def test_nearest_class_mean_equals_the_definition(name, kind):
    x, y = (RNG.normal(size=(n, 4)) if kind == "random" else grid(n) + 1 for n in (50, 40))
    labels, others = RNG.integers(0, 9, 50), RNG.integers(0, 8, 40)
    got = nearest_class_mean(x, labels, y, others, distance=name)
    want = naive_means(x, labels, y, others, False, name)
    np.testing.assert_array_equal(np.array(got.answers) == labels, want)
    one = nearest_class_mean(x, labels, distance=name)
    want = naive_means(x, labels, x, labels, True, name)
    np.testing.assert_array_equal(np.array(one.answers) == labels, want)


def test_a_lone_example_is_unknown_to_the_others():
    x, labels = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]]), ["a", "a", "b", "b", "lone"]
    for classify in (lambda *a, **b: knn(*a, k=1, **b), nearest_class_mean):
        got = classify(x, labels)
        assert (got.accuracy, got.num_unknown, got.auroc) == (1.0, 1, 1.0)
        assert got.answers[:4] == ["a", "a", "b", "b"]
        got = classify(x, labels, threshold=1.0)
        assert got.answers[4] is None
        assert got.accuracy == got.unknown_detection_rate == 1.0
        assert got.confusion()[-1, -1] == 1


def test_the_open_set_figures():
    x = np.array([0.0, 0.2, 3.0, 5.0, 5.5, 9.0, 2.0])[:, None]
    labels = np.array([0, 0, 0, 1, 1, 7, 8])
    got = knn(x, labels, [[0.0], [5.0]], [0, 1], k=1, threshold=1.5)
    np.testing.assert_allclose(got.distances, [0, 0.2, 2, 0, 0.5, 4, 2], atol=1e-6)
    assert got.answers == [0, 0, None, 1, 1, None, None]
    assert got.known_accuracy == pytest.approx(4 / 5)
    assert got.false_unknown_rate == pytest.approx(1 / 5)
    assert got.unknown_detection_rate == 1.0
    assert got.accuracy == pytest.approx(6 / 7)
    assert got.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert got.auroc == pytest.approx(roc_auc_score(labels > 1, got.distances))
    assert got.confusion().tolist() == [[2, 0, 1], [0, 2, 0], [0, 0, 2]]
    assert got.most_confused() == [(0, None, 1)]
    assert '0 taken for "unknown": once' in got.summary()
    at_once = knn(x, labels, [[0.0], [5.0]], [0, 1], k=1)
    assert at_once.accuracy == pytest.approx(4 / 5)
    assert at_once.unknown_detection_rate == 0.0


def test_closed_figures_agree_with_scikit_learn():
    x, labels = RNG.normal(size=(200, 3)), RNG.integers(0, 5, 200)
    x[:, 0] += labels
    got = knn(x, labels, k=3)
    assert set(got.figures()) == {"accuracy", "balanced_accuracy"}
    assert got.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, got.predicted))
    np.testing.assert_array_equal(got.confusion(), confusion_matrix(labels, got.predicted))
    for figure, value in got.figures().items():
        low, high = got.interval(figure)
        assert low <= value <= high
    assert np.isnan(got.auroc)
    table = got.by_group(np.where(np.arange(200) < 90, "first", "second"))
    assert table["first"].value == pytest.approx((got.predicted == labels)[:90].mean())
    text = json.loads(got.to_json())
    assert text["accuracy"] == got.accuracy
    with pytest.raises(ValueError, match="read-only"):
        got.predicted[0] = 1


def test_the_interval_of_auroc_holds_it():
    x = np.concatenate([RNG.normal(size=(80, 2)), RNG.normal(size=(60, 2)) * 3])
    labels = np.concatenate([np.arange(80) % 8, 100 + np.arange(60) % 20])
    got = nearest_class_mean(x, labels, RNG.normal(size=(80, 2)), np.arange(80) % 8)
    low, high = got.interval("auroc")
    assert 0.5 < low < got.auroc < high < 1
    assert got.auroc == pytest.approx(roc_auc_score(labels >= 100, got.distances))


def test_labels_that_floats_cannot_tell_apart():
    x, gallery = [[0.1], [0.9]], [[0.0], [1.0]]
    for base, kind in ((2**24, "int32"), (2**62, "int64"), (2**64 - 2, "uint64")):
        labels = np.array([base, base + 1], kind)
        assert knn(x, labels, gallery, labels, k=1).accuracy == 1.0
        assert nearest_class_mean(x, labels, gallery, labels).answers == [base, base + 1]


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (([[0.0], [np.nan]], [0, 0]), {}, "rows 1"),
        (([[0.0]], [0]), {}, "at least 2 gallery"),
        (([[0.0]], [0], np.zeros((0, 1)), []), {}, "at least 1 gallery"),
        (([[0.0]], [0], [[0.0, 1.0]], [0]), {}, "same width"),
        (([[0.0]], [0], [[0.0]], ["a"]), {}, "both integers or both strings"),
        (([[0.0], [1.0]], [0, 1]), {"threshold": float("nan")}, "threshold to be"),
    ],
)
def test_bad_input_is_named(arguments, more, message):
    for classify in (knn, nearest_class_mean):
        with pytest.raises(ValueError, match=message):
            classify(*arguments, **more)
    with pytest.raises(ValueError, match="k to be an integer above 0"):
        knn([[0.0], [1.0]], [0, 1], k=0)


def test_no_queries_give_no_figures():
    got = knn(np.zeros((0, 1)), [], [[0.0]], [1])
    assert np.isnan(got.accuracy)
    assert json.loads(got.to_json())["accuracy"] is None
