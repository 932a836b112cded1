"""Anchors that are not among the references: own=None, in every loss that takes references."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from support.loss_cases import CASES
from support.loss_suite import View, gradient_of

import tfmetric as tm
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


GIVEN = [(labels, which) for labels in LABELS for which in VALID]
PLAIN = (("several of a class", "some"), ("large and negative", "all"), ("one class", "some"))


@pytest.mark.parametrize(
    ("labels", "which"),
    [pytest.param(*each, marks=() if each in PLAIN else pytest.mark.slow) for each in GIVEN],
)
@pytest.mark.parametrize("case", TWO_SIDED, ids=lambda case: case.name)
def test_every_loss_equals_its_formula_on_two_sides(case, labels, which):
    given = (*map(np.asarray, LABELS[labels]), VALID[which])
    terms, gradient = found(case.make(), *given)
    rows, slope = wanted(case, *given)
    np.testing.assert_allclose(terms, rows, rtol=10 * case.rtol, atol=1e-5)
    scale = max(np.abs(slope).max(), 1e-2)
    np.testing.assert_allclose(gradient / scale, slope / scale, atol=10 * case.rtol)


IDS = np.array([4, 9, 9, 0, 7])


COMPILED = [
    pytest.param(case, marks=pytest.mark.slow) if case.name == "histogram" else case
    for case in TWO_SIDED
    if case.name in ("ntxent", "fast-ap", "histogram")
]


@pytest.mark.parametrize("case", COMPILED, ids=lambda case: case.name)
@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_call_with_references_is_the_same_compiled(case, jit):
    loss = case.make(reduction="sum")
    x, y, others = A.astype("float32"), B.astype("float32"), np.array([9, 0, 4, 7, 7, 1, 2])

    def value(x, y, labels):
        return loss(labels, x, references=References(others, y))

    rows, _ = wanted(case, IDS, others, None)
    assert float(value(x, y, IDS)) == pytest.approx(rows[:, 0].sum(), rel=1e-3, abs=1e-5)
    inputs = [tf.TensorSpec((None, 3)), tf.TensorSpec((None, 3)), tf.TensorSpec((None,), "int64")]
    compiled = tf.function(value, input_signature=None if jit else inputs, jit_compile=jit)
    found = compiled(*map(tf.constant, (x, y, IDS)))
    assert float(found) == pytest.approx(rows[:, 0].sum(), rel=1e-3, abs=1e-5)


def test_the_ranking_losses_of_sentence_transformers_and_of_sohn():
    """One direction: no anchor is a negative of another anchor."""
    a, b = A.astype("float32"), B[:5].astype("float32")
    ids = np.arange(5)
    cosines = np.array([[x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in b] for x in a])
    for loss, logits in (
        (tm.losses.MultipleNegativesRankingLoss(), 20 * cosines),
        (tm.losses.NPairsLoss(l2=0.0), a @ b.T),
    ):
        rows = [np.log(np.exp(row).sum()) - row[i] for i, row in enumerate(logits)]
        value = loss(ids, a, references=References(ids, b))
        assert float(value) == pytest.approx(np.mean(rows), rel=1e-5)
        in_one_line = tm.losses.OnTwoSides(loss)(ids, np.stack([a, b], axis=1))
        assert float(in_one_line) == pytest.approx(np.mean(rows), rel=1e-5)


def test_references_and_a_memory_and_losses_of_losses():
    rng = np.random.default_rng(3)
    memory = tm.losses.Memory(np.array([0, 9]), rng.normal(size=(2, 3)), np.array([True, False]))
    others = np.array([9, 0, 4, 7, 7, 1, 2])
    part = tm.losses.NTXentLoss(0.5)
    wanted = part(IDS, A, references=References(np.append(others, 0), [*B, memory.embeddings[0]]))
    given = {"memory": memory, "references": References(others, B)}
    assert float(part(IDS, A, **given)) == pytest.approx(float(wanted), rel=1e-5)
    whole = tm.losses.WeightedSum([part, part], [1.0, 2.0])(IDS, A, **given)
    assert float(whole) == pytest.approx(3 * float(wanted), rel=1e-5)
    short = tm.losses.MatryoshkaLoss(part, dims=[2, 3])(IDS, A, references=References(others, B))
    halves = [
        float(part(IDS, A[:, :dim], references=References(others, B[:, :dim]))) for dim in (2, 3)
    ]
    assert float(short) == pytest.approx(np.mean(halves), rel=1e-5)


def test_sample_weights_are_those_of_the_anchors():
    loss = tm.losses.NTXentLoss(reduction="sum")
    given = References(IDS, B[:5])
    each = [float(loss(IDS, A, sample_weight=np.eye(5)[i], references=given)) for i in range(5)]
    weight = np.array([0.5, 0, 2, 1, 3])
    value = float(loss(IDS, A, sample_weight=weight, references=given))
    assert value == pytest.approx(weight @ each, rel=1e-5)


@pytest.mark.parametrize("size", [0, 1])
def test_nothing_on_one_side_is_nothing(size):
    for case in TWO_SIDED:
        loss = case.make()
        for x, y in ((A[:size], B), (A, B[:size]), (A[:size], B[:size])):
            value = loss(IDS[: len(x)], x, references=References(np.arange(20, 20 + len(y)), y))
            if 0 in (len(x), len(y)):
                assert float(value) == 0.0, case.name


def test_what_does_not_fit_is_said():
    loss = tm.losses.NTXentLoss()
    with pytest.raises(ValueError, match="as many labels as embeddings of the references"):
        References(np.arange(4), B)
    with pytest.raises(ValueError, match="Received: own=7"):
        References(np.arange(7), B, own=np.array([0, 7]))
    with pytest.raises(ValueError, match="Received: own=-1"):
        References(np.arange(7), B, own=np.array([-1]))
    with pytest.raises(ValueError, match="anchors and references of one width"):
        loss(IDS, A, references=References(np.arange(7), B[:, :2]))
    with pytest.raises(ValueError, match="Expected finite embeddings"):
        loss(IDS, A, references=References(np.arange(7), B * np.nan))
    with pytest.raises(TypeError, match="one integer type on both sides"):
        loss(IDS, A, references=References(np.arange(7).astype("uint64"), B))
