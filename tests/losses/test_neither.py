"""A pair may be positive, negative or neither: match functions of three values, and given pairs."""

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf
from support.loss_cases import CASES
from support.loss_suite import View, assert_close, gradient_of, moved, reduced, replace

import tfmetric as tm

MATCHING = [case for case in CASES if case.takes_match()]
every = pytest.mark.parametrize("case", MATCHING, ids=lambda case: case.name)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3))
X /= np.linalg.norm(X, axis=1, keepdims=True)


@dataclass(frozen=True)
class Signed(View):
    """A batch whose labels are rows of 1, 0 and -1, one number for each compared example."""

    def positives(self, a):
        row = self.labels[a]
        return [j for j in range(len(self.other_x)) if j != self.own[a] and row[j] > 0]

    def negatives(self, a):
        row = self.labels[a]
        return [j for j in range(len(self.other_x)) if j != self.own[a] and row[j] < 0]


def signs(which):
    some = RNG.integers(-1, 2, size=(8, 8))
    if which == "anchors without":
        some[0], some[1] = 0, 1
        some[2, some[2] > 0] = 0
    return np.zeros_like(some) if which == "nothing" else some


def wanted(case, labels):
    view = Signed(labels, X, labels, X, list(range(8)))
    view = replace(view, constant=view)
    return (
        reduced(case.oracle(view)),
        gradient_of(lambda x: reduced(case.oracle(moved(view, x))), X),
    )


def found(loss, labels, x, jit=None):
    def both(labels, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(labels, x)
        return value, tf.convert_to_tensor(tape.gradient(value, x))

    if jit is not None:
        both = tf.function(both, jit_compile=jit, autograph=False)
    value, gradient = both(tf.constant(labels), tf.constant(x.astype("float32")))
    return float(value), gradient.numpy()


@every
@pytest.mark.filterwarnings("ignore:.*found nothing to compare")
@pytest.mark.parametrize("which", ["random", "anchors without", "nothing"])
def test_given_pairs_equal_the_formula(case, which):
    labels = signs(which)
    loss = case.make(match="given", reduction="sum_over_batch_size")
    assert_close(case, *interleaved(found(loss, labels, X), wanted(case, labels)))


def interleaved(one, other):
    return one[0], other[0], one[1], other[1]


@every
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.slow
def test_given_pairs_equal_the_formula_compiled(case, jit):
    labels = signs("anchors without")
    loss = case.make(match="given", reduction="sum_over_batch_size")
    assert_close(case, *interleaved(found(loss, labels, X, jit), wanted(case, labels)))


def near_far_or_neither(a, b):
    """Years: the same decade, more than three decades apart, or neither."""
    apart = abs(a // 10 - b // 10)
    return tf.cast(apart == 0, "int8") - tf.cast(apart > 3, "int8")


def test_a_function_of_three_values_and_references():
    loss = tm.losses.ContrastiveLoss(match=near_far_or_neither, reduction="sum")
    years, others = np.array([1950, 1991]), np.array([1955, 1970, 1999, 1948])
    x, y = X[:2], X[2:6]
    value = loss(years, x, references=tm.losses.References(others, y))

    def each(i, j):
        distance = np.linalg.norm(x[i] - y[j])
        apart = abs(years[i] // 10 - others[j] // 10)
        near, far = distance**2, max(0, 1 - distance) ** 2
        return near if apart == 0 else far if apart > 3 else 0.0

    assert float(value) == pytest.approx(sum(each(i, j) for i in range(2) for j in range(4)))


def test_indices_are_labels():
    labels = tm.losses.given_pairs(
        8, positives=[[0, 1], [0, 1]], negatives=[[3, 4]], triplets=[[5, 6, 7], [5, 6, 2]]
    )
    wanted = np.zeros((8, 8), int)
    for i, j, sign in ((0, 1, 1), (3, 4, -1), (5, 6, 1), (5, 7, -1), (5, 2, -1)):
        wanted[i, j] = sign
    np.testing.assert_array_equal(labels, wanted)
    made = tf.function(lambda three: tm.losses.given_pairs(8, triplets=three))
    np.testing.assert_array_equal(made(tf.constant([[5, 6, 7]]))[5], [0, 0, 0, 0, 0, 0, 1, -1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Expected positives, negatives or triplets"),
        ({"positives": [[0, 1, 2]]}, "positives of shape"),
        ({"triplets": [[0, 1, 8]]}, "indices from 0 to 8 - 1"),
        ({"positives": [[0, 1]], "negatives": [[0, 1]]}, "positive or negative"),
    ],
)
def test_indices_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        tm.losses.given_pairs(8, **arguments)


def test_labels_that_say_nothing_of_the_batch():
    with pytest.raises(ValueError, match='match="given"'):
        tm.losses.NTXentLoss(match="given")(np.zeros((8, 5), int), X)
    unsigned = tm.losses.NTXentLoss(match=lambda a, b: tf.cast(a == b, "uint8"))
    with pytest.raises(TypeError, match="signed numbers"):
        unsigned(np.arange(8), X)
