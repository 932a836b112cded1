"""Leaving ids out of a search."""

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.values import excluded

RNG = np.random.default_rng(3)
GALLERY = RNG.normal(size=(40, 3)).astype("float32")
IDS = np.array([f"item {i % 37}" for i in range(40)])  # Three ids stand for two each.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    path = tmp_path_factory.mktemp("exclude")
    labels = np.arange(40) % 5
    tm.export.save(model, path, gallery=GALLERY, ids=IDS, labels=labels, exclude=True, top_k=30)
    return path


@pytest.fixture(scope="module")
def served(folder):
    return tm.export.load(folder)


def naive(query, excluded, k):
    """Ids and places of the k nearest that are not left out, by a loop."""
    far = [np.sqrt(((query.astype(float) - g) ** 2).sum()) for g in GALLERY.astype(float)]
    order = [i for i in np.argsort(far, kind="stable") if IDS[i] not in excluded]
    return [str(IDS[i]) for i in order[:k]], order[:k]


@pytest.mark.parametrize("k", [1, 7])
@pytest.mark.parametrize("number", [0, 1, 4])
def test_what_is_left_is_found_in_order(served, k, number):
    queries = GALLERY[:6] + 0.01
    exclude = np.array([RNG.permutation(np.unique(IDS))[:number] for _ in queries], IDS.dtype)
    for row, query in zip(exclude, queries, strict=True):
        row[:1] = naive(query, (), 1)[0][:number]  # The nearest is among them.
    found = served.search(queries, k, exclude=exclude)
    by_embedding = served.search_embedding(queries, k, exclude=exclude)
    for i, query in enumerate(queries):
        ids, places = naive(query, set(exclude[i]), k)
        assert found.ids[i].tolist() == by_embedding.ids[i].tolist() == ids
        assert found.labels[i].tolist() == [place % 5 for place in places]
        assert (np.diff(found.distances[i]) >= 0).all()


def test_one_id_a_query_and_ids_that_are_not_there(served):
    own = served.search(GALLERY, 3, exclude=IDS)
    assert not (own.ids == IDS[:, None]).any()
    nobody = served.search(GALLERY, 3, exclude=np.full(40, "nobody"))
    assert (nobody.ids == served.search(GALLERY, 3).ids).all()


def test_k_is_clipped_to_what_is_left(served):
    some = np.unique(IDS)[:12][None]
    found = served.search(GALLERY[:1], 100, exclude=some)
    left = [str(one) for one in IDS if one not in some]
    assert sorted(found.ids[0]) == sorted(left)


def test_what_cannot_be_left_out(served, tmp_path):
    with pytest.raises(Exception, match="Expected fewer to exclude than there are"):
        served.search(GALLERY[:1], 1, exclude=np.unique(IDS)[None])
    for exclude, message in (
        (IDS[:1], r"exclude of shape \(2,\) or \(2, E\)\. Received: exclude_shape=\(1,\)"),
        ([["item 1"], "item 2"], "ids, or a list of ids for each query"),
        ([1, 2], "exclude to be strings, as the ids of the gallery are"),
    ):
        with pytest.raises(ValueError, match=message):
            served.search(GALLERY[:2], 1, exclude=exclude)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    tm.export.save(model, tmp_path, gallery=GALLERY)
    with pytest.raises(ValueError, match="exported with exclude=True"):
        tm.export.load(tmp_path).search(GALLERY[:1], exclude=[0])


def test_a_new_gallery_keeps_the_signature(folder):
    tm.export.update_gallery(folder, embeddings=GALLERY, ids=np.arange(40))
    served = tm.export.load(folder)
    assert served.search(GALLERY[:1], 1, exclude=[0]).ids[0, 0] != 0
    for exclude, message in (
        ([0.5], "exclude to be integers, as"),
        ([True], "exclude to be integers, as"),
        (["0"], "exclude to be integers, as"),
        ([2**63], "integers that int64 holds"),
    ):
        with pytest.raises(ValueError, match=message):
            served.search(GALLERY[:1], 1, exclude=exclude)
    assert "search_except" in served.metadata["signatures"]


def test_integers_on_both_sides_of_int64_stay_exact():
    ids = excluded([[1, 2**63 + 1], [2**64 - 1, 7]], "uint64", 2)
    assert ids.dtype == np.uint64
    assert ids.tolist() == [[1, 2**63 + 1], [2**64 - 1, 7]]
