import copy
import dataclasses
import json

import numpy as np
import pytest
from keras import ops
from support.retrieval import oracle

from tfmetric.evaluation import retrieval
from tfmetric.evaluation.distances import nearest_order, smallest_in_rows
from tfmetric.evaluation.retrieval import ranks
from tfmetric.evaluation.statistics.class_bootstrap import mean_interval

KS = (1, 2, 5, 40)


def check(x, labels, *gallery, **arguments):
    got = retrieval(x, labels, *gallery, ks=KS, **arguments)
    want, left_out = oracle(np.asarray(x), np.asarray(labels), *gallery, ks=KS, **arguments)
    assert got.num_left_out == left_out
    assert got.num_queries == len(x) - left_out
    assert got.figures().keys() == want.keys()
    for name, value in got.figures().items():
        np.testing.assert_allclose(value, want[name], atol=1e-12, err_msg=name)
    return got


def normal(count, width=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width)).astype("float32")


def classes(count, number, seed=1):
    return np.random.default_rng(seed).integers(0, number, count)


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "inner_product", "manhattan"])
@pytest.mark.parametrize("number", [2, 7, 25])
def test_random_embeddings(distance, number):
    check(normal(60), classes(60, number), distance=distance)


@pytest.mark.parametrize("distance", ["euclidean", "manhattan", "inner_product"])
def test_integer_embeddings_full_of_ties(distance):
    x = np.random.default_rng(3).integers(0, 3, (70, 4)).astype("float32")
    check(x, classes(70, 6), distance=distance)


def test_queries_and_gallery_apart():
    check(normal(20), classes(20, 9), normal(50, seed=5), classes(50, 7, seed=6))


@pytest.mark.parametrize("spread", [0.3, 3.0])
@pytest.mark.parametrize("order", ["random", "by class", "in turn"])
def test_rows_too_long_to_sort(spread, order):
    """So many references that only the smallest of a row are looked at, found by a sample."""
    labels = {"random": classes(3100, 400), "in turn": np.arange(3100) % 62}.get(order)
    labels = np.sort(classes(3100, 400)) if labels is None else labels
    centres = normal(400, 3, seed=4)
    x = centres[labels] + spread * normal(3100, 3, seed=5)
    x = np.round(x * 16) / 16  # Some exact ties.
    got = retrieval(x, labels, ks=KS, queries=np.arange(0, 3100, 50))
    want, _ = oracle(x, labels, ks=KS, queries=range(0, 3100, 50))
    for name, value in got.figures().items():
        np.testing.assert_allclose(value, want[name], atol=1e-12, err_msg=name)


def test_a_sample_that_misleads_changes_nothing():
    # Any value where the bound of a row is sampled is far away, then near.
    for far in (True, False):
        x = np.where((np.arange(5000) % smallest_in_rows._STRIDE == 0) == far, 9.0, 0.0)[:, None]
        x = x + np.random.default_rng(0).random((5000, 1))
        labels = np.arange(5000) % 1000
        part = retrieval(x, labels, ks=KS, queries=[1, 2, 31, 32])
        want, _ = oracle(x, labels, ks=KS, queries=[1, 2, 31, 32])
        assert part.figures() == pytest.approx(want, abs=1e-12)


def test_small_blocks_give_the_same_as_one(monkeypatch):
    x, labels = normal(50), classes(50, 5)
    one = retrieval(x, labels)
    monkeypatch.setattr(ranks, "_BLOCK_BYTES", 8 * 50 * 7)
    assert retrieval(x, labels).figures() == one.figures()


@pytest.mark.parametrize("width", [1, 3, 16, 64, 129])
@pytest.mark.parametrize("distance", ["euclidean", "cosine", "inner_product", "manhattan"])
def test_a_collapsed_embedding_scores_at_its_worst(width, distance):
    count = 203
    x = np.tile(normal(1, width), (count, 1))
    labels = np.arange(count) % 29
    got = retrieval(x, labels, distance=distance)
    r = got.per_query.num_relevant
    np.testing.assert_array_equal(got.per_query.first_rank, count - r)
    assert got.recall_at[10] == got.map_at_r == got.r_precision == 0.0


@pytest.mark.parametrize("width", [3, 64, 100])
def test_exact_duplicates_tie_wherever_they_stand(width):
    # Each vector occurs in both classes: the nearest is always a tie of a hit and misses.
    base = normal(37, width)
    x = np.concatenate([base, base, base])
    labels = np.concatenate([np.zeros(37), np.ones(37), np.zeros(37)]).astype(int)
    got = check(x, labels)
    assert got.recall_at[1] == 0.0
    order = np.random.default_rng(0).permutation(len(x))
    shuffled = retrieval(x[order], labels[order], ks=KS)
    for name, value in got.figures().items():
        np.testing.assert_allclose(shuffled.figures()[name], value, atol=1e-12)


def test_parallel_vectors_tie_under_cosine():
    x = np.outer([1, 3, 7, 0.1], normal(1)[0]).astype("float64")
    assert retrieval(x, [0, 0, 1, 1], distance="cosine").recall_at[1] == 0.0


def test_the_query_set_in_another_order_as_gallery_finds_itself():
    x, labels = normal(40), classes(40, 6)
    order = np.random.default_rng(2).permutation(40)
    got = check(x, labels, x[order], labels[order])
    assert got.recall_at[1] == 1.0
    assert got.num_left_out == 0


def test_one_class_is_found_and_no_relevant_item_is_left_out():
    assert check(normal(6), np.zeros(6, int)).map_at_r == 1.0
    lonely = check(normal(6), np.arange(6))
    assert lonely.num_queries == 0
    assert np.isnan(lonely.map_at_r)
    assert json.loads(lonely.to_json())["map_at_r"] is None
    assert "0 queries among 6" in lonely.summary()


def test_labels_that_floats_cannot_tell_apart():
    x = np.array([[0.0], [1.0], [10.0], [11.0]])
    for base, dtype in [(2**24, "int32"), (2**62, "int64"), (2**64 - 2, "uint64")]:
        labels = np.array([base, base + 1, base, base + 1], dtype)
        assert retrieval(x, labels).recall_at[1] == 0.0
    assert retrieval(x, np.array([-5, -5, 3, 3])).recall_at[1] == 1.0
    # int64 beside uint64 would become float64 if NumPy put them together.
    got = retrieval(
        x,
        np.full(4, 2**62 + 1, "int64"),
        x + 1,
        np.array([2**62, 2**62 + 1, 2**62, 2**62], "uint64"),
    )
    assert got.per_query.num_relevant.tolist() == [1, 1, 1, 1]
    assert retrieval(x, np.array(["a", "a", "b", "b"])).recall_at[1] == 1.0
    assert retrieval(x, np.array([[0.0], [0.0], [1.0], [1.0]])).recall_at[1] == 1.0


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e25])
def test_the_scale_of_the_embeddings_does_not_matter(scale):
    x, labels = normal(40).astype("float64"), classes(40, 4)
    want = retrieval(x, labels).figures()
    for name, value in retrieval((x * scale).astype("float32"), labels).figures().items():
        np.testing.assert_allclose(value, want[name], atol=1e-12)


def test_a_common_offset_does_not_hide_the_differences():
    x, labels = np.round(normal(40) * 64) / 64, classes(40, 4)
    assert retrieval(x + 4096, labels).figures() == retrieval(x, labels).figures()


def test_images_of_bytes_are_compared_exactly():
    x = np.random.default_rng(0).integers(0, 256, (40, 1024)).astype("uint8")
    x[20:] = np.minimum(x[:20].astype(int) + 1, 255)
    check(x, classes(40, 4))
    check(x[:, :300].repeat(4, axis=1), classes(40, 4))


def test_a_function_as_distance():
    def chebyshev(a, b):
        return ops.max(ops.abs(a - b), axis=-1)

    x = np.array([[0.0, 0.0], [0.9, 0.9], [1.0, 0.0], [5.0, 5.0]])
    got = retrieval(x, [0, 0, 1, 1], distance=chebyshev)
    assert got.distance == "chebyshev"
    assert got.per_query.first_rank.tolist() == [1, 2, 3, 3]  # Queries 1 and 3 have a tie.


def test_a_distance_that_is_not_finite_is_an_error():
    def broken(a, b):
        return ops.sum(a - b, axis=-1) * np.inf

    with pytest.raises(ValueError, match="Expected a distance that is finite"):
        retrieval(normal(4), [0, 0, 1, 1], distance=broken)


def test_a_sample_of_queries_searches_all_gallery():
    x, labels = normal(50), classes(50, 6)
    whole, part = retrieval(x, labels), retrieval(x, labels, queries=[7, 3, 40])
    assert part.num_gallery == 50
    assert part.per_query.query.tolist() == [7, 3, 40]
    np.testing.assert_array_equal(part.values("map_at_r"), whole.values("map_at_r")[[7, 3, 40]])


def test_the_result_cannot_be_changed_and_says_what_it_is():
    got = retrieval(normal(30), classes(30, 3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        got.ks = (2,)
    with pytest.raises(ValueError, match="read-only"):
        got.per_query.first_rank[0] = 3
    assert copy.deepcopy(got).figures() == got.figures()
    assert {"recall@1", "MAP@R", "95"} <= set(got.summary().replace("(", " ").split())
    low, high = got.interval("recall_at_1")
    assert 0 <= low <= got.recall_at[1] <= high <= 1
    assert got.to_dict()["num_gallery"] == 30
    with pytest.raises(ValueError, match="Expected figure to be one of recall_at_1"):
        got.interval("recall_at_3")


def test_the_interval_widens_when_classes_hang_together():
    values = np.repeat([0.0, 1.0] * 10, 50)
    grouped = mean_interval(values, np.repeat(np.arange(20), 50))
    independent = mean_interval(values, np.arange(1000))
    assert grouped[1] - grouped[0] > 5 * (independent[1] - independent[0])
    # The textbook standard error of 1000 independent values.
    half = 1.96 * values.std(ddof=1) / np.sqrt(1000)
    np.testing.assert_allclose(independent, (0.5 - half, 0.5 + half), atol=1e-5)


def test_negative_zero_is_zero():
    x = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 1.0]], "float32")
    block = nearest_order.ordering("euclidean", x, x)(np.arange(3))
    np.testing.assert_array_equal(block, block[:1].repeat(3, axis=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.0], [np.nan], [np.inf]], [0, 0, 0]), "2 of 3 rows have some: rows 1, 2"),
        (([0.0, 1.0], [0, 1]), "numbers of shape"),
        (([[0.0], [1.0]], [0, 1, 2]), "labels of shape"),
        (([[0.0], [1.0]], [0.5, 1.0]), "whole numbers"),
        (([[0.0], [1.0]], [None, 1]), "without missing values"),
        (([[0.0], [1.0]], [0, 1], [[1.0]]), "or neither"),
        (([[0.0], [1.0]], [0, 1], [[1.0, 2.0]], [1]), "same width"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        retrieval(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distance": "far"}, "distance to be one of"),
        ({"ks": (0,)}, "ks to be"),
        ({"queries": [2]}, "queries to be in"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        retrieval([[0.0], [1.0]], [0, 1], **arguments)


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ("reference_embeddings", "gallery"),
        ("reference_labels", "gallery_labels"),
        ("reference_items", "gallery_items"),
        ("reference_cameras", "gallery_cameras"),
    ],
)
def test_a_former_name_is_answered_with_the_present_one(former, present):
    with pytest.raises(TypeError, match=f"{present}=, the present name of {former}="):
        retrieval([[0.0]], [0], **{former: [[1.0]]})


def test_the_queries_once_more_are_no_gallery():
    x, labels = np.arange(8.0)[:, None], np.arange(8) % 2
    for gallery in (x, x.copy()):
        with pytest.raises(ValueError, match="a gallery that differs from the queries"):
            retrieval(x, labels, gallery, labels)
    # A collapsed embedding has equal rows on both sides, and is to be judged.
    alike = np.zeros((8, 2))
    assert retrieval(alike, labels, alike.copy(), labels).recall_at[1] == 0.0


def test_queries_that_are_in_the_gallery_too_are_counted():
    x, labels = np.arange(8.0)[:, None], np.arange(8) % 2
    result = retrieval(x[:3].astype("float32"), labels[:3], x, labels, ks=1)
    assert result.recall_at[1] == 1.0
    assert "3 of 3 queries have an identical row in the gallery" in result.summary()
    ids = np.arange(8)
    result = retrieval(x[:3], labels[:3], x, labels, ks=1, items=ids[:3], gallery_items=ids)
    assert result.recall_at[1] == 0.0
    assert retrieval(x + 0.5, labels, x, labels).notes == ()
    assert result.to_dict()["protocol"] == "against a gallery of 8 examples"
    assert retrieval(x, labels).protocol == "among 8 examples, each among all others"


def test_a_function_with_the_name_of_a_builtin_is_not_taken_for_it():
    def euclidean(x, y):
        return -ops.sum(ops.square(x - y), axis=-1)

    x, labels = [[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1]
    assert retrieval(x, labels, ks=(1,)).recall_at[1] == 1.0
    assert retrieval(x, labels, distance=euclidean, ks=(1,)).recall_at[1] == 0.0


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["a", "a", "é", "é"], object),
        np.array([b"a", b"a", "é".encode(), "é".encode()], object),
        np.array(["a", "a", "é", "é"], np.dtypes.StringDType()),
        np.array([["a"], ["a"], ["é"], ["é"]], object),
    ],
)
def test_columns_of_text_are_labels(labels):
    x = [[0.0], [0.1], [5.0], [5.1]]
    assert retrieval(x, labels, ks=1).recall_at == {1: 1.0}
    assert (
        retrieval(x, labels, np.add(x, 1), ["a", "a", "é", "é"], ks=np.int64(1)).num_left_out == 0
    )


def test_columns_of_anything_else_are_an_error():
    with pytest.raises(ValueError, match=r"without missing values.*row=1"):
        retrieval([[0.0], [0.1]], np.array(["a", None], object))
