import numpy as np
import pytest
from support import oracles
from support.batches import DEGENERATE, DUPLICATES, ORDINARY

from tfmetric import distances


def test_every_name_has_a_formula():
    assert sorted(oracles.OF_REALS + oracles.OF_BITS) == list(distances.names())


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


def test_a_vector_shorter_than_epsilon_is_not_stretched_to_1():
    x = np.array([[3e-3, 4e-3], [30.0, 40.0], [0.0, 0.0]], "float32")
    wanted = [[0.03, 0.04], [0.6, 0.8], [0.0, 0.0]]
    np.testing.assert_allclose(distances.l2_normalize(x, epsilon=0.1), wanted, rtol=1e-6)


@pytest.mark.parametrize("name", oracles.OF_REALS)
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


def _codes(seed=0, rows=12, bits=40):
    return np.random.default_rng(seed).integers(0, 2, (rows, bits)).astype("float32")


@pytest.mark.parametrize("name", oracles.OF_BITS)
def test_bits_are_counted_exactly(name):
    from scipy.spatial.distance import cdist

    x, y = _codes(), _codes(1, rows=7)
    x[3] = y[2] = 0
    exact = cdist(x.astype(bool), y.astype(bool), name)
    distance = distances.get(name)
    for a, b in ((x, y), (2 * x - 1, 2 * y - 1)):
        np.testing.assert_allclose(np.asarray(distance.pairwise(a, b)), exact, rtol=1e-6)
        np.testing.assert_allclose(
            np.asarray(distance.paired(a[:7], b)), np.diag(exact[:7]), rtol=1e-6
        )
    itself = np.asarray(distance.pairwise(x, x))
    assert not np.diag(itself).any()
    order = np.asarray(distance.ranking(x)).argsort(1, kind="stable")
    np.testing.assert_array_equal(order, itself.argsort(1, kind="stable"))


@pytest.mark.parametrize("name", oracles.OF_BITS)
def test_probabilities_of_bits_have_a_gradient(name):
    import tensorflow as tf

    x = np.random.default_rng(2).uniform(0.05, 0.95, (4, 6))
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(distances.get(name).pairwise(variable, variable))
    gradient = tape.gradient(total, variable).numpy()
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = 1e-6
        ends = [oracles.matrix(name, x + sign * step).sum() for sign in (1, -1)]
        assert gradient[i] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


def test_noise_to_signal_is_that_of_the_anchor():
    a, b = np.array([[1.0, 2.0, 3.0, 6.0]]), np.array([[2.0, 2.0, 2.0, 4.0]])
    snr = distances.get("snr")
    expected = np.var(a - b) / np.var(a)
    assert np.asarray(snr.paired(a, b)) == pytest.approx(expected)
    assert np.asarray(snr.pairwise(a, b)) == pytest.approx(expected)
    assert np.asarray(snr.paired(b, a)) == pytest.approx(np.var(a - b) / np.var(b))
    # Where the anchor says nothing, every noise is large, and finite.
    flat = np.full((1, 4), 5.0)
    assert np.asarray(snr.paired(flat, b)) == pytest.approx(np.var(b) / 1e-8)
    assert np.isfinite(np.asarray(snr.pairwise(1e20 * a, 1e20 * b))).all()


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"cosine, euclidean, .*Received: distance='levenshtein'"):
        distances.get("levenshtein")
