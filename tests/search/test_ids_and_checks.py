"""Ids of every kind, and what no index takes."""

import numpy as np
import pytest

from tfmetric.search import ExactIndex, FaissIndex, QdrantIndex

X = np.eye(4, dtype=np.float32)


def make(kind):
    if kind == "exact":
        return ExactIndex("euclidean")
    if kind == "faiss":
        pytest.importorskip("faiss", reason="faiss-cpu is not installed")
        return FaissIndex("euclidean", kind="flat")
    pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
    return QdrantIndex(":memory:", distance="euclidean")


@pytest.fixture(params=["exact", "faiss", "qdrant"])
def index(request):
    return make(request.param)


@pytest.mark.parametrize(
    ("ids", "dtype"),
    [
        ([2**53, 2**53 + 1, -(2**63), 2**63 - 1], np.int64),
        (np.array([0, 1, 2**63, 2**64 - 1], np.uint64), np.uint64),
        (np.array([3, 2, 1, 0], np.int8), np.int64),
        (["a", "ä/ж/漢字", "", "17"], None),
        ([b"one", b"two", b"three", b"four"], None),
    ],
    ids=["int64", "uint64", "int8", "text", "bytes"],
)
def test_ids_come_back_as_they_were(index, ids, dtype):
    index.add(X, ids)
    found = index.query(X, 1).ids[:, 0]
    wanted = [value.decode() if isinstance(value, bytes) else value for value in list(ids)]
    assert found.tolist() == wanted
    assert found.dtype == dtype if dtype else found.dtype.kind == "U"
    index.remove(ids[1:3])
    assert len(index) == 2
    assert sorted(index.query(X, 4).ids[0].tolist()) == sorted([wanted[0], wanted[3]])
    index.add(X[1:2], ids[1:2])
    assert index.query(X[1:2], 1).ids.tolist() == [[wanted[1]]]


@pytest.mark.parametrize(
    ("x", "ids", "message"),
    [
        (X[:2], [8, 8], "ids that differ.*8"),
        (X[:2], [8, 1], "not in the index.*1"),
        (X[:2], ["a", "b"], "of the kind"),
        (X[:2], [8.5, 9.5], "whole numbers"),
        (X[:2], [8], "shape"),
        (X[:2, :3], [8, 9], "width 4"),
        ([[0, 0, 0, np.nan]], [8], "rows 0"),
        ([[0, 0, 0, 1e300]], [8], "float32"),
        (X[0], [8], r"\(N, D\)"),
    ],
)
def test_what_cannot_be_added_changes_nothing(index, x, ids, message):
    index.add(X[:3], [1, 2, 3])
    with pytest.raises(ValueError, match=message):
        index.add(x, ids)
    assert len(index) == 3
    assert index.query(X[:3], 1).ids.tolist() == [[1], [2], [3]]


def test_what_cannot_be_removed_or_asked(index):
    index.add(X[:3], [1, 2, 3])
    with pytest.raises(ValueError, match=r"in the index; 2 are not.*7"):
        index.remove([1, 7, 9])
    assert len(index) == 3
    for k in (0, -1, 1.5, True, None):
        with pytest.raises(ValueError, match="k to be an integer above 0"):
            index.query(X[:1], k)
    with pytest.raises(ValueError, match="width 4"):
        index.query(X[:1, :2])
    with pytest.raises(ValueError, match="NaN or infinity"):
        index.query([[np.inf] * 4])
    index.remove([])
    index.add(np.empty((0, 4)), [])
    assert len(index) == 3
    assert index.dim == 4
    assert "count=3" in repr(index)


@pytest.mark.parametrize("ids", [range(40), [f"é{i}" for i in range(40)]], ids=["ints", "texts"])
def test_a_search_without_some_ids_is_that_of_the_others(index, ids):
    """Beside a loop over the distances in float64, with k as large as what is left allows."""
    rng = np.random.default_rng(0)
    x, queries = rng.normal(size=(40, 3)), rng.normal(size=(6, 3))
    ids = list(ids)
    index.add(x, ids)
    exclude = [[], ids[:1], ids[3:20], ids[20:30] * 2, ids[5:37], ids[::3]]
    far = np.linalg.norm(queries[:, None] - x[None], axis=2)
    for k in (1, 5, 100):
        found = index.query(queries, k, exclude=exclude)
        assert found.ids.shape == (6, min(k, 8))  # 32 are left out of the fifth.
        for row, own in enumerate(exclude):
            left = [i for i in np.argsort(far[row]) if ids[i] not in own][: min(k, 8)]
            assert found.ids[row].tolist() == [ids[i] for i in left]
            np.testing.assert_allclose(found.distances[row], far[row, left], rtol=1e-5)
    own = index.query(x, 1, exclude=ids)
    assert not (own.ids[:, 0] == np.array(ids)).any()
    assert index.query(queries, 3, exclude=np.array(ids)[None].repeat(6, 0)).ids.shape == (6, 0)
    unknown = ["nobody"] * 6 if isinstance(ids[0], str) else [77, -1, 2**63 - 1] * 2
    nearest = index.query(queries, 3).ids.tolist()
    assert index.query(queries, 3, exclude=unknown).ids.tolist() == nearest
    assert index.query(queries, 3, exclude=[[]] * 6).ids.tolist() == nearest
    other = [1] * 6 if isinstance(ids[0], str) else ["a"] * 6
    for bad, message in (
        (other, "as the ids of the gallery are"),
        (unknown[:5], r"exclude of shape \(6,\) or \(6, E\)"),
        ([0.5] * 6, "as the ids of the gallery are"),
        ([None] * 6, "as the ids of the gallery are"),
    ):
        with pytest.raises(ValueError, match=message):
            index.query(queries, exclude=bad)


def test_a_small_unsigned_id_fits_among_signed_ones():
    index = ExactIndex()
    index.add(X[:1], [-1])
    index.add(X[1:2], np.array([7], np.uint64))
    with pytest.raises(ValueError, match="kind of those in the index, int64"):
        index.add(X[2:3], np.array([2**63], np.uint64))
    assert index.query(X[1:2], 1).ids.tolist() == [[7]]
