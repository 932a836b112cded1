"""The losses on class proxies against their formulas, in every way they can be run."""

import keras
import numpy as np
import pytest
from support import oracles_proxies as oracles
from support.backends import value_and_gradient
from support.loss_suite import gradient_of

import tfmetric as tm
from tfmetric import losses

CASES = {
    "arcface": (losses.ArcFaceLoss, oracles.arcface, {}),
    "arcface-mild": (losses.ArcFaceLoss, oracles.arcface, {"margin": 0.2, "scale": 4.0}),
    "cosface": (losses.CosFaceLoss, oracles.cosface, {}),
    "sphereface": (losses.SphereFaceLoss, oracles.sphereface, {}),
    "sphereface-3": (losses.SphereFaceLoss, oracles.sphereface, {"margin": 3, "scale": 5.0}),
    "sphereface-1": (losses.SphereFaceLoss, oracles.sphereface, {"margin": 1}),
    "normalized-softmax": (losses.NormalizedSoftmaxLoss, oracles.normalized_softmax, {}),
    "proxy-nca": (losses.ProxyNCALoss, oracles.proxy_nca, {}),
    "proxy-anchor": (losses.ProxyAnchorLoss, oracles.proxy_anchor, {}),
    "proxy-anchor-mild": (
        losses.ProxyAnchorLoss,
        oracles.proxy_anchor,
        {"margin": 0.3, "scale": 2.0},
    ),
    "soft-triple": (losses.SoftTripleLoss, oracles.soft_triple, {}),
}
DEFAULTS = {name: case for name, case in CASES.items() if not case[2]}


def each(cases):
    return pytest.mark.parametrize("name", cases)


def batch(count=7, classes=5, centers=None, seed=0):
    rng = np.random.default_rng(seed)
    shape = (count, classes) if centers is None else (count, classes, centers)
    return rng.integers(0, classes, count), rng.uniform(-1, 1, shape).astype("float32")


EDGES = {
    # Every value of the own cosine at which a formula changes, far apart from the others.
    "bounds": (
        np.zeros(8, int),
        np.stack([[1, -1, 1, -1, 0, 0.7, -0.7, -0.95], np.linspace(-1, 1, 8)], 1),
    ),
    "one-class": (np.zeros(3, int), np.array([[0.3], [-0.4], [1.0]])),
    "one-example": (np.array([2]), np.array([[0.1, 0.2, -0.5]])),
    "all-in-one": (np.array([1, 1, 1]), np.array([[0.1, 0.9], [0.4, 0.2], [-0.3, -0.3]])),
    "all-equal": (np.array([0, 1, 2]), np.full((3, 3), 0.25)),
}


def reduced(values, reduction, weight=None):
    values = values if weight is None else values * weight
    return {None: values, "sum": values.sum()}.get(reduction, values.mean())


def check(name, labels, cosines, mode="eager", reduction="auto", weight=None):
    cls, oracle, arguments = CASES[name]
    loss = cls(**arguments, reduction=reduction)
    value, gradient = value_and_gradient(loss, labels, cosines, mode, weight)

    def wanted(x):
        return reduced(oracle(labels, x.copy(), **arguments), reduction, weight)

    x = cosines.astype("float64")
    np.testing.assert_allclose(value, wanted(x), rtol=2e-5, atol=2e-6)
    wanted_gradient = gradient_of(wanted, x, 1e-7)
    scale = np.abs(wanted_gradient).max()
    np.testing.assert_allclose(gradient / scale, wanted_gradient / scale, atol=2e-4)


@each(CASES)
def test_equals_the_formula(name):
    check(name, *batch())
    check(name, *batch(9, 3, seed=1))
    check(name, *batch(5, 40, seed=2))


@each(CASES)
def test_several_centers_equal_the_formula(name):
    check(name, *batch(centers=3))


@each(DEFAULTS)
@pytest.mark.parametrize("reduction", [None, "sum", "sum_over_batch_size", "mean_over_active"])
def test_reductions_and_sample_weight(name, reduction):
    labels, cosines = batch()
    weight = np.linspace(0, 2, len(labels)).astype("float32")
    check(name, labels, cosines, reduction=reduction)
    check(name, labels, cosines, reduction=reduction, weight=weight)


@each(CASES)
@pytest.mark.parametrize("edge", EDGES)
def test_edges_equal_the_formula_and_have_a_finite_gradient(name, edge):
    labels, cosines = EDGES[edge]
    cls, oracle, arguments = CASES[name]
    cosines = cosines.astype("float32")
    value, gradient = value_and_gradient(cls(**arguments), labels, cosines)
    wanted = oracle(labels, cosines.astype("float64"), **arguments).mean()
    np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-6)
    assert np.isfinite(gradient).all()
    if edge == "one-class" and "anchor" not in name:
        assert value == 0
        assert not gradient.any()


def test_arcface_has_a_finite_gradient_at_the_poles_and_keeps_falling():
    loss = losses.ArcFaceLoss(reduction="sum")
    labels = np.zeros(2, int)
    for cosine in (1.0, -1.0, 1.0 + 1e-6, -1.0 - 1e-6, 1.0 - 6e-8, -1.0 + 6e-8):
        cosines = np.array([[cosine, 0.99], [cosine, -0.99]], "float32")
        value, gradient = value_and_gradient(loss, labels, cosines)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
    own = np.cos(np.linspace(0.01, np.pi, 400))
    cosines = np.stack([own, np.zeros(400)], 1).astype("float32")
    values = np.asarray(losses.ArcFaceLoss(reduction=None)(np.zeros(400, int), cosines))
    assert (np.diff(values) >= 0).all()


@each(DEFAULTS)
@pytest.mark.parametrize(
    "mode", [pytest.param("graph", marks=pytest.mark.slow), "xla-unknown-batch"]
)
def test_compiled_equals_the_formula(name, mode):
    check(name, *batch(), mode=mode)


@pytest.mark.slow
@each(CASES)
def test_compiled_of_known_size_equals_the_formula(name):
    check(name, *batch(), mode="xla")


@each(DEFAULTS)
@pytest.mark.parametrize("half", ["float16", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_computes_in_float32_under_mixed_precision(name, half):
    labels, cosines = batch()
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{half}")
    try:
        loss = CASES[name][0]()
        x = keras.ops.cast(cosines, half)
        value, gradient = value_and_gradient(loss, labels, x)
    finally:
        keras.config.set_dtype_policy(policy)
    rounded = keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")).astype("float64")
    assert value.dtype == "float32"
    np.testing.assert_allclose(value, CASES[name][1](labels, rounded).mean(), rtol=2e-5)
    assert np.isfinite(gradient.astype("float32")).all()


def test_large_scales_do_not_overflow():
    labels, cosines = batch()
    for cls in (losses.ArcFaceLoss, losses.CosFaceLoss, losses.ProxyAnchorLoss):
        value, gradient = value_and_gradient(cls(scale=1e6), labels, cosines)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("labels", [[0, 1, 5], [0, -1, 2], [2**32, 0, 1], [0.5, 0.0, 1.0]])
def test_labels_that_are_no_column(labels):
    cosines = batch(3, 5)[1]
    with pytest.raises(ValueError, match="Expected y_true to be whole class ids"):
        losses.CosFaceLoss()(np.array(labels), cosines)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32"])
@pytest.mark.parametrize("shape", [(7,), (7, 1)])
def test_labels_of_any_type(dtype, shape):
    labels, cosines = batch()
    found = losses.CosFaceLoss()(labels.astype(dtype).reshape(shape), cosines)
    np.testing.assert_allclose(found, oracles.cosface(labels, cosines.astype("float64")).mean())


def test_compiled_labels_that_are_no_column_give_an_error_or_nan():
    labels, cosines = batch(3, 5)
    labels[1] = 5
    loss = losses.CosFaceLoss()
    value, _ = value_and_gradient(loss, labels, cosines, "xla")
    assert np.isnan(value)
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        with pytest.raises(tf.errors.InvalidArgumentError, match="Expected y_true to be whole"):
            value_and_gradient(loss, labels, cosines, "graph")


def test_what_is_no_cosine():
    labels, cosines = batch(3, 5)
    for bad in (cosines * 3 + 2, cosines + np.nan):
        with pytest.raises(ValueError, match="Expected y_pred to be finite cosines"):
            losses.ArcFaceLoss()(labels, bad)
        assert np.isnan(value_and_gradient(losses.ArcFaceLoss(), labels, bad, "xla")[0])
    with pytest.raises(ValueError, match="Received: y_pred_shape=\\(3,\\)"):
        losses.ArcFaceLoss()(labels, cosines[:, 0])
    with pytest.raises(ValueError, match="one label for each"):
        losses.ArcFaceLoss()(labels[:2], cosines)


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (losses.ArcFaceLoss, {"margin": 28.6}),
        (losses.ArcFaceLoss, {"scale": 0}),
        (losses.CosFaceLoss, {"margin": -0.1}),
        (losses.SphereFaceLoss, {"margin": 2.5}),
        (losses.SphereFaceLoss, {"margin": 0}),
        (losses.NormalizedSoftmaxLoss, {"temperature": 0}),
        (losses.ProxyNCALoss, {"temperature": -1}),
        (losses.ProxyAnchorLoss, {"margin": 2}),
        (losses.SoftTripleLoss, {"gamma": 0}),
    ],
)
def test_bad_arguments(cls, arguments):
    name, value = next(iter(arguments.items()))
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        cls(**arguments)


def test_a_margin_in_degrees_is_told_in_radians():
    with pytest.raises(ValueError, match=r"radians.*math\.radians\(28\.6\), which is 0\.499"):
        losses.ArcFaceLoss(margin=28.6)


@pytest.mark.parametrize("eager", [True, False])
def test_embeddings_in_place_of_cosines_are_refused_with_what_to_do(eager):
    x = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    model = tm.models.embedder((3,), embedding_dim=5)
    model.compile("sgd", loss=tm.losses.CosFaceLoss(), run_eagerly=eager)
    if keras.config.backend() != "tensorflow":
        pytest.skip("tensors of this backend carry no mark")
    with pytest.raises(ValueError, match=r"with_proxies\(embedder, layers.ProxyHead"):
        model.fit(x, np.arange(12) % 4, verbose=0)


def test_labels_beyond_the_proxies_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"data.with_contiguous_labels\(\)"):
        tm.losses.ArcFaceLoss()(np.array([7, 9]), np.array([[0.5, 0.1], [0.2, 0.3]], "float32"))
