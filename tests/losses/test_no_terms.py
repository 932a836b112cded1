"""A batch in which a loss finds nothing to compare costs 0, and says so once."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmetric import losses

APART, TOGETHER = np.arange(4), np.array([0, 0, 1, 1])
X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
SAYS = "found nothing to compare in a batch of 4 examples"


@pytest.fixture(autouse=True)
def every_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def once(loss, call):
    with pytest.warns(UserWarning, match=SAYS):
        assert float(call(loss, APART)) == 0.0
    assert float(call(loss, APART)) == 0.0


@pytest.mark.parametrize(
    "loss", [losses.MultipleNegativesRankingLoss(), losses.TripletLoss(), losses.NTXentLoss()]
)
def test_an_eager_call_warns_once(loss):
    once(loss, lambda loss, labels: loss(labels, X))


def test_a_graph_warns_once():
    loss = losses.TripletLoss()
    signature = [tf.TensorSpec([None], "int64"), tf.TensorSpec([None, 3])]
    step = tf.function(lambda labels, x: loss(labels, x), signature, autograph=False)
    assert float(step(TOGETHER, X)) > 0
    once(loss, lambda _, labels: step(labels, X))


def test_a_fit_warns_and_trains_on():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", loss=losses.NTXentLoss())
    model.fit(X, TOGETHER, batch_size=4, shuffle=False, verbose=0)
    with pytest.warns(UserWarning, match="ntxent_loss found nothing to compare in a batch of 4"):
        model.fit(X, APART, batch_size=4, shuffle=False, verbose=0)


def test_nothing_is_said_where_there_is_something_or_no_batch():
    loss = losses.TripletLoss()
    loss(TOGETHER, X)
    loss(APART[:1], X[:1])
    loss(APART[:0], X[:0])
    losses.OnTwoSides(losses.NTXentLoss())(APART, np.stack([X, X[::-1]], axis=1))


def test_xla_compiles_without_the_check():
    loss = losses.TripletLoss()
    step = tf.function(lambda labels, x: loss(labels, x), autograph=False, jit_compile=True)
    assert float(step(tf.constant(APART), tf.constant(X))) == 0.0


def test_a_memory_that_holds_a_partner_is_something():
    memory = losses.Memory(np.array([2]), X[:1], np.array([True]))
    assert float(losses.NTXentLoss()(APART, X, memory=memory)) > 0


def test_the_warning_names_the_loss_and_the_remedy():
    with pytest.warns(UserWarning, match="^mine found nothing to compare.*balanced_batches"):
        losses.NTXentLoss(name="mine")(APART, X)
