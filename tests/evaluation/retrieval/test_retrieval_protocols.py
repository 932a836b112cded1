"""Protocols that ignore gallery examples, distractors, and the views on a result."""

import json

import numpy as np
import pytest
from support.retrieval import oracle

from tfmetric.evaluation import bootstrap_interval, retrieval
from tfmetric.evaluation.retrieval import ranks

RNG = np.random.default_rng(7)
X, OTHERS = (RNG.integers(0, 5, (count, 3)).astype("float32") for count in (40, 55))
LABELS, OTHER_LABELS = RNG.integers(0, 6, 40), RNG.integers(0, 9, 55)
ITEMS, OTHER_ITEMS = RNG.integers(0, 12, 40), RNG.integers(0, 15, 55)
CAMERAS, OTHER_CAMERAS = RNG.integers(0, 3, 40), RNG.integers(0, 4, 55)


def check(got, want, left_out):
    assert got.num_left_out == left_out
    for name, value in got.figures().items():
        np.testing.assert_allclose(value, want[name], atol=1e-12, err_msg=name)


@pytest.mark.parametrize("which", ["items", "cameras", "both"])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("rows_a_block", [1000, 3])
def test_ignored_gallery_are_as_if_not_there(which, apart, rows_a_block, monkeypatch):
    monkeypatch.setattr(ranks, "_BLOCK_BYTES", 8 * 55 * rows_a_block)
    labels, items, cameras = LABELS, ITEMS, CAMERAS
    if apart:
        labels, items, cameras = OTHER_LABELS, OTHER_ITEMS, OTHER_CAMERAS

    def ignored(q, j):
        same_camera = CAMERAS[q] == cameras[j] and LABELS[q] == labels[j]
        return (which != "cameras" and ITEMS[q] == items[j]) or (which != "items" and same_camera)

    arguments = {}
    for name, mine, others in (
        ("items", ITEMS, OTHER_ITEMS),
        ("cameras", CAMERAS, OTHER_CAMERAS),
    ):
        if which in (name, "both"):
            # As text, the values must be compared as well.
            arguments[name] = mine.astype(str)
            if apart:
                arguments[f"gallery_{name}"] = others.astype(str)
    gallery = (OTHERS, OTHER_LABELS) if apart else ()
    got = retrieval(X, LABELS, *gallery, **arguments)
    check(got, *oracle(X, LABELS, *gallery, ignored=ignored))
    assert len(got.ignoring) == (2 if which == "both" else 1)
    assert "Neither hits nor misses: gallery examples of the query's" in got.summary()


def test_cameras_and_labels_that_the_gallery_lacks_ignore_nothing():
    # Label 9 and camera 9 are of queries alone; label 1 and camera 0 of the gallery are not theirs.
    labels, cameras = np.array([0, 0, 9, 1, 1, 0]), np.array([9, 0, 9, 9, 1, 1])
    gallery_labels, gallery_cameras = OTHER_LABELS % 3, OTHER_CAMERAS % 3
    got = retrieval(
        X[:6],
        labels,
        OTHERS,
        gallery_labels,
        cameras=cameras,
        gallery_cameras=gallery_cameras,
    )

    def ignored(q, j):
        return cameras[q] == gallery_cameras[j] and labels[q] == gallery_labels[j]

    check(got, *oracle(X[:6], labels, OTHERS, gallery_labels, ignored=ignored))


def test_who_has_only_ignored_relatives_is_left_out():
    x, labels = np.arange(6.0)[:, None], [0, 0, 1, 1, 1, 1]
    got = retrieval(x, labels, items=[0, 0, 1, 2, 3, 4], ks=(1, 50))
    assert got.num_left_out == 2
    assert got.per_query.query.tolist() == [2, 3, 4, 5]
    nobody = retrieval(x, labels, items=[7] * 6)
    assert nobody.num_queries == 0
    assert np.isnan(nobody.map_at_r)


def test_the_rule_of_market_1501():
    # Query: identity 1, camera 1. Same identity and camera: not counted. Another's picture of the
    # same camera: a miss. Background (0): a miss.
    got = retrieval(
        [[0.0]],
        [1],
        [[0.1], [0.2], [0.3], [0.4], [0.5]],
        [1, 2, 0, 1, 1],
        cameras=["c1"],
        gallery_cameras=["c1", "c1", "c2", "c2", "c3"],
        ks=(1, 3, 4),
    )
    assert got.per_query.num_relevant.tolist() == [2]
    assert got.per_query.first_rank.tolist() == [3]
    assert got.map_at[4] == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert got.cmc(5).tolist() == [0, 0, 1, 1, 1]
    assert got.num_distractors == 2
    assert "2 gallery examples are distractors" in got.summary()


def test_labels_given_as_distractors_are_misses_and_no_queries():
    got = retrieval(X, LABELS, distractors=[2, 99])
    want, left_out = oracle(X, LABELS, distractors=[2])
    check(got, want, left_out)
    assert got.num_distractors == (LABELS == 2).sum() == got.num_left_out
    names = np.array(list("abcdef"))[LABELS]
    check(retrieval(X, names, distractors="c"), want, left_out)
    apart = retrieval(X, LABELS, OTHERS, OTHER_LABELS, distractors=0)
    check(apart, *oracle(X, LABELS, OTHERS, OTHER_LABELS, distractors=[0]))


def test_a_sample_of_queries_makes_nobody_a_distractor():
    assert retrieval(X, LABELS, queries=[3]).num_distractors == 0


def test_ks_beyond_the_gallery_and_an_empty_gallery():
    got = retrieval(X, LABELS, OTHERS[:4], np.array([0, 1, 0, 7]), ks=(4, 5, 10**6))
    assert got.recall_at[4] == got.recall_at[10**6] == 1.0
    assert got.precision_at[10**6] < 1e-4
    assert got.map_at[5] == got.map_at[10**6]
    none = retrieval(X, LABELS, OTHERS[:0], OTHER_LABELS[:0], ks=3)
    assert none.num_left_out == 40
    assert np.isnan(none.cmc(3)).all()
    assert none.worst().size == 0
    json.loads(none.to_json())
    assert retrieval(X[:0], LABELS[:0]).num_queries == 0


def test_the_curve_is_recall_at_each_rank():
    got = retrieval(X, LABELS, ks=tuple(range(1, 60)))
    np.testing.assert_allclose(got.cmc(59), list(got.recall_at.values()), atol=1e-12)
    for wrong in (0, 2.5, "a", True):
        with pytest.raises(ValueError, match="max_rank to be"):
            got.cmc(wrong)


def test_every_figure_has_its_bootstrap_interval():
    got = retrieval(X, LABELS)
    for name, value in got.figures().items():
        want = bootstrap_interval(got.values(name), got.query_classes)
        assert got.interval(name) == pytest.approx(want, abs=2e-6)
        low, high = got.to_dict()["intervals"][name]
        assert low <= value <= high
        assert got.values(name).mean() == pytest.approx(value)


def test_groups_and_worst_queries():
    labels = np.array([0, 0, 0, 1, 1, 2, 2])
    x = np.array([0.0, 0.1, 9.0, 1.0, 1.1, 5.0, 9.1])[:, None]
    got = retrieval(x, labels, ks=1, queries=[6, 0, 1, 2, 3])
    assert got.worst(2).tolist() == [2, 6]
    assert got.worst(99, "recall_at_1").size == 5
    table = got.by_group(["a", "a", "b", "a", "b", "b", "b"], "recall_at_1", small=1)
    assert (table["a"].value, table["a"].count) == (1.0, 3)
    assert (table["b"].value, table["b"].count) == (0.0, 2)
    assert table.gap == 1.0
    with pytest.raises(ValueError, match=r"groups of shape \(7,\)"):
        got.by_group(["a"] * 5)
    with pytest.raises(ValueError, match="figure to be one of"):
        got.by_group(["a"] * 7, "recall")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"items": [1, 2]}, r"items of shape \(40,\)"),
        ({"gallery_items": ITEMS}, "items alone with one set"),
        ({"items": ITEMS, "gallery_items": ITEMS}, "items alone with one set"),
        ({"cameras": ITEMS + 0.5}, "cameras to be whole numbers"),
        ({"distractors": "background"}, "distractors to be labels of the gallery"),
        (
            {"gallery": X, "gallery_labels": LABELS.astype(str)},
            "both integers or both strings",
        ),
        (
            {"gallery": OTHERS, "gallery_labels": OTHER_LABELS, "items": ITEMS},
            "gallery_items with a gallery",
        ),
        (
            {
                "gallery": OTHERS,
                "gallery_labels": OTHER_LABELS,
                "items": ITEMS,
                "gallery_items": OTHER_ITEMS.astype(str),
            },
            "items and gallery_items to be both",
        ),
    ],
)
def test_bad_protocols_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        retrieval(X, LABELS, **arguments)


def test_macro_means_count_every_class_alike():
    got = retrieval(X, LABELS)
    values, classes = got.values("map_at_r"), LABELS[got.per_query.query]
    wanted = np.mean([values[classes == c].mean() for c in np.unique(classes)])
    assert got.macro() == pytest.approx(wanted)
    assert got.macro() != pytest.approx(got.map_at_r)
    assert np.isnan(retrieval([[0.0], [1.0]], [0, 1]).macro("mrr"))
