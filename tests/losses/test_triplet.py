import keras
import numpy as np
import pytest
from support import oracles
from support.backends import COMPILED, COMPILED_ONCE, MODES, step_of, value_and_gradient
from support.batches import DEGENERATE, DUPLICATES, ORDINARY

from tfmetric import distances
from tfmetric.losses import SiameseTripletLoss, TripletLoss, _all_triplets, _one_negative
from tfmetric.mining import STRATEGIES, resolve

slow = pytest.mark.slow
PAIRS = [(p, n) for p in STRATEGIES for n in STRATEGIES if (p, n) != ("semi-hard", "semi-hard")]
NAMED = ["hard", "semi-hard", "all"]


def compare(batch, *arguments, **named):
    compare_each([batch], *arguments, **named)


def compare_each(
    batches,
    mining,
    margin=0.2,
    distance="euclidean",
    reduction="auto",
    mode="eager",
    weight=None,
    rtol=1e-5,
    power=1,
    fallback=None,
):
    """One step, on each of the batches."""
    loss = TripletLoss(margin, mining, distance, power, fallback, reduction=reduction)
    step = step_of(loss, *batches[0], mode, weight)
    pair = resolve(mining)
    if reduction == "auto":
        reduction = "mean_over_active" if pair == ("all", "all") else "sum_over_batch_size"
    for labels, x in batches:
        value, gradient = step(labels, x)
        x64 = x.astype("float64")
        rows = oracles.triplet_terms(labels, x64, margin, *pair, distance, power, fallback)
        expected_value, expected_gradient = oracles.reduce(rows, x64, distance, reduction, weight)
        np.testing.assert_allclose(value, expected_value, rtol=rtol, atol=1e-6)
        scale = max(np.abs(expected_gradient).max(), 1e-3)
        np.testing.assert_allclose(gradient / scale, expected_gradient / scale, atol=2 * rtol)


@pytest.mark.parametrize("name", ORDINARY)
@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
@pytest.mark.parametrize("margin", [0.2, 1.5, None])
def test_every_strategy_equals_the_formula(name, pair, margin):
    compare(ORDINARY[name], pair, margin)


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("mining", [*NAMED, ("easy", "semi-hard"), ("semi-hard", "all")], ids=str)
@pytest.mark.parametrize("margin", [0.2, None])
def test_degenerate_batches_equal_the_formula(name, mining, margin):
    compare(DEGENERATE[name], mining, margin)


@pytest.mark.parametrize("name", ["four-by-four", "lopsided", "two-classes"])
@pytest.mark.parametrize("mining", [*NAMED, ("easy", "semi-hard"), ("hard", "all")], ids=str)
def test_squared_hinge_equals_the_formula(name, mining):
    for margin in (0.2, 1.5):
        compare(ORDINARY[name], mining, margin, power=2)


@pytest.mark.parametrize("name", ["four-by-four", "lopsided", "two-classes"])
@pytest.mark.parametrize("fallback", ["hard", "easy"])
@pytest.mark.parametrize(
    "mining",
    [p for p in PAIRS if "semi-hard" in p],
    ids="/".join,
)
def test_fallback_of_semi_hard_equals_the_formula(name, fallback, mining):
    compare(ORDINARY[name], mining, fallback=fallback)
    compare(DEGENERATE["lone-classes"], mining, fallback=fallback)


@pytest.mark.parametrize("mode", ["eager", *COMPILED_ONCE])
def test_warmup_takes_semi_hard_negatives_until_the_hardest_are_beyond(mode):
    labels, x = ORDINARY["four-by-four"]
    apart = x + 3 * np.eye(4, 5)[labels].astype("float32")
    step = step_of(TripletLoss(0.5, warmup=True), labels, x, mode)
    for batch, pair, fallback in (
        ((labels, x), ("hard", "semi-hard"), "easy"),
        ((labels, apart), ("hard", "hard"), None),
    ):
        value, gradient = step(*batch)
        same, slope = value_and_gradient(TripletLoss(0.5, pair, fallback=fallback), *batch)
        np.testing.assert_allclose(value, same, rtol=1e-5)
        np.testing.assert_allclose(gradient, slope, atol=1e-6)


@pytest.fixture(params=["passes", "sorted"])
def way(request, monkeypatch):
    """Both ways to form triplets of all positives, for every size of classes."""
    for module in (_all_triplets, _one_negative):
        monkeypatch.setattr(module, "_SMALL", 10**6 if request.param == "passes" else 0)


@pytest.mark.parametrize("name", [*ORDINARY, *DEGENERATE])
def test_semi_hard_either_way(way, name):
    for fallback in (None, "hard", "easy"):
        compare((ORDINARY | DEGENERATE)[name], "semi-hard", fallback=fallback)


@pytest.mark.parametrize("mode", COMPILED_ONCE)
def test_semi_hard_either_way_compiled(way, mode):
    batches = ORDINARY["lopsided"], DEGENERATE["no-negatives"]
    compare_each(batches, "semi-hard", 0.7, fallback="easy", mode=mode)


@pytest.mark.parametrize("name", [*ORDINARY, *DEGENERATE])
@pytest.mark.parametrize("power", [1, 2])
def test_all_triplets_either_way(way, name, power):
    batch = (ORDINARY | DEGENERATE)[name]
    if name == "huge" and power == 2:
        pytest.skip("the square of 1e20 is beyond float32")
    for margin in (0.0, 0.2, 1.5):
        compare(batch, "all", margin, power=power)


@pytest.mark.parametrize("mode", COMPILED_ONCE)
@pytest.mark.parametrize(
    ("way", "power"),
    [
        ("passes", 1),
        ("sorted", 2),
        pytest.param("passes", 2, marks=slow),
        pytest.param("sorted", 1, marks=slow),
    ],
    indirect=["way"],
)
def test_all_triplets_either_way_compiled(way, mode, power):
    batches = ORDINARY["lopsided"], DEGENERATE["no-negatives"]
    compare_each(batches, "all", 0.7, power=power, mode=mode)


@pytest.mark.parametrize("distance", oracles.OF_REALS)
@pytest.mark.parametrize("mining", [*NAMED, ("hard", "all"), ("all", "easy")], ids=str)
def test_every_distance_equals_the_formula(distance, mining):
    compare(ORDINARY["lopsided"], mining, 0.7, distance)
    compare(DEGENERATE["zero-vectors"], mining, 0.7, distance)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_over_active", "sum", None])
@pytest.mark.parametrize("mining", NAMED)
def test_reductions_and_sample_weight_equal_the_formula(reduction, mining):
    labels, _ = batch = ORDINARY["lopsided"]
    weight = np.linspace(0.0, 2.0, len(labels)).astype("float32")
    compare(batch, mining, reduction=reduction)
    compare(batch, mining, reduction=reduction, weight=weight)


# One of each way to compute them; named ones are compiled below.
DIFFERENT = ["easy/hard", "semi-hard/easy", "hard/all", "all/hard", "all/semi-hard"]


@pytest.mark.parametrize(
    "pair",
    [pytest.param(p, marks=() if "/".join(p) in DIFFERENT else slow) for p in PAIRS],
    ids="/".join,
)
def test_compiled_equals_the_formula(pair):
    compare(ORDINARY["int64-labels"], pair, mode="xla")


@pytest.mark.parametrize("mode", COMPILED)
@pytest.mark.parametrize(
    ("mining", "margin"),
    [
        *((mining, 0.2) for mining in NAMED),
        ("all", None),
        *(pytest.param(mining, None, marks=slow) for mining in NAMED if mining != "all"),
    ],
)
def test_named_minings_in_every_mode(mode, mining, margin):
    batches = DEGENERATE["lone-classes"], DEGENERATE["batch-of-one"]
    compare_each(batches, mining, margin, mode=mode)


@pytest.mark.parametrize("margin", [1, 2, 5])
def test_a_term_of_exactly_zero_is_not_active(margin):
    """Whole-number distances with a whole margin: ties decide the count."""
    labels, x = DEGENERATE["integers"]
    for mining in ("all", "semi-hard"):
        compare((labels, x), mining, margin, reduction="mean_over_active")


@pytest.mark.parametrize("name", DUPLICATES)
@pytest.mark.parametrize("mining", ["hard", "all"])
@pytest.mark.parametrize("margin", [0.2, None])
def test_duplicates_give_the_value_and_a_gradient_of_the_twins_together(name, mining, margin):
    """Which of two identical embeddings is chosen is free; what they receive in all is not."""
    labels, x = DUPLICATES[name]
    value, gradient = value_and_gradient(TripletLoss(margin, mining), labels, x)
    x64 = x.astype("float64")
    rows = oracles.triplet_terms(labels, x64, margin, *resolve(mining), "euclidean")
    reduction = "mean_over_active" if mining == "all" else "sum_over_batch_size"
    expected_value, expected_gradient = oracles.reduce(rows, x64, "euclidean", reduction)
    np.testing.assert_allclose(value, expected_value, rtol=1e-3)
    _, group = np.unique(x, axis=0, return_inverse=True)
    for g in np.unique(group):
        np.testing.assert_allclose(
            gradient[group == g].sum(0), expected_gradient[group == g].sum(0), atol=1e-3
        )


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_hard_distances_of_near_duplicates_do_not_cancel(shift):
    """1e-4 apart on the unit sphere, and at norm 173: direct differences stay exact."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(4, 3))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    x = np.repeat(base, 2, axis=0) + shift
    x[1::2] += 1e-4 * rng.normal(size=(4, 3))
    labels = np.repeat(np.arange(4), 2)
    x = x.astype("float32")
    compare((labels, x), "hard", 2.0, reduction=None)
    to_twin = np.asarray(distances.get("euclidean").paired(x[::2], x[1::2]))
    exact = np.linalg.norm(x[::2].astype("float64") - x[1::2], axis=1)
    np.testing.assert_allclose(to_twin, exact, rtol=1e-6)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64", "float32"]
)
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_labels_of_any_number_type_and_shape(dtype, mode):
    labels, x = ORDINARY["lopsided"]
    expected, _ = value_and_gradient(TripletLoss(), labels, x)
    # The other shape is that of every other test.
    for shaped in (labels.astype(dtype), labels.astype(dtype)[:, None])[mode != "eager" :]:
        value, _ = value_and_gradient(TripletLoss(), shaped, x, mode)
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_labels_that_floats_confuse_stay_apart():
    x = np.array([[0.0], [0.1], [1.0], [1.3]], "float32")
    for big in (2**24, 2**53, -(2**60)):
        labels = np.array([big, big, big + 1, big + 1])
        compare((labels, x), "hard", 1.0)


@pytest.mark.parametrize(
    ("mode", "mining"), [("graph", "hard"), *((m, n) for m in ("eager", "xla") for n in NAMED)]
)
def test_unsigned_ids_of_64_bits_stay_apart(mode, mining):
    if keras.config.backend() == "jax" and mode != "eager":
        pytest.skip("JAX has no 64 bits unless they are enabled for the process")
    x = ORDINARY["four-by-four"][1][:4]
    loss = TripletLoss(1.0, mining)
    expected, _ = value_and_gradient(loss, np.array([0, 1, 0, 1]), x)
    step = step_of(loss, np.zeros(4, "uint64"), x, mode)
    for ids in ([1, 1 + 2**32] * 2, [2**63 - 1, 2**64 - 1] * 2):
        value, _ = step(np.array(ids, "uint64"), x)
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        assert value > 0


def test_an_empty_batch_is_zero():
    assert float(TripletLoss()(np.zeros(0, int), np.zeros((0, 3), "float32"))) == 0.0


@pytest.mark.parametrize(("dtype", "first"), [("float32", 2**24), ("float64", 2**53)])
def test_floats_too_large_to_be_told_apart_are_an_error(dtype, first):
    x = ORDINARY["four-by-four"][1][:4]
    labels = np.array([first, first, first + 2, first + 2], dtype)
    with pytest.raises(ValueError, match="distinct in their float type"):
        TripletLoss()(labels, x)
    if dtype == "float32" and keras.config.backend() == "tensorflow":
        assert np.isnan(value_and_gradient(TripletLoss(), labels, x, "xla")[0])


def test_half_precision_embeddings_are_computed_in_float32():
    labels, x = ORDINARY["four-by-four"]
    half = x.astype("float16")
    value, gradient = value_and_gradient(TripletLoss(), labels, half)
    expected, _ = value_and_gradient(TripletLoss(), labels, half.astype("float32"))
    assert value.dtype == "float32"
    assert gradient.dtype == "float16"
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_float64_is_computed_in_float64():
    if keras.config.backend() == "jax":
        pytest.skip("JAX has no float64 unless it is enabled for the process")
    labels, x = ORDINARY["four-by-four"]
    x = x.astype("float64")
    value, _ = value_and_gradient(TripletLoss(dtype="float64"), labels, x)
    rows = oracles.triplet_terms(labels, x, 0.2, "hard", "hard", "euclidean")
    np.testing.assert_allclose(
        value, oracles.reduce(rows, x, "euclidean", "sum_over_batch_size")[0], rtol=1e-12
    )


def test_a_function_as_distance():
    def weighted(x, y):
        return keras.ops.sum(keras.ops.abs(x - y), axis=-1)

    labels, x = ORDINARY["lopsided"]
    for mining in NAMED:
        ours = TripletLoss(distance=weighted, mining=mining)(labels, x)
        theirs = TripletLoss(distance="manhattan", mining=mining)(labels, x)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": -0.1}, "Expected margin to be a number of at least 0.*Received: margin=-0.1"),
        ({"margin": float("nan")}, "Received: margin=nan"),
        ({"margin": "big"}, "Received: margin='big'"),
        ({"mining": "hardest"}, "one of hard, semi-hard, all.*Received: mining='hardest'"),
        ({"power": 3}, r"power to be 1 \(hinge\) or 2.*Received: power=3"),
        ({"power": 2, "margin": None}, "power to be 1 with the soft margin"),
        ({"fallback": "nearest"}, "None, hard, easy.*Received: fallback='nearest'"),
        ({"warmup": True, "mining": "all"}, "warmup with one hardest negative.*mining='all'"),
        ({"mining": ("hard", "no")}, "easy, hard, semi-hard, all"),
        ({"mining": ("semi-hard", "semi-hard")}, "only one of positive and negative"),
        ({"distance": "euclid"}, "cosine, euclidean, .*inner_product.*distance='euclid'"),
        ({"reduction": "average"}, "sum_over_batch_size.*reduction='average'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        TripletLoss(**arguments)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_bad_shapes(mode):
    x = np.zeros((4, 3), "float32")
    with pytest.raises(ValueError, match=r"shape \(batch, dim\)"):
        TripletLoss()(np.zeros(4, int), x[None])
    with pytest.raises(ValueError, match="one label for each embedding"):
        value_and_gradient(TripletLoss(), np.zeros(3, int), x, mode)
    with pytest.raises(ValueError, match=r"shape \(batch,\) or \(batch, 1\)"):
        value_and_gradient(TripletLoss(), np.zeros((4, 4), int), x, mode)
    with pytest.raises(ValueError, match=r"whole class ids.*Received: y_true=0.5"):
        TripletLoss()(np.array([0.0, 0.5, 1.0, 1.0]), x)
    with pytest.raises(TypeError, match="integer class ids"):
        TripletLoss()(np.array(["a", "b", "c", "d"]), x)


@pytest.mark.parametrize("mining", NAMED)
def test_non_finite_embeddings_are_reported(mining):
    labels, x = ORDINARY["four-by-four"]
    x = x.copy()
    x[3, 1] = np.nan
    loss = TripletLoss(mining=mining)
    with pytest.raises(ValueError, match=r"Expected finite embeddings.*Received: y_pred with NaN"):
        loss(labels, x)


def test_non_finite_embeddings_are_reported_or_nan_in_a_compiled_step():
    labels, x = ORDINARY["four-by-four"]
    x = x.copy()
    x[3, 1] = np.nan
    loss = TripletLoss()
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        with pytest.raises(tf.errors.InvalidArgumentError, match="Expected finite embeddings"):
            value_and_gradient(loss, labels, x, "graph")
    assert np.isnan(value_and_gradient(loss, labels, x, MODES[-1])[0])


@pytest.mark.parametrize("margin", [0.2, None])
def test_siamese_triplet(margin):
    d = np.array([[0.5, 0.4], [0.1, 0.9], [0.3, 0.3]], "float32")
    t = d[:, 0].astype("float64") - d[:, 1]
    values = np.logaddexp(0, t) if margin is None else np.maximum(0, t + margin)
    loss = SiameseTripletLoss(margin)
    np.testing.assert_allclose(loss(np.zeros(3), d), values.mean(), rtol=1e-6)
    np.testing.assert_allclose(
        SiameseTripletLoss(margin, reduction="sum")(np.zeros((3, 1)), d), values.sum(), rtol=1e-6
    )
    weight = np.array([1.0, 0.0, 2.0])
    np.testing.assert_allclose(loss(np.zeros(3), d, weight), (values * weight).mean(), rtol=1e-6)
    with pytest.raises(ValueError, match=r"shape \(batch, 2\)"):
        loss(np.zeros(3), d[:, :1])
