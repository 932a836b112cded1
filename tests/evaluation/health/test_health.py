import json

import numpy as np
import pytest
from scipy.stats import skew

from tfmetric.evaluation import health
from tfmetric.evaluation.distances import smallest_in_rows as smallest_module

RNG = np.random.default_rng(0)
LABELS = np.array([*np.repeat(np.arange(5), 9), 99])
X = (RNG.normal(size=(100, 6))[LABELS] + 0.5 * RNG.normal(size=(46, 6))).astype("float32")


def naive(x, labels, k):
    x = x.astype("float64")
    n = len(x)
    d = np.array([[np.sqrt(((a - b) ** 2).sum()) for b in x] for a in x])
    unit = [a / np.sqrt((a * a).sum()) for a in x]
    positives = [(i, j) for i in range(n) for j in range(n) if i != j and labels[i] == labels[j]]
    apart = [(i, j) for i in range(n) for j in range(n) if i != j]
    occurrence = np.zeros(n)
    for i in range(n):
        for j in sorted((j for j in range(n) if j != i), key=lambda j: d[i, j])[:k]:
            occurrence[j] += 1
    intra, inter = [], []
    for i in range(n):
        intra.append([d[i, j] for j in range(n) if j != i and labels[i] == labels[j]])
        inter.append([d[i, j] for j in range(n) if labels[i] != labels[j]])
    values = np.linalg.eigvals(np.cov(x.T, bias=True)).real
    share = values / values.sum()
    return {
        "norm_mean": np.mean([np.sqrt((a * a).sum()) for a in x]),
        "norm_std": np.std([np.sqrt((a * a).sum()) for a in x]),
        "spread": values.sum() / np.mean([(a * a).sum() for a in x]),
        "effective_dimension": np.exp(-(share * np.log(share)).sum()),
        "participation_ratio": values.sum() ** 2 / (values**2).sum(),
        "alignment": np.mean([((unit[i] - unit[j]) ** 2).sum() for i, j in positives]),
        "uniformity": np.log(
            np.mean([np.exp(-2 * ((unit[i] - unit[j]) ** 2).sum()) for i, j in apart])
        ),
        "hubness": skew(occurrence),
        "orphans": (occurrence == 0).mean(),
        "intra_class_distance": np.mean([np.mean(v) for v in intra if v]),
        "inter_class_distance": np.mean([np.mean(v) for v in inter if v]),
    }


@pytest.mark.parametrize("k", [1, 7])
@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_figures_equal_their_definitions(k, scale):
    order = RNG.permutation(46)
    got = health(X[order] * np.float32(scale), LABELS[order], k=k).figures()
    want = naive(X[order] * np.float32(scale), LABELS[order], k)
    assert got == pytest.approx(want, rel=1e-5)


def test_small_blocks_long_rows_and_a_sample(monkeypatch):
    x = RNG.normal(size=(1200, 5))
    labels = RNG.integers(0, 40, 1200)
    whole = health(x, labels)
    monkeypatch.setitem(health.__globals__, "_BLOCK_BYTES", 16 * 1200 * 50)
    monkeypatch.setattr(smallest_module, "_STRIDE", 1199)
    assert health(x, labels).figures() == pytest.approx(whole.figures())
    part = health(x, labels, sample=300)
    rows = np.sort(part.sample)
    other = health(x[rows], labels[rows])
    for name in ("uniformity", "hubness", "orphans", "intra_class_distance"):
        assert part.figures()[name] == pytest.approx(other.figures()[name], rel=1e-5)
    assert part.effective_dimension == pytest.approx(whole.effective_dimension)
    assert "of a sample of 300" in part.summary()


@pytest.mark.parametrize("value", [0.0, 0.37, 1e20])
def test_a_collapsed_embedding_is_said_to_be_one(value):
    got = health(np.full((50, 8), value, "float32"), np.arange(50) % 5)
    assert got.collapsed
    assert "COLLAPSED: all examples lie on one point" in got.summary()
    assert got.hubness == 0.0
    assert got.uniformity == pytest.approx(0.0, abs=1e-6)
    line = np.outer(RNG.normal(size=50), RNG.normal(size=8))
    assert "one line" in health(line, np.arange(50) % 5).summary()
    two_classes = np.outer(np.arange(50) % 2, np.ones(8)) + 0.01 * RNG.normal(size=(50, 8))
    assert not health(two_classes, np.arange(50) % 2).collapsed
    assert not health(X, LABELS).collapsed


def test_advice():
    wide = np.zeros((200, 64))
    wide[:, :4] = RNG.normal(size=(200, 4))
    assert any("4 of 64 dimensions" in line for line in health(wide).advice())
    noise = health(RNG.normal(size=(60, 4)), np.arange(60) // 2 * 0 + np.arange(60) % 2)
    assert noise.distance_ratio == pytest.approx(1, abs=0.1)
    hubs = np.concatenate([np.zeros((1, 60)), RNG.normal(size=(300, 60))])
    hubs[1:] *= 5 / np.linalg.norm(hubs[1:], axis=1, keepdims=True)
    assert any("hubs" in line for line in health(hubs).advice())
    assert health(X, LABELS).advice() == ()


def test_without_labels_and_of_one_example():
    got = health(X)
    assert np.isnan(got.alignment)
    assert np.isnan(got.figures()["intra_class_distance"])
    assert np.isfinite(got.figures()["inter_class_distance"])
    one = health([[1.0, 2.0]], [3])
    assert np.isnan(one.uniformity)
    assert json.loads(one.to_json())["uniformity"] is None
    assert np.isnan(health(X, np.zeros(46, int)).figures()["inter_class_distance"])


def test_views_of_the_result():
    got = health(X, LABELS)
    low, high = got.interval("intra_class_distance")
    assert low <= got.figures()["intra_class_distance"] <= high
    assert np.isnan(got.interval("uniformity")).all()
    low, high = got.interval("norm_mean")
    assert low < got.figures()["norm_mean"] < high
    assert f"(95 % interval {low:.4f} to {high:.4f})" in got.summary()
    groups = np.where(LABELS < 2, "a", "b")
    for figure in ("norm", "k_occurrence", "intra_class_distance"):
        assert got.by_group(groups, figure, small=1)["a"].count == 18
    np.testing.assert_allclose(
        got.by_group(groups, "norm", small=1)["a"].value,
        np.linalg.norm(X[LABELS < 2], axis=1).mean(),
        rtol=1e-6,
    )
    with pytest.raises(ValueError, match="figure to be one of norm"):
        got.by_group(groups, "spread")
    with pytest.raises(ValueError, match="figure to be one of norm_mean"):
        got.interval("length")
    with pytest.raises(ValueError, match="read-only"):
        got.norm[0] = 1


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (([[np.inf]],), {}, "rows 0"),
        ((np.zeros((0, 4)),), {}, "at least one embedding"),
        ((X, LABELS[:5]), {}, "labels of shape"),
        ((X,), {"k": 0}, "k to be an integer above 0"),
        ((X,), {"sample": 2.5}, "sample to be an integer"),
        ((X,), {"distance": "far"}, "distance to be one of"),
    ],
)
def test_bad_input_is_named(arguments, more, message):
    with pytest.raises(ValueError, match=message):
        health(*arguments, **more)
