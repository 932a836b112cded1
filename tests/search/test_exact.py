"""Exact search against the definition."""

import numpy as np
import pytest
from support.search import neighbours

from tfmetric.search import ExactIndex, products
from tfmetric.search.scan import scan

RNG = np.random.default_rng(0)
PLAIN = ("euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan")
CLOUDS = {
    "normal": RNG.normal(size=(300, 7)),
    "whole numbers": RNG.integers(-1, 2, (300, 4)),
    "one point": np.ones((200, 5)),
    "two points": np.repeat([[0.0, 1.0], [1.0, 0.0]], 90, axis=0),
    "nearly one point": 3 + 1e-6 * RNG.normal(size=(200, 4)),
    "huge": 1e17 * RNG.normal(size=(100, 4)),
    "tiny": 1e-30 * RNG.normal(size=(100, 4)),
}


def filled(index, x, ids=None):
    index.add(x, np.arange(len(x)) if ids is None else ids)
    return index


@pytest.mark.filterwarnings(
    "ignore:overflow encountered:RuntimeWarning"
)  # The product of the oracle.
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("distance", PLAIN)
def test_neighbours_and_ties_by_the_definition(distance, cloud):
    x = CLOUDS[cloud].astype(np.float32)
    queries = np.concatenate([x[:6], x[50:52] * np.float32(1.5), np.zeros_like(x[:1])])
    index = filled(ExactIndex(distance), x)
    ids, found = index.query(queries, 10)
    places, expected = neighbours(queries, x, distance, 10)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    if distance == "cosine":  # float64 rounding of the oracle decides between parallel vectors.
        again = [
            [neighbours([q], x[[i]], distance, 1)[1][0, 0] for i in row]
            for q, row in zip(queries, ids, strict=True)
        ]
        np.testing.assert_allclose(again, expected, rtol=1e-6, atol=1e-7)
    else:
        np.testing.assert_array_equal(ids, places)


def test_the_answer_does_not_depend_on_what_else_is_asked(monkeypatch):
    x = RNG.integers(-2, 3, (3000, 6)).astype(np.float32)
    queries = RNG.integers(-2, 3, (600, 6)).astype(np.float32)
    index = filled(ExactIndex("cosine"), x)
    ids, found = index.query(queries, 12)
    for batch in (1, 7):
        own_ids, own_found = index.query(queries[:batch], 12)
        np.testing.assert_array_equal(own_ids, ids[:batch])
        np.testing.assert_array_equal(own_found, found[:batch])
    # With float32 giving up at once, float64 finds the same.
    monkeypatch.setattr(products, "_LARGEST", 0.0)
    np.testing.assert_array_equal(index.query(queries[:9], 12).ids, ids[:9])


def test_collapsed_embeddings_are_found_in_the_order_they_came():
    x = np.ones((5000, 8), np.float32)
    index = filled(ExactIndex("euclidean"), x)
    assert index.query(x[:3], 4).ids.tolist() == [[0, 1, 2, 3]] * 3
    index.remove([0, 2])
    assert index.query(x[:1], 3).ids.tolist() == [[1, 3, 4]]


@pytest.mark.parametrize("storage", ["float16", "int8"])
@pytest.mark.parametrize("distance", PLAIN)
def test_compressed_is_exact_to_what_is_kept(distance, storage):
    x = RNG.normal(size=(200, 9)).astype(np.float32)
    x[7] = 0
    kept = x.astype(np.float16).astype(np.float32)
    if storage == "int8":
        largest = np.abs(x).max(axis=1, keepdims=True)
        scale = (largest / 127).astype(np.float32)
        kept = np.rint(x / np.where(largest == 0, 1, largest).astype(np.float64) * 127)
        kept = kept.astype(np.float32) * scale
        assert (np.abs(kept - x) <= largest / 254 * 1.0001).all()
    ids, found = filled(ExactIndex(distance, storage), x).query(x[:5], 6)
    places, expected = neighbours(x[:5], kept, distance, 6)
    np.testing.assert_array_equal(ids, places)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("width", [3, 64, 100])
def test_binary_is_the_share_of_bits_that_differ(width):
    x = RNG.normal(size=(250, width)).astype(np.float32)
    x[:, 0] = 0
    index = filled(ExactIndex("hamming", "binary"), x)
    ids, found = index.query(-x[:5], 7)
    places, expected = neighbours(-x[:5], x, "hamming", 7)
    np.testing.assert_array_equal(ids, places)
    np.testing.assert_array_equal(found, expected)
    full = filled(ExactIndex("hamming"), (x > 0.5).astype(np.float32))
    again = full.query((-x[:5] > 0.5).astype(np.float32), 7).distances
    np.testing.assert_allclose(again, expected, atol=1e-6)
    assert index.nbytes == 250 * 8 * -(-width // 64)


@pytest.mark.parametrize("distance", ["cosine", "manhattan"])
def test_rescored_candidates_have_their_true_distances(distance):
    x = RNG.normal(size=(200, 16)).astype(np.float32)
    index = filled(ExactIndex(distance, "binary", rescore="float32", oversample=20), x)
    ids, found = index.query(x[:4], 10)  # 200 candidates: all.
    places, expected = neighbours(x[:4], x, distance, 10)
    np.testing.assert_array_equal(ids, places)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    narrow = filled(ExactIndex(distance, "binary", rescore="int8", oversample=1), x)
    assert (narrow.query(x[:4], 1).ids[:, 0] == np.arange(4)).all()


def test_a_users_distance_and_that_of_a_loss():
    import tfmetric as tm

    def half(x, y):
        return tm.distances.get("manhattan").paired(x, y) / 2

    x = RNG.normal(size=(50, 3)).astype(np.float32)
    places, expected = neighbours(x[:4], x, "manhattan", 3)
    ids, found = filled(ExactIndex(half), x).query(x[:4], 3)
    np.testing.assert_array_equal(ids, places)
    np.testing.assert_allclose(found, expected / 2, rtol=1e-5, atol=1e-7)
    assert ExactIndex(tm.TripletLoss(distance="cosine").distance).distance == "cosine"
    with pytest.raises(ValueError, match="a distance with a name"):
        filled(ExactIndex(half), x).save("nowhere.npz")


@pytest.mark.parametrize("storage", ["float32", "float16", "int8", "binary"])
def test_later_changes_of_the_array_that_was_added_change_nothing(storage):
    x = np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)
    index = filled(ExactIndex("euclidean" if storage != "binary" else "hamming", storage), x)
    before = index.query(x[:3], 5)
    queries = x[:3].copy()
    x[:] = 7.0
    after = index.query(queries, 5)
    np.testing.assert_array_equal(after.ids, before.ids)
    np.testing.assert_array_equal(after.distances, before.distances)


def test_k_is_clipped_and_an_empty_index_finds_nothing():
    index = ExactIndex()
    assert len(index) == 0
    assert index.dim is None
    assert index.query([[1.0, 2.0]], 3).ids.shape == (1, 0)
    index.add([[0.0, 0.0], [1.0, 0.0]], [5, 6])
    assert index.query([[1.0, 0.0]], 99).ids.tolist() == [[6, 5]]
    assert index.query(np.empty((0, 2)), 1).ids.shape == (0, 1)
    index.remove([6, 5, 6])
    assert len(index) == 0
    assert index.query([[1.0, 2.0]], 3).distances.shape == (1, 0)


def test_added_piece_by_piece_is_as_at_once():
    x = RNG.normal(size=(90, 4)).astype(np.float32)
    for storage in ("float32", "int8"):
        whole, parts = filled(ExactIndex("cosine", storage), x), ExactIndex("cosine", storage)
        for i in range(0, 90, 7):
            parts.add(x[i : i + 7], np.arange(90)[i : i + 7])
        parts.remove(np.arange(10, 20))
        parts.add(x[10:20], np.arange(10, 20))
        np.testing.assert_array_equal(parts.query(x, 5).ids, whole.query(x, 5).ids)
    x[:] = 0  # What the caller does later is nothing to the index.
    assert whole.query(np.ones((1, 4)), 1).distances[0, 0] < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"storage": "float8"}, "storage to be one of"),
        ({"distance": "cosinus"}, "distance to be one of"),
        ({"storage": "binary"}, 'distance="hamming"'),
        ({"rescore": "int8"}, "rescore to be one of"),
        ({"storage": "binary", "rescore": "int8", "oversample": 0}, "oversample"),
    ],
)
def test_arguments_that_do_not_go_together(arguments, message):
    with pytest.raises(ValueError, match=message):
        ExactIndex(**arguments)


def test_float16_says_what_it_cannot_hold():
    index = ExactIndex(storage="float16")
    with pytest.raises(ValueError, match="65504"):
        index.add([[1e5]], [0])
    assert len(index) == 0


@pytest.mark.parametrize("k", [1, 3, 40, 2500])
def test_a_scan_keeps_the_first_of_equal_values_and_the_k_smallest(k):
    for table in (RNG.integers(0, 5, (3, 2500)).astype(np.int16), RNG.normal(size=(3, 2500))):
        (row, column, _), _ = scan(lambda where, table=table: table[:, where], 3, 2500, k)
        expected = np.argsort(table, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(column.reshape(3, k), expected)
        np.testing.assert_array_equal(row.reshape(3, k)[:, 0], [0, 1, 2])
