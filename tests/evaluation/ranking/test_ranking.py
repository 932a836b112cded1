"""Ranking of a catalogue against a plain loop in float64."""

import json
from math import log2

import numpy as np
import pytest

from tfmetric.evaluation import ranking, ranking_of_scores
from tfmetric.evaluation.ranking import link_ranks

KS = (1, 3, 10, 40)


def oracle(distances, relevant, exclude, ks):
    """Means of all figures; `relevant` is {(query, candidate): gain}."""
    rows = []
    for q in range(len(distances)):
        gains = {j: gain for (i, j), gain in relevant.items() if i == q}
        if not gains:
            continue
        kept = [j for j in range(distances.shape[1]) if (q, j) not in exclude]
        # Irrelevant candidates first at a tie, then the lower gain.
        kept.sort(key=lambda j: (distances[q, j], gains.get(j, 0.0)))
        hits = [rank for rank, j in enumerate(kept, 1) if j in gains]
        precision = {rank: place / rank for place, rank in enumerate(hits, 1)}
        best = sorted(gains.values(), reverse=True)
        row = {"map": sum(precision.values()) / len(gains), "mrr": 1 / hits[0]}
        for k in ks:
            first = [rank for rank in hits if rank <= k]
            ideal = sum(g / log2(i + 1) for i, g in enumerate(best[:k], 1))
            row |= {
                f"recall_at_{k}": len(first) / len(gains),
                f"hit_rate_at_{k}": float(bool(first)),
                f"precision_at_{k}": len(first) / k,
                f"map_at_{k}": sum(precision[rank] for rank in first) / min(k, len(gains)),
                f"mrr_at_{k}": 1 / first[0] if first else 0.0,
                f"ndcg_at_{k}": sum(gains[kept[r - 1]] / log2(r + 1) for r in first) / ideal,
            }
        rows.append(row)
    return {name: np.mean([row[name] for row in rows]) for name in rows[0]}, len(rows)


def random_case(seed, queries=17, candidates=30, levels=6):
    """Coarse scores, so that there are ties, with some queries without any relevant candidate."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (queries, candidates)).astype("float64")
    drawn = rng.random((queries, candidates))
    drawn[::5] = 1.0
    drawn[1, :] = np.where(np.arange(candidates) < 20, 0.0, 1.0)  # More than a few.
    relevant = {(int(i), int(j)): float(rng.integers(1, 4)) for i, j in np.argwhere(drawn < 0.15)}
    exclude = {(int(i), int(j)) for i, j in np.argwhere((drawn > 0.8) & (drawn < 1.0))}
    return scores, relevant, exclude


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [2**25, 500])
def test_figures_are_those_of_a_plain_loop(seed, block, monkeypatch):
    monkeypatch.setattr(link_ranks, "_BLOCK_BYTES", block)
    scores, relevant, exclude = random_case(seed)
    links, gains = list(relevant), list(relevant.values())
    got = ranking_of_scores(scores, links, exclude=list(exclude), gains=gains, ks=KS)
    want, count = oracle(-scores, relevant, exclude, KS)
    assert got.figures().keys() == want.keys()
    for name, value in got.figures().items():
        assert value == pytest.approx(want[name], abs=1e-12), name
    assert (got.num_queries, got.num_left_out) == (count, 17 - count)
    assert got.num_excluded == len(exclude)
    by_query: dict[int, dict[int, float]] = {}
    for (i, j), gain in relevant.items():
        by_query.setdefault(i, {})[j] = gain
    again = ranking_of_scores(
        lambda places: scores[places], by_query, shape=scores.shape, exclude=list(exclude), ks=KS
    )
    assert again.to_json() == got.to_json()


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "inner_product"])
def test_embeddings_are_ranked_by_their_distance(distance):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(25, 4))
    relevant = {(i, (3 * i + j) % 25): 1.0 for i in range(9) for j in range(i % 4)}
    if distance == "euclidean":
        d = np.linalg.norm(x[:, None] - y[None], axis=-1)
    else:
        d = -(x @ y.T)
        if distance == "cosine":
            d = d / np.linalg.norm(x, axis=1)[:, None] / np.linalg.norm(y, axis=1)
    got = ranking(x, y, np.array(list(relevant)), ks=KS, distance=distance)
    want, _ = oracle(d, relevant, set(), KS)
    assert got.figures() == pytest.approx(want, abs=1e-12)
    assert distance.split("_")[0] in got.summary()


def test_collapsed_embeddings_get_the_worst_figures():
    got = ranking(np.ones((3, 2)), np.ones((8, 2)), [[0, 0], [0, 1], [2, 7]], ks=(1, 5, 7, 8))
    assert got.recall_at == {1: 0.0, 5: 0.0, 7: 0.25, 8: 1.0}
    assert got.mrr == pytest.approx((1 / 7 + 1 / 8) / 2)
    assert got.coverage_at == {1: 1 / 8, 5: 5 / 8, 7: 7 / 8, 8: 1.0}


@pytest.mark.parametrize(
    ("scores", "relevant", "exclude", "recall"),
    [
        ([[3.0]], [[0, 0]], None, 1.0),  # One candidate in all.
        ([[3.0, 4.0]], [[0, 0], [0, 1]], None, 1.0),  # All are relevant.
        ([[3.0, 4.0, 5.0]], [[0, 0]], [[0, 1], [0, 2]], 1.0),  # All others are excluded.
        ([[3.0, 4.0]], np.zeros((0, 2), int), None, np.nan),  # Nothing is relevant.
        (np.zeros((0, 2)), [], None, np.nan),  # No query.
    ],
)
def test_degenerate_input(scores, relevant, exclude, recall):
    got = ranking_of_scores(
        scores,
        relevant,
        exclude=exclude,
        ks=(2, 9),
        popularity=[1] * len(scores[0]) if len(scores) else [1, 0],
    )
    np.testing.assert_equal(got.recall_at, {2: recall, 9: recall})
    assert json.loads(got.to_json())["recall_at_9"] == (None if np.isnan(recall) else recall)
    assert "Ranking: " in got.summary()


def test_popularity_and_cold_candidates():
    # Ten candidates, the first most popular; the last two are cold.
    popularity = np.array([9, 8, 7, 6, 5, 4, 3, 2, 0, 0])
    scores = np.stack([np.arange(10.0), -np.arange(10.0)])  # One likes the cold, one the popular.
    got = ranking_of_scores(scores, [[0, 9], [0, 2], [1, 8]], ks=(1, 2), popularity=popularity)
    assert got.cold.num_queries == 2
    assert got.cold.recall_at == {1: 0.5, 2: 0.5}
    assert got.cold.ranks.tolist() == [1, 9]
    shares = got.by_popularity(2, parts=5)
    np.testing.assert_allclose(shares.recommended, [0.5, 0, 0, 0, 0.5])
    np.testing.assert_allclose(shares.relevant, [0, 1 / 3, 0, 0, 2 / 3])
    np.testing.assert_allclose(shares.training, np.array([17, 13, 9, 5, 0]) / 44)
    assert "2 of 3 relevant links" in got.summary()
    with pytest.raises(ValueError, match="popularity="):
        ranking_of_scores(scores, [[0, 9]]).by_popularity()


def test_groups_worst_and_paired_differences():
    rng = np.random.default_rng(0)
    links = np.stack([np.arange(60), rng.integers(0, 20, 60)], axis=1)
    good = rng.normal(size=(60, 20))
    good[links[:, 0], links[:, 1]] += 2.0
    good, bad = (
        ranking_of_scores(scores, links, ks=5) for scores in (good, rng.normal(size=(60, 20)))
    )
    difference, low, high = good.difference(bad, "recall_at_5")
    assert difference == pytest.approx(good.recall_at[5] - bad.recall_at[5])
    assert 0 < low < difference < high
    mean, (low, high) = good.recall_at[5], good.interval("recall_at_5")
    assert (high - low) == pytest.approx(2 * 1.96 * np.sqrt(mean * (1 - mean) / 60), rel=0.15)
    table = good.by_group(np.arange(60) % 2, "recall_at_5", small=5)
    assert table[0].value == pytest.approx(good.values("recall_at_5")[::2].mean())
    assert set(good.values("mrr")[np.isin(good.query, good.worst(3, "mrr"))]) == set(
        np.sort(good.values("mrr"))[:3]
    )
    with pytest.raises(ValueError, match="same queries"):
        good.difference(ranking_of_scores(rng.normal(size=(5, 20)), links[:5], ks=5), "mrr")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"relevant": [[0, 5]]}, r"one of 4 candidates.*link=\[0, 5\]"),
        ({"relevant": [[-1, 0]]}, "one of 3 queries"),
        ({"relevant": [[0, 1], [0, 1]]}, "each link of relevant once"),
        ({"relevant": [[0, 1.5]]}, "whole numbers of shape"),
        ({"relevant": [[0, 1], [2]]}, "whole numbers of shape"),
        ({"relevant": [[0, 1]], "exclude": [[0, 1]]}, "relevant links that are not excluded"),
        ({"relevant": [[0, 1]], "gains": [0.0]}, "finite gains above 0"),
        ({"relevant": [[0, 1]], "gains": [1.0, 2.0]}, r"gains of shape \(1,\)"),
        ({"relevant": {0: {1: np.nan}}}, "finite gains above 0"),
        ({"relevant": {0: [1]}, "gains": [1.0]}, "gains in the mapping"),
        ({"relevant": {0: 1}}, "to lists of candidates"),
        ({"relevant": "ab"}, "whole numbers of shape"),
        ({"relevant": [[0, 1]], "shape": 3}, "shape as"),
        ({"relevant": {0: [1], 1: {2: 1.0}}}, "for all queries, or for none"),
        ({"relevant": [[0, 1]], "popularity": [1, 2]}, r"popularity of shape \(4,\)"),
        ({"relevant": [[0, 1]], "ks": 0}, "ks to be one or more integers"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        ranking_of_scores(np.zeros((3, 4)), **arguments)


def test_bad_embeddings_and_scores():
    with pytest.raises(ValueError, match="query_embeddings without NaN"):
        ranking([[np.nan, 0.0]], [[0.0, 1.0]], [[0, 0]])
    with pytest.raises(ValueError, match="of the same width"):
        ranking([[0.0]], [[0.0, 1.0]], [[0, 0]])
    with pytest.raises(ValueError, match="places of candidates below 2"):
        ranking_of_scores([[1.0, 0.0]], [[0, 1]]).among([2])
    with pytest.raises(ValueError, match="finite scores"):
        ranking_of_scores([[np.inf, 0.0]], [[0, 1]])
    with pytest.raises(ValueError, match=r"scores of shape \(1, 2\)"):
        ranking_of_scores(lambda places: np.zeros((1, 3)), [[0, 1]], shape=(1, 2))
