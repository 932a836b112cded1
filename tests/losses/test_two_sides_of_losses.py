"""Anchors that are not among the references: own=None, in every loss that takes references."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from support.loss_cases import CASES
from support.loss_suite import View, gradient_of

from tfmetric.losses import References

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(5, 3)), RNG.normal(size=(7, 3))
LABELS = {
    "several of a class": ([0, 1, 2, 3, 0], [0, 0, 1, 2, 2, 5, 2]),
    "a partner each": ([9, 8, 7, 6, 5], [5, 6, 7, 8, 9, 4, 3]),
    "no partner": ([0, 1, 2, 1, 0], [3, 4, 5, 6, 7, 8, 9]),
    "one class": ([1] * 5, [1] * 7),
    "large and negative": ([2**40, -1, 2**40 + 1, 3, -1], [2**40 + 1, -1, 2**40, 2**40, 3, -1, 8]),
}
VALID = {"all": None, "some": np.array([1, 0, 1, 1, 0, 1, 1], bool)}
TWO_SIDED = [case for case in CASES if case.takes_references()]


def wanted(case, labels, others, valid):
    """The oracle's terms of each anchor, and the gradient of their weighted sum."""
    kept = np.arange(7) if valid is None else np.flatnonzero(valid)
    others = np.asarray(others)[kept]
    view = View(np.asarray(labels), A, others, B[kept], [-1] * 5)
    view = replace(view, constant=view)
    weight = np.arange(1, 6)

    def total(both):
        there = replace(view, x=both[:5], other_x=both[5:][kept])
        return sum(w * row[0] for w, row in zip(weight, case.oracle(there), strict=True))

    return np.array(case.oracle(view), "float64"), gradient_of(total, np.concatenate([A, B]))


def found(loss, labels, others, valid):
    both = tf.constant(np.concatenate([A, B]).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(both)
        references = References(
            tf.constant(others), both[5:], None, None if valid is None else tf.constant(valid)
        )
        terms = loss.terms(tf.constant(labels), both[:5], references)
        whole = tf.reduce_sum(terms.total * np.arange(1, 6).astype("float32"))
    return np.stack(terms, axis=1), tf.convert_to_tensor(tape.gradient(whole, both)).numpy()


@pytest.mark.parametrize("which", VALID)
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("case", TWO_SIDED, ids=lambda case: case.name)
def test_every_loss_equals_its_formula_on_two_sides(case, labels, which):
    given = (*map(np.asarray, LABELS[labels]), VALID[which])
    terms, gradient = found(case.make(), *given)
    rows, slope = wanted(case, *given)
    np.testing.assert_allclose(terms, rows, rtol=10 * case.rtol, atol=1e-5)
    scale = max(np.abs(slope).max(), 1e-2)
    np.testing.assert_allclose(gradient / scale, slope / scale, atol=10 * case.rtol)
