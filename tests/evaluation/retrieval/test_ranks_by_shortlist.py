"""The float32 shortlist must give the ranks that the float64 scores give, also at near ties."""

import numpy as np
import pytest
from support.retrieval import oracle

from tfmetric.evaluation import retrieval
from tfmetric.evaluation.distances import nearest_order
from tfmetric.evaluation.retrieval import ranks, ranks_by_shortlist

COUNT = 2400
RNG = np.random.default_rng(11)
LABELS = RNG.integers(0, 300, COUNT)


def near_ties():
    """Embeddings whose float64 scores are exact or well apart, but not for float32."""
    base = RNG.normal(size=(COUNT // 8, 16)).astype("float32")
    yield "duplicates", base[RNG.integers(0, len(base), COUNT)]
    yield "integers", RNG.integers(-4, 5, (COUNT, 6)).astype("float32")
    yield "large integers", RNG.integers(3000, 3030, (COUNT, 3)).astype("float32")
    yield "collapsed", np.tile(base[:1], (COUNT, 1))
    # Two or three float32 steps of a distance apart, in clusters that are far apart.
    centres = RNG.normal(size=(300, 16)).astype("float32")
    yield "steps", centres[LABELS] + np.float32(2**-20) * RNG.integers(-3, 4, (COUNT, 16))
    yield "norm 1e3, differences 1e-4", 250 + 2.0**-13 * RNG.integers(-1, 2, (COUNT, 16))
    yield (
        "same, in clusters",
        250 * np.round(centres)[LABELS] + 2.0**-13 * RNG.integers(-1, 2, (COUNT, 16)),
    )
    yield "uneven norms", base[np.arange(COUNT) % len(base)] * RNG.lognormal(0, 2, (COUNT, 1))
    yield "well apart", centres[LABELS] + 0.3 * RNG.normal(size=(COUNT, 16))


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "inner_product"])
@pytest.mark.parametrize(("name", "x"), [pytest.param(*case, id=case[0]) for case in near_ties()])
def test_equal_to_the_ranks_of_the_float64_scores(name, x, distance, monkeypatch):
    monkeypatch.setattr(nearest_order, "_PAIRS_BYTES", 5000)  # Pairs are settled in many parts.
    queries = np.arange(0, COUNT, 2)
    fast = retrieval(x, LABELS, distance=distance, queries=queries).per_query
    monkeypatch.setattr(ranks, "pays", lambda *arguments: False)
    slow = retrieval(x, LABELS, distance=distance, queries=queries).per_query
    for figure, want in vars(slow).items():
        got = vars(fast)[figure]
        for key in want if isinstance(want, dict) else [...]:
            np.testing.assert_array_equal(got[key], want[key], err_msg=f"{figure} {key}")


@pytest.mark.parametrize("name", ["integers", "steps", "well apart"])
def test_equal_to_a_naive_loop(name):
    x, queries = dict(near_ties())[name], range(5, COUNT, 400)
    got = retrieval(x, LABELS, queries=queries).figures()
    want, _ = oracle(x, LABELS, queries=queries)
    assert got == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("apart", [False, True])
def test_ignored_gallery_and_a_set_of_their_own(apart, monkeypatch):
    x, items = RNG.integers(0, 6, (COUNT, 4)).astype("float32"), RNG.integers(0, 40, COUNT)
    arguments = {"items": items, "cameras": items % 3, "distractors": [7]}
    if apart:
        arguments |= {"gallery": x[::-1], "gallery_labels": LABELS}
        arguments |= {"gallery_items": items[::-1], "gallery_cameras": items % 5}
    fast = retrieval(x, LABELS, **arguments)
    monkeypatch.setattr(ranks, "pays", lambda *arguments: False)
    slow = retrieval(x, LABELS, **arguments)
    assert fast.num_queries == slow.num_queries > 1000
    assert fast.figures() == slow.figures()


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.5])
def test_no_float64_scores_are_made_where_few_are_close(noise, monkeypatch):
    """At any quality of the embeddings, also where a first hit stands behind hundreds."""
    centres = RNG.normal(size=(300, 16))
    x = centres[LABELS] + noise * RNG.normal(size=(COUNT, 16))
    rows = []
    whole = nearest_order._Product.__call__
    monkeypatch.setattr(
        nearest_order._Product,
        "__call__",
        lambda self, some: rows.extend(some) or whole(self, some),
    )
    retrieval(x, LABELS)
    assert len(rows) < COUNT / 50


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "inner_product"])
@pytest.mark.parametrize("width", [1, 7, 64, 300])
@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e18])
def test_the_error_is_a_bound(distance, width, scale):
    x = RNG.normal(size=(300, width)) * RNG.lognormal(0, 1, (300, 1)) * scale
    y = np.concatenate([x[::2] * (1 + 1e-7), RNG.random((100, width)) * scale])
    block = nearest_order.ordering(distance, x, y)
    rows = np.arange(len(x))
    found = block.approximation
    # Within a row both differ by a constant, but for the error.
    off = block(rows).astype("float64") - (found.queries @ found.gallery.T)
    assert (np.ptp(off, axis=1) <= 2 * found.error).all()
    assert found.error.max() < 2e-4 * width**0.5 * max(np.ptp(block(rows)), 0.1)


def test_exact_scores_of_equal_gallery_are_equal():
    x = RNG.normal(size=(50, 33))
    block = nearest_order.ordering("euclidean", x, np.repeat(x, 3, axis=0))
    query, reference = (index.ravel() for index in np.indices((50, 150)))
    pairs = block.approximation.exact(query, reference).reshape(50, 50, 3)
    assert (pairs == pairs[:, :, :1]).all()
    np.testing.assert_allclose(pairs.reshape(50, 150), block(np.arange(50)), rtol=1e-6, atol=1e-12)


def test_order_of_a_list():
    values, rows = RNG.normal(size=5000).astype("float32"), RNG.integers(0, 256, 5000)
    np.testing.assert_array_equal(
        ranks_by_shortlist._order(values, rows), np.lexsort((values, rows))
    )
    assert ranks_by_shortlist._order(values[:0], rows[:0]).size == 0
