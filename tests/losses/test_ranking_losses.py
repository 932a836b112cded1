"""What the common suite does not ask of the losses on rankings, angles and histograms."""

import numpy as np
import pytest
from keras import ops
from support.backends import value_and_gradient

from tfmetric import losses
from tfmetric.evaluation import retrieval


def batch(seed=0, classes=6, each=4):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    x = rng.normal(size=(classes, 8))[labels] + rng.normal(size=(len(labels), 8))
    return labels, x.astype("float32")


def test_smooth_ap_tends_to_one_minus_the_mean_average_precision():
    labels, x = batch()
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    order = (unit @ unit.T - 2 * np.eye(len(x))).argsort(1)[:, ::-1][:, :-1]
    hit = labels[order] == labels[:, None]
    precision = hit.cumsum(1) / np.arange(1, len(x))
    average = (precision * hit).sum(1) / hit.sum(1)
    found = float(losses.SmoothAPLoss(temperature=1e-6)(labels, x))
    assert found == pytest.approx(1 - average.mean(), abs=1e-5)


def test_recall_at_k_tends_to_one_minus_the_share_of_positives_listed():
    labels, x = batch()
    # Ranks are whole for small temperatures; a step between k and k + 1 counts rank k in full.
    loss = losses.RecallAtKLoss(k=(3,), rank_temperature=1e-3, temperature=1e-6)
    precision = retrieval(x, labels, distance="cosine", ks=(2, 3)).figures()
    lowest = 1 - precision["precision_at_3"]
    highest = 1 - precision["precision_at_2"] * 2 / 3
    # A positive at rank k itself counts half.
    assert float(loss(labels, x)) == pytest.approx((lowest + highest) / 2, abs=1e-5)


def test_a_perfect_ranking_costs_nothing():
    labels = np.repeat(np.arange(4), 3)
    x = np.eye(4, dtype="float32")[labels]
    for loss in (losses.FastAPLoss(), losses.SmoothAPLoss(), losses.HistogramLoss()):
        assert float(loss(labels, x)) == pytest.approx(0.0, abs=1e-6)


def test_histogram_is_the_chance_of_a_wrong_order():
    labels, x = batch(seed=3)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    s = unit @ unit.T
    same = labels[:, None] == labels[None]
    positive, negative = s[same & ~np.eye(len(x), dtype=bool)], s[~same]
    wrong = (negative[:, None] > positive[None]).mean()
    assert float(losses.HistogramLoss(num_bins=2000)(labels, x)) == pytest.approx(wrong, abs=5e-3)


@pytest.mark.parametrize(
    "loss", [losses.SmoothAPLoss(), pytest.param(losses.RecallAtKLoss(), marks=pytest.mark.slow)]
)
def test_classes_of_any_size(loss):
    """The number of rounds is that of the largest class of the batch, also within one graph."""
    labels, x = batch()
    for part in (slice(0, 5), slice(0, 24, 3), slice(0, 24)):
        value, gradient = value_and_gradient(loss, labels[part], x[part], "graph")
        wanted, slope = value_and_gradient(loss, labels[part], x[part])
        np.testing.assert_allclose(value, wanted, rtol=1e-5)
        np.testing.assert_allclose(gradient, slope, atol=1e-4)


@pytest.mark.parametrize(
    "loss",
    [losses.HistogramLoss(), losses.AngularLoss(), losses.MarginLoss(), losses.SmoothAPLoss()],
    ids=lambda loss: loss.name,
)
def test_what_does_not_exist_does_not_count(loss):
    """A memory whose places are empty: the batch alone."""
    labels, x = batch()
    labels = labels.astype("int32")
    references = losses.References(
        np.concatenate([labels, labels]),
        np.concatenate([x, np.broadcast_to(x[:1], x.shape)]),
        np.arange(len(x), dtype="int32"),
        np.arange(2 * len(x)) < len(x),
    )
    found = loss.terms(*map(ops.convert_to_tensor, (labels, x)), references)
    wanted = loss.terms(*map(ops.convert_to_tensor, (labels, x)))
    # What is drawn is a function of all references, the empty places included.
    exact = slice(1, 2) if loss.name == "margin_loss" else slice(None)
    for one, other in zip(found[exact], wanted[exact], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.FastAPLoss(num_bins=0), "Received: num_bins=0"),
        (lambda: losses.FastAPLoss(furthest=0), "Received: furthest=0"),
        (lambda: losses.SmoothAPLoss(temperature=-1), "Received: temperature=-1"),
        (lambda: losses.RecallAtKLoss(k=()), r"Received: k=\(\)"),
        (lambda: losses.RecallAtKLoss(k=(1, 0)), "Received: each k=0"),
        (lambda: losses.RecallAtKLoss(rank_temperature=0), "Received: rank_temperature=0"),
        (lambda: losses.HistogramLoss(num_bins=2.5), "Received: num_bins=2.5"),
        (lambda: losses.TupletMarginLoss(margin=91), "from 0 to 90. Received: margin=91"),
        (lambda: losses.TupletMarginLoss(scale=0), "Received: scale=0"),
        (lambda: losses.AngularLoss(alpha=0), "Received: alpha=0"),
        (lambda: losses.AngularLoss(alpha=61), "from 0 to 60. Received: alpha=61"),
        (lambda: losses.RankedListLoss(margin=1.3), "at most alpha. Received: margin=1.3"),
        (lambda: losses.RankedListLoss(balance=1.5), "Received: balance=1.5"),
        (lambda: losses.RankedListLoss(temperature=-1), "Received: temperature=-1"),
        (lambda: losses.LMNNLoss(neighbors=0), "Received: neighbors=0"),
        (lambda: losses.LMNNLoss(mu=2), "Received: mu=2"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
