import json
from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

from tfmetric.evaluation import clustering

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(6), 20)
X = RNG.normal(size=(6, 4))[LABELS] + 0.6 * RNG.normal(size=(120, 4))


def naive(clusters, labels):
    """B³ and purity, one pair of examples at a time."""
    n = len(labels)
    precision, recall = [], []
    for i in range(n):
        cluster = [j for j in range(n) if clusters[j] == clusters[i]]
        same = [j for j in range(n) if labels[j] == labels[i]]
        both = len(set(cluster) & set(same))
        precision.append(both / len(cluster))
        recall.append(both / len(same))
    p, r = np.mean(precision), np.mean(recall)
    main = [max(Counter(labels[clusters == c].tolist()).values()) for c in set(clusters.tolist())]
    return {
        "b3_precision": p,
        "b3_recall": r,
        "b3_f1": 2 * p * r / (p + r),
        "purity": sum(main) / n,
    }


@pytest.mark.parametrize("k", [None, 1, 3, 17, 120])
@pytest.mark.parametrize("names", [np.arange(6), np.array(list("abcdef")), 2**62 + np.arange(6)])
def test_figures_equal_their_definitions(k, names):
    labels = names[LABELS]
    got = clustering(X, labels, k)
    assert got.num_clusters == (k or 6)
    want = naive(got.clusters, labels)
    want["nmi"] = normalized_mutual_info_score(labels, got.clusters)
    want["ami"] = adjusted_mutual_info_score(labels, got.clusters)
    assert got.figures() == pytest.approx(want)


def test_clusters_are_those_of_clearly_separate_classes():
    x = 100 * RNG.normal(size=(6, 4))[LABELS] + RNG.normal(size=(120, 4))
    assert set(clustering(x, LABELS).figures().values()) == {1.0}
    for scale in (1e-18, 1e25):
        assert clustering((x * scale).astype("float32"), LABELS).ami == 1.0
    lengths = RNG.uniform(0.1, 10, (120, 1))
    directions = np.eye(6)[LABELS] + 0.01 * RNG.normal(size=(120, 6))
    assert clustering(directions * lengths, LABELS, distance="cosine").ami == 1.0


def test_a_collapsed_embedding_is_one_cluster():
    got = clustering(np.ones((120, 3)), LABELS)
    assert got.num_clusters == 1
    assert got.nmi == got.ami == 0.0
    assert got.b3_recall == 1.0
    assert got.purity == pytest.approx(1 / 6)


def test_one_class_and_one_example():
    assert clustering(X, np.zeros(120, int)).purity == 1.0
    assert clustering([[1.0, 2.0]], ["a"]).b3_f1 == 1.0


def test_large_data_goes_in_batches(monkeypatch):
    monkeypatch.setitem(clustering.__globals__, "_MOST_PAIRS", 100)
    got = clustering(X, LABELS)
    assert got.method == "k-means in batches"
    assert got.ami > 0.3


def test_views_of_the_result():
    got = clustering(X, LABELS)
    low, high = got.interval("purity")
    assert low <= got.purity <= high
    assert np.isnan(got.interval("ami")).all()
    low, high = got.interval("b3_f1")
    assert low <= got.b3_f1 <= high
    # The harmonic mean lies between the two in each draw.
    ends = [got.interval(name) for name in ("b3_precision", "b3_recall")]
    assert min(end[0] for end in ends) <= low < high <= max(end[1] for end in ends)
    assert json.loads(got.to_json())["intervals"]["ami"] == [None, None]
    table = got.by_group(np.where(LABELS < 3, "a", "b"), "b3_recall")
    assert table["a"].value == pytest.approx(got.recall[LABELS < 3].mean())
    assert "B³ precision" in got.summary()
    again = clustering(X, LABELS)
    np.testing.assert_array_equal(got.clusters, again.clusters)
    with pytest.raises(ValueError, match="read-only"):
        got.clusters[0] = 1
    with pytest.raises(ValueError, match="figure to be one of b3_precision"):
        got.interval("accuracy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[np.nan]], [0]), "rows 0"),
        ((np.zeros((0, 3)), []), "at least one embedding"),
        ((X, LABELS, 0), r"k to be an integer in 1\.\.120"),
        ((X, LABELS, 121), r"k to be an integer in 1\.\.120"),
        ((X, LABELS, 2.5), "k to be"),
        ((X, LABELS[:4]), "labels of shape"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        clustering(*arguments)
    with pytest.raises(ValueError, match="distance to be euclidean or cosine"):
        clustering(X, LABELS, distance="manhattan")
