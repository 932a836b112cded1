"""Baselines of recommendation, against their definitions and on real ratings."""

from pathlib import Path

import numpy as np
import pytest

from tfmetric import datasets
from tfmetric.evaluation import (
    ease_scores,
    ials_scores,
    item_knn_scores,
    popularity_scores,
    ranking_of_scores,
)
from tfmetric.evaluation.ranking import baselines

RATINGS = Path(__file__).parents[4] / "shared/data/movielens_small/ratings.csv"
SHAPE = (12, 9)
X = (np.random.default_rng(0).random(SHAPE) < 0.3).astype("float64")
X[:, 4] = 0.0  # No user has this item.
LINKS = np.argwhere(X)
ALL = np.arange(12)


def test_popularity_counts_links():
    np.testing.assert_array_equal(popularity_scores(LINKS, SHAPE)(ALL), np.tile(X.sum(0), (12, 1)))


@pytest.mark.parametrize("neighbors", [2, 100])
def test_item_knn_sums_the_cosines_of_the_nearest_items(neighbors, monkeypatch):
    length = np.maximum(np.linalg.norm(X, axis=0), 1e-12)
    cosine = (X / length).T @ (X / length)
    np.fill_diagonal(cosine, 0.0)
    for row in cosine:
        row[np.argsort(-row, kind="stable")[neighbors:]] = 0.0
    monkeypatch.setattr(baselines, "_ITEMS", 4)
    found = item_knn_scores(LINKS, SHAPE, neighbors=neighbors)(ALL)
    if neighbors > 9:
        np.testing.assert_allclose(found, X @ cosine.T, atol=1e-12)
    assert found.shape == SHAPE
    assert not found[:, 4].any()


def test_ease_is_the_least_squares_solution_with_a_zero_diagonal():
    found = ease_scores(LINKS, SHAPE, regularization=0.7)(ALL)
    for item in range(9):
        others = np.delete(np.arange(9), item)
        part = X[:, others]
        weights = np.linalg.solve(part.T @ part + 0.7 * np.eye(8), part.T @ X[:, item])
        np.testing.assert_allclose(found[:, item], part @ weights, atol=1e-9)


def test_ials_is_at_a_stationary_point_of_its_objective():
    settings = {"dim": 3, "regularization": 0.1, "unobserved_weight": 0.2}
    found = ials_scores(LINKS, SHAPE, iterations=300, **settings)(ALL)
    again = ials_scores(LINKS, SHAPE, iterations=301, **settings)(ALL)
    np.testing.assert_allclose(found, again, atol=1e-6)
    # One factor by hand: for one user and item, u = v = x with x(1 + w)x + λ(1 + w)x = x.
    one = ials_scores([[0, 0]], (1, 1), dim=1, regularization=0.1, unobserved_weight=0.2)([0])
    assert one[0, 0] == pytest.approx((1 - 0.1 * 1.2) / 1.2, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (item_knn_scores, {"neighbors": 0}),
        (ease_scores, {"regularization": 0.0}),
        (ials_scores, {"dim": 0}),
        (ials_scores, {"unobserved_weight": 0.0}),
    ],
)
def test_bad_arguments(make, arguments):
    with pytest.raises(ValueError, match=f"Expected .*{next(iter(arguments))}"):
        make(LINKS, SHAPE, **arguments)
    with pytest.raises(ValueError, match="one of 9 candidates"):
        make([[0, 9]], SHAPE)


@pytest.mark.skipif(not RATINGS.exists(), reason="needs ../shared/data/movielens_small")
def test_seen_items_must_be_left_out_of_the_ranking_of_real_ratings():
    columns = {"user": "userId", "item": "movieId", "time": "timestamp", "rating": "rating"}
    _, test = datasets.load_interactions(RATINGS, **columns, at_least=4, split="leave_last")
    shape = len(test.left), len(test.right)
    assert shape == (608, 6298)
    recalls = []
    for make in (popularity_scores, item_knn_scores):
        for exclude in (test.seen, None):
            scores = make(test.seen, shape)
            found = ranking_of_scores(
                scores, test.links, shape=shape, exclude=exclude, ks=(10, 50), progress=False
            )
            recalls.append([found.recall_at[10], found.recall_at[50]])
    np.testing.assert_allclose(
        recalls,
        [[0.0395, 0.1234], [0.0296, 0.1069], [0.0789, 0.2286], [0.0329, 0.1628]],
        atol=0.005,
    )
