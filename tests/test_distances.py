import numpy as np
import pytest
from support import oracles
from support.batches import DEGENERATE, DUPLICATES, ORDINARY

from tfmetric import distances


@pytest.mark.parametrize("name", distances.names())
@pytest.mark.parametrize("batch", ["lopsided", "zero-vectors", "integers", "tiny"])
def test_all_pairs_and_pair_by_pair_equal_the_formula(name, batch):
    _, x = (ORDINARY | DEGENERATE)[batch]
    exact = oracles.matrix(name, x.astype("float64"))
    distance = distances.get(name)
    pairwise, apart = np.asarray(distance.pairwise(x, x)), exact != 0
    scale = max(np.abs(exact).max(), 1e-30)  # Below lies what float32 cannot hold.
    np.testing.assert_allclose(pairwise[apart] / scale, exact[apart] / scale, atol=1e-6)
    # What is left of equal vectors is the square root of rounding.
    np.testing.assert_allclose(pairwise[~apart] / scale, 0.0, atol=4e-4)
    np.testing.assert_allclose(
        np.asarray(distance.paired(x, x[::-1])), np.diag(exact[:, ::-1]), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("name", distances.names())
def test_ranking_orders_as_the_distance_does(name):
    _, x = ORDINARY["lopsided"]
    exact = oracles.matrix(name, x.astype("float64"))
    ranking = np.array(distances.get(name).ranking(x))
    np.fill_diagonal(exact, -np.inf)  # A vector's distance to itself is where rounding shows.
    np.fill_diagonal(ranking, -np.inf)
    np.testing.assert_array_equal(ranking.argsort(1), exact.argsort(1))


def test_distances_of_a_collapsed_batch_far_from_the_origin_do_not_cancel():
    rng = np.random.default_rng(0)
    x = (100.0 + 1e-3 * rng.normal(size=(20, 4))).astype("float32")
    exact = oracles.matrix("euclidean", x.astype("float64"))
    np.testing.assert_allclose(
        np.asarray(distances.get("euclidean").pairwise(x, x)), exact, atol=1e-5
    )


@pytest.mark.parametrize("batch", DUPLICATES)
def test_duplicates_are_at_no_distance(batch):
    _, x = DUPLICATES[batch]
    paired = np.asarray(distances.get("euclidean").paired(x, x.copy()))
    assert (paired == 0).all()


def test_normalising_is_exact_above_the_floor_and_linear_below():
    x = np.array([[3.0, 4.0], [3e-4, 4e-4], [3e-6, 4e-6], [0, 0], [3e25, 4e25]], "float32")
    y = np.asarray(distances.l2_normalize(x))
    np.testing.assert_allclose(y[[0, 1, 4]], [[0.6, 0.8]] * 3, rtol=1e-6)
    np.testing.assert_allclose(y[2], x[2] / 1e-4, rtol=1e-5)
    assert (y[3] == 0).all()


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"cosine, euclidean, .*Received: distance='hamming'"):
        distances.get("hamming")
