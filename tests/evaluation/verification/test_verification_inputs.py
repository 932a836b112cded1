import numpy as np
import pytest
from support.verifying import DISTANCES, check, classes, clustered, distance_of

from tfmetric import evaluation


def test_given_pairs_with_and_without_labels():
    x, labels = clustered(50, 6)
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 50, (2, 400))
    same = labels[left] == labels[right]
    wanted = [distance_of("euclidean", x[i], x[j]) for i, j in zip(left, right, strict=True)]
    for result in (
        evaluation.verification(x, labels, pairs=(left, right)),
        evaluation.verification(x, labels, pairs=(left, right, same)),
        evaluation.verification(x, pairs=(left, right, same.astype(int))),
        evaluation.verification_from_distances(wanted, same),
    ):
        check(result, wanted, same)
    two = evaluation.verification(x, None, x[::-1], pairs=(left, 49 - right, same))
    check(two, wanted, same)


@pytest.mark.parametrize("distance", DISTANCES)
def test_given_pairs_are_as_far_apart_as_in_all_pairs(distance):
    x, labels = clustered(60, 6)
    x[5] = x[6]
    whole = evaluation.verification(x, labels, distance=distance)
    some = evaluation.verification(
        x, labels, distance=distance, pairs=(whole.per_pair.left, whole.per_pair.right)
    )
    np.testing.assert_allclose(
        some.per_pair.distances, whole.per_pair.distances, rtol=2e-7, atol=3e-7
    )


def test_a_function_as_distance():
    def chebyshev(x, y):
        from keras import ops

        return ops.max(ops.abs(x - y), axis=-1)

    x, labels = clustered(40, 6)
    result = evaluation.verification(x, labels, distance=chebyshev)
    wanted = [np.abs(x[i] - x[j]).max() for i in range(40) for j in range(i + 1, 40)]
    check(result, wanted, [labels[i] == labels[j] for i in range(40) for j in range(i + 1, 40)])
    assert result.distance == "chebyshev"
    kept = result.per_pair
    given = evaluation.verification(x, labels, distance=chebyshev, pairs=(kept.left, kept.right))
    np.testing.assert_array_equal(given.per_pair.distances, kept.distances)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "bool"])
@pytest.mark.parametrize("distance", DISTANCES)
def test_numbers_of_any_kind(dtype, distance):
    x = (np.random.default_rng(0).random((30, 9)) > 0.5).astype(dtype)
    if dtype == "int8":
        x *= np.int8(-128)
    labels = classes(30, 4)
    got = evaluation.verification(x, labels, distance=distance)
    same = evaluation.verification(x.astype("float64"), labels, distance=distance)
    np.testing.assert_array_equal(list(got.figures().values()), list(same.figures().values()))
    np.testing.assert_array_equal(got.per_pair.distances, same.per_pair.distances)
    kept = got.per_pair
    given = evaluation.verification(x, labels, distance=distance, pairs=(kept.left, kept.right))
    np.testing.assert_allclose(given.per_pair.distances, kept.distances, atol=3e-7)


def test_embeddings_without_any_width_are_all_ties():
    for distance in DISTANCES:
        got = evaluation.verification(np.zeros((6, 0)), [0, 1] * 3, distance=distance)
        assert got.auc == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embeddings": [[0.0], [np.nan], [np.inf]]}, "rows 1, 2"),
        ({"embeddings": [0.0, 1.0, 2.0]}, r"embeddings to be numbers of shape \(N, D\)"),
        ({"labels": [0, 1]}, r"labels of shape \(3,\)"),
        ({"labels": [0.5, 1, 1]}, "whole numbers"),
        ({"labels": None}, "labels, or pairs"),
        ({"gallery": [[0.0]]}, "together, or neither"),
        ({"gallery_labels": [0]}, "together, or neither"),
        ({"gallery": [[0.0, 1.0]], "gallery_labels": [0]}, "same width"),
        ({"gallery": [[np.nan]], "gallery_labels": [0]}, "gallery wi"),
        ({"distance": "euclid"}, "distance to be one of"),
        ({"max_pairs": 1}, "max_pairs to be an integer of 2 or more"),
        ({"max_pairs": 1e6}, "max_pairs to be an integer of 2 or more"),
        ({"within": ["a", None, "b"]}, "within without missing values"),
        ({"within": [1, 2]}, r"within of shape \(3,\)"),
        ({"pairs": [[0, 1]]}, r"pairs to be \(left, right\)"),
        ({"pairs": ([0], [3])}, r"right to be in 0..2"),
        ({"pairs": ([-1], [2])}, r"left to be in 0..2"),
        ({"pairs": ([0.0], [2])}, "left to be indexes"),
        ({"pairs": ([0, 1], [2])}, "as many left as right"),
        ({"pairs": ([0], [1], [True])}, "same to agree with the classes"),
        ({"pairs": ([0], [1], [2])}, "booleans, or 0 and 1"),
        ({"pairs": ([0], [1]), "labels": None}, "labels, or pairs"),
        ({"pairs": ([0], [1]), "within": [1, 2, 3]}, "within or pairs, not both"),
        ({"genuine": "within"}, "genuine as"),
        ({"genuine": "some", "within": [1, 2, 3]}, "genuine as"),
    ],
)
def test_bad_input_is_named(arguments, message):
    usual = {"embeddings": [[0.0], [1.0], [2.0]], "labels": [0, 1, 1]}
    with pytest.raises(ValueError, match=message) as error:
        evaluation.verification(**{**usual, **arguments})
    assert "Received: " in str(error.value)


@pytest.mark.parametrize(
    ("distances", "same", "message"),
    [
        ([0.1, np.nan], [1, 0], "distances without NaN or infinity; 1 of 2 rows"),
        ([[0.1, 0.2]], [1, 0], "distances to be numbers"),
        (["a"], [1], "distances to be numbers"),
        ([1.0, -1e39], [1, 0], "distances within float32"),
        ([0.1, 0.2], [1], r"same of shape \(2,\)"),
        ([0.1, 0.2], [1, np.nan], "booleans, or 0 and 1"),
        ([0.1, 0.2], ["y", "n"], "booleans, or 0 and 1"),
    ],
)
def test_bad_distances_are_named(distances, same, message):
    with pytest.raises(ValueError, match=message):
        evaluation.verification_from_distances(distances, same)


def test_bad_thresholds_and_rates_are_named():
    result = evaluation.verification(*clustered(20, 4))
    for wrong in (0, -0.1, 1.5, np.nan, "x", None, [0.1], True):
        with pytest.raises(ValueError, match="far to be"):
            result.tar_at_far(wrong)
    for wrong in (np.nan, "x", [0.1], None, True):
        with pytest.raises(ValueError, match="threshold to be a number"):
            result.at_threshold(wrong)
    for wrong in (0, -1, 1.5, "x"):
        with pytest.raises(ValueError, match="points to be an integer of 2 or more"):
            result.roc(wrong)
    for wrong in (0, 1.5, "x", True):
        with pytest.raises(ValueError, match="bins to be"):
            result.histogram(wrong)


def test_a_set_is_no_gallery_of_its_own():
    """A pair of an example and itself would count as genuine, at distance 0."""
    x = np.random.default_rng(5).normal(size=(12, 3)).astype("float32")
    labels = np.arange(12) % 4
    for gallery in (x, x.copy(), x.astype("float64")):
        with pytest.raises(ValueError, match="omit the gallery"):
            evaluation.verification(x, labels, gallery, labels)
    order = np.random.default_rng(6).permutation(12)[:9]
    found = evaluation.verification(x, labels, x[order], labels[order])
    assert "9 of 12 queries have an identical row in the gallery" in found.notes[0]
    assert found.notes[0] in found.summary()
    others = evaluation.verification(x[:6], labels[:6], x[6:], labels[6:])
    assert not any("identical" in note for note in others.notes)


def test_given_pairs_of_an_example_with_itself_are_said():
    x, labels = np.arange(4.0)[:, None], [0, 0, 1, 1]
    found = evaluation.verification(x, labels, pairs=([0, 1, 2], [0, 1, 0]))
    assert "2 pairs compare an example with itself" in found.notes[0]
    found = evaluation.verification(x, labels, pairs=([0, 1], [1, 2]))
    assert not any("itself" in note for note in found.notes)
