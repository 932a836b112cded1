"""Every loss against its oracle, in every way it can be run; see support/loss_suite.py."""

import keras
import numpy as np
import pytest
from support.backends import step_of, value_and_gradient
from support.batches import DEGENERATE, DUPLICATES, ORDINARY
from support.loss_cases import CASES
from support.loss_suite import BATCHES, View, assert_close, expected, reduced, whole_batch

import tfmetric as tm

REDUCTIONS = ("sum_over_batch_size", "mean_over_active", "sum", None)


def each_case(cases=CASES):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def plain(case, **arguments):
    return case.make(reduction="sum_over_batch_size", **arguments)


def test_no_pair_loss_is_without_a_case():
    public = {getattr(tm.losses, name) for name in tm.losses.__all__}
    losses = {
        value
        for value in public - {tm.losses.PairLoss}
        if isinstance(value, type) and issubclass(value, tm.losses.PairLoss)
    }
    missing = losses - {type(case.make()) for case in CASES}
    assert not missing, "add a case in tests/support/loss_cases"


@each_case()
@pytest.mark.parametrize("batch", ORDINARY)
def test_equals_the_formula(case, batch):
    # The naive gradient of the larger batches takes long, and shows no more.
    slope = batch in ("lopsided", "int64-labels")
    value, gradient = value_and_gradient(plain(case), *BATCHES[batch])
    wanted, wanted_gradient = expected(case, batch, slope=slope)
    assert_close(case, value, wanted, gradient if slope else None, wanted_gradient)


@pytest.mark.slow
@each_case()
@pytest.mark.parametrize("batch", ["four-by-four", "interleaved", "two-classes", "lone-classes"])
def test_gradient_equals_the_formula(case, batch):
    value, gradient = value_and_gradient(plain(case), *BATCHES[batch])
    wanted, wanted_gradient = expected(case, batch)
    assert_close(case, value, wanted, gradient, wanted_gradient)


@each_case()
def test_degenerate_batches_are_finite_and_equal_the_formula(case):
    for batch in case.batches(DEGENERATE):
        value, gradient = value_and_gradient(plain(case), *BATCHES[batch])
        rows = case.oracle(whole_batch(*BATCHES[batch]))
        np.testing.assert_allclose(value, reduced(rows), rtol=1e-4, atol=1e-6, err_msg=batch)
        assert np.isfinite(gradient).all(), batch
        if not any(count for _, count, _ in rows):
            assert value == 0, batch
            assert not gradient.any(), batch


@each_case()
def test_duplicates_are_finite(case):
    for batch in DUPLICATES:
        value, gradient = value_and_gradient(plain(case), *BATCHES[batch])
        assert np.isfinite(value), batch
        assert np.isfinite(gradient).all(), batch


@each_case()
def test_reductions_and_sample_weight(case):
    labels, x = BATCHES["lopsided"]
    rows = case.oracle(whole_batch(labels, x))
    weight = np.linspace(0.0, 2.0, len(labels)).astype("float32")
    for reduction in REDUCTIONS:
        loss = case.make(reduction=reduction)
        for given in (None, weight):
            value = np.asarray(loss(labels, x, given))
            assert_close(case, value, reduced(rows, reduction, given))
    assert case.make().auto_reduction in REDUCTIONS


# XLA stands for the graph as well where it is tried; these differ in how they reduce.
IN_A_GRAPH = ("ntxent", "contrastive", "ranked-list", "smooth-ap", "lmnn", "margin", "n-pairs")


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=() if c.name in IN_A_GRAPH else pytest.mark.slow) for c in CASES],
    ids=lambda case: case.name,
)
def test_in_a_graph_of_unknown_batch_size(case):
    step = step_of(plain(case), *BATCHES["lopsided"], "graph-unknown-batch")
    assert_close(case, *interleave(step(*BATCHES["lopsided"]), expected(case, "lopsided")))
    for batch in ("lone-classes", "batch-of-one", "no-negatives", "zero-vectors"):
        value, gradient = step(*BATCHES[batch])
        assert_close(case, value, expected(case, batch, slope=False)[0])
        assert np.isfinite(gradient).all()
    labels, x = BATCHES["lopsided"]
    value, gradient = step(labels[:0], x[:0])
    assert (value, gradient.size) == (0, 0)


def interleave(found, wanted):
    return found[0], wanted[0], found[1], wanted[1]


# The JAX suite compiles every loss by XLA; TensorFlow's way there is the same for all of a kind.
BY_XLA = ("circle", "fast-ap", "histogram", "angular")


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=() if c.name in BY_XLA else pytest.mark.slow) for c in CASES],
    ids=lambda case: case.name,
)
def test_compiled_by_xla_for_an_unknown_batch_size(case):
    found = value_and_gradient(plain(case), *BATCHES["lopsided"], "xla-unknown-batch")
    assert_close(case, *interleave(found, expected(case, "lopsided")))


@pytest.mark.slow
@each_case()
@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_compiled(case, mode):
    found = value_and_gradient(plain(case), *BATCHES["int64-labels"], mode)
    assert_close(case, *interleave(found, expected(case, "int64-labels")))
    for batch in ("zero-vectors", "collapsed", "lone-classes"):
        value, gradient = value_and_gradient(plain(case), *BATCHES[batch], mode)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        if batch != "collapsed":
            assert_close(case, value, expected(case, batch, slope=False)[0])


@each_case()
@pytest.mark.parametrize("half", ["float16", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_mixed_precision_computes_in_float32(case, half):
    labels, x = BATCHES["lopsided"]
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{half}")
    try:
        loss = plain(case)
        x = keras.ops.cast(x, half)
        value, gradient = value_and_gradient(loss, labels, x)
    finally:
        keras.config.set_dtype_policy(policy)
    rounded = keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))
    assert value.dtype == "float32"
    assert_close(case, value, reduced(case.oracle(whole_batch(labels, rounded))))
    assert np.isfinite(gradient.astype("float32")).all()


@each_case([case for case in CASES if case.takes_references()])
def test_anchors_against_other_references(case):
    """Some of a batch against all of it, in another order, gives their rows of the whole."""
    labels, x = BATCHES["lopsided"]
    labels = labels.astype("int32")
    chosen, order = np.arange(6), np.roll(np.arange(len(labels)), 5)
    own = np.argsort(order)[chosen].astype("int32")
    references = tm.losses.References(
        *map(keras.ops.convert_to_tensor, (labels[order], x[order], own))
    )
    anchors = [keras.ops.convert_to_tensor(each[chosen]) for each in (labels, x)]
    found = np.stack(case.make().terms(*anchors, references), axis=1)
    x64 = x.astype("float64")
    view = View(labels[chosen], x64[chosen], labels[order], x64[order], list(own))
    wanted = case.oracle(View(**{**vars(view), "constant": view}))
    np.testing.assert_allclose(found, wanted, rtol=case.rtol, atol=1e-5)
    whole = case.oracle(whole_batch(labels, x))
    np.testing.assert_allclose(found, whole[:6], rtol=case.rtol, atol=1e-5)
    # Places of a memory that are not yet filled say nothing.
    more = [np.concatenate([each, each[3:5]]) for each in (labels[order], x[order])]
    filled = np.arange(len(more[0])) < len(labels)
    with_empty = tm.losses.References(*map(keras.ops.convert_to_tensor, (*more, own, filled)))
    found = np.stack(case.make().terms(*anchors, with_empty), axis=1)
    np.testing.assert_allclose(found, wanted, rtol=case.rtol, atol=1e-5)


@each_case([case for case in CASES if case.takes_match()])
def test_several_labels_an_example(case):
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 2, (9, 4))
    labels[-1] = 0
    x = rng.normal(size=(9, 3)).astype("float32")
    value, gradient = value_and_gradient(plain(case, match="any_shared"), labels, x)
    view = whole_batch(labels, x, match=lambda a, b: any(a * b))
    assert_close(case, value, reduced(case.oracle(view)))
    assert np.isfinite(gradient).all()
