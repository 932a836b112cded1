import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.callbacks import CollapseMonitor


def collapsed_model(**compiled):
    """All embeddings are one: a bias on weights of zero."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(2, kernel_initializer="zeros", bias_initializer="ones"),
        ]
    )
    # Not compiled: that takes seconds, and the monitor sees the logs only.
    model.compile(keras.optimizers.SGD(0.01), run_eagerly=True, **compiled)
    return model


def batch():
    return np.random.default_rng(0).normal(size=(16, 3)).astype("float32"), np.arange(16) % 4


def fit(model, monitor, epochs=3):
    return model.fit(*batch(), epochs=epochs, batch_size=16, verbose=0, callbacks=[monitor])


def test_all_embeddings_one_is_seen_in_the_first_epoch():
    model = collapsed_model(loss=tm.TripletLoss(), metrics=[tm.metrics.MiningStatistics()])
    monitor = CollapseMonitor(patience=99)
    with pytest.warns(
        UserWarning, match=r"epoch 1: embeddings are .* from their mean.*warmup=True"
    ):
        fit(model, monitor)
    assert monitor.collapsed_at == 0


def test_a_loss_at_its_margin_is_seen_without_the_metric():
    monitor = CollapseMonitor(stop=True)
    with pytest.warns(UserWarning, match=r"at the margin for 2 epochs \(0\.2000\)"):
        history = fit(collapsed_model(loss=tm.TripletLoss(0.2)), monitor, epochs=9)
    assert monitor.collapsed_at == 1
    assert len(history.history["loss"]) == 2


def test_a_healthy_training_is_left_alone():
    x, labels = batch()
    x += 10 * np.eye(4, 3)[labels].astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    statistics = tm.metrics.MiningStatistics()
    model.compile("adam", loss=tm.TripletLoss(0.2), metrics=[statistics])
    monitor = CollapseMonitor()
    model.fit(x, labels, epochs=4, verbose=0, callbacks=[monitor])
    assert monitor.collapsed_at is None


@pytest.mark.parametrize(
    "arguments", [{"power": 2}, {"mining": "all"}, {"margin": 0.7}, {"distance": "cosine"}], ids=str
)
def test_a_collapse_with_a_last_batch_without_triplets_is_seen(arguments):
    x = np.zeros((50, 3), "float32")
    monitor = CollapseMonitor()
    model = collapsed_model(loss=tm.TripletLoss(**arguments))
    with pytest.warns(UserWarning, match="at the margin"):
        model.fit(x, np.arange(50) % 4, epochs=3, batch_size=16, verbose=0, callbacks=[monitor])
    assert monitor.collapsed_at == 1


@pytest.mark.parametrize(
    "loss",
    [tm.TripletLoss(mining="semi-hard"), tm.TripletLoss(reduction="sum"), tm.ContrastiveLoss(0.5)],
    ids=lambda loss: loss.name,
)
def test_a_loss_that_does_not_tell_needs_the_metric(loss):
    with pytest.raises(ValueError, match="MiningStatistics"):
        fit(collapsed_model(loss=loss), CollapseMonitor())
    model = collapsed_model(loss=loss, metrics=[tm.metrics.MiningStatistics()])
    with pytest.warns(UserWarning, match="from their mean"):
        fit(model, CollapseMonitor())


def test_long_embeddings_and_a_lone_example_are_no_collapse():
    x = 450 * np.eye(4, 5)[[0, 0, 1, 1]].astype("float32") + np.eye(4, 5, 1, "float32")
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5, use_bias=False)])
    model.set_weights([np.eye(5)])
    statistics = tm.metrics.MiningStatistics(distance="cosine")
    loss = tm.TripletLoss(distance="cosine")
    model.compile(keras.optimizers.SGD(0.0), loss=loss, metrics=[statistics], run_eagerly=True)
    monitor = CollapseMonitor()
    model.fit(x, np.arange(4) // 2, epochs=2, verbose=0, callbacks=[monitor])
    model.fit(x[:1], np.zeros(1, int), epochs=2, verbose=0, callbacks=[monitor])
    assert monitor.collapsed_at is None


def test_it_says_what_it_needs():
    model = collapsed_model(loss=tm.TripletLoss(None))
    with pytest.raises(ValueError, match="Expected a TripletLoss with a margin, or metrics="):
        fit(model, CollapseMonitor())
    with pytest.raises(ValueError, match=r"patience to be at least 1\. Received: patience=0"):
        CollapseMonitor(patience=0)
    with pytest.raises(ValueError, match=r"margin to be .*Received: margin='x'"):
        CollapseMonitor(margin="x")
    with pytest.raises(ValueError, match="spread"):
        CollapseMonitor(spread=float("nan"))
