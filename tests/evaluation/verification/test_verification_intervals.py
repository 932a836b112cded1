import numpy as np
import pytest
from sklearn import metrics
from support.verifying import clustered

from tfmetric import evaluation


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
    from tfmetric.evaluation.verification import bootstrap as bootstrap

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
    assert result.intervals(("auc", "tar_at_far_0.05"), 20)["tar_at_far_0.05"] == (low, high)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="repeats to be an integer above 0"):
            result.interval(repeats=wrong)
    with pytest.raises(ValueError, match="level to be above 0 and below 1"):
        result.interval(repeats=2, level=95)
    for wrong in ("tar", "tar_at_far_0", "tar_at_far_2", "precision_at_1", None, "x_0.1"):
        with pytest.raises(ValueError, match="figure to be auc, eer"):
            result.interval(wrong)


def test_error_rates_have_intervals_where_there_are_impostors_enough():
    x, labels = clustered(60, 6)
    result = evaluation.verification(x, labels)
    stored = result.to_dict()["intervals"]
    for rate in ("0.1", "0.01"):
        low, high = stored[f"tar_at_far_{rate}"]
        assert low <= result.figures()[f"tar_at_far_{rate}"] <= high
        assert stored[f"fnmr_at_fmr_{rate}"] == [1 - high, 1 - low]
        assert f"TAR@FAR {rate}" in result.summary()
        assert f"(95 % interval {low:.4f} to {high:.4f})" in result.summary()
    assert result.num_negatives < 1e4
    assert "tar_at_far_0.0001" not in stored
