"""Settings that can be written down, and what is made of them."""

import json

import keras
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.training import Settings, loss_names, make_loss, prepare

X = np.random.default_rng(0).normal(size=(36, 5)).astype("float32")
DATA = tm.datasets.from_arrays(X, np.arange(36) % 9)
QUICK = {"epochs": 1, "batches_per_epoch": 1, "embedding_dim": 4}


@pytest.mark.parametrize("name", loss_names())
def test_every_loss_trains_from_its_default_settings(name):
    settings = Settings(name, **QUICK)
    again = Settings.from_dict(json.loads(json.dumps(settings.resolved().to_dict())))
    # JSON has lists where a loss has a tuple.
    assert json.dumps(again.to_dict()) == json.dumps(settings.resolved().to_dict())
    training = prepare(DATA.subset(DATA.labels > 1), again)
    assert training.settings.classes_per_batch == 7
    training.model.run_eagerly = True
    history = training.model.fit(training.batches, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert training.embedder.output_shape == (None, 4)


def test_the_same_seed_is_the_same_training():
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        training = prepare(DATA, Settings(**QUICK), seed=3)
        training.model.fit(training.batches, shuffle=False, verbose=0)
        weights.append(training.embedder.get_weights())
    for one, two in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_an_embedder_of_ones_own_gets_the_length():
    def build(length):
        return keras.Sequential([keras.Input((5,)), keras.layers.Dense(length)])

    assert prepare(DATA, Settings(**QUICK), build_embedder=build).embedder.output_shape[-1] == 4
    with pytest.raises(ValueError, match="build_embedder"):
        prepare(DATA, Settings(**QUICK), build_embedder=lambda length: None)


def test_replacing_keeps_the_arguments_of_the_same_loss_only():
    settings = Settings(loss_arguments={"margin": 0.3})
    both = settings.replace(loss_arguments={"mining": "all"})
    assert both.loss_arguments == {"margin": 0.3, "mining": "all"}
    assert settings.replace(loss="NTXentLoss").loss_arguments == {}


def test_a_setting_is_described():
    text = Settings(loss_arguments={"margin": None}, augment=True).describe()
    assert text.startswith("TripletLoss (margin soft), batches of 32 classes × 8 examples")
    assert text.endswith("augmented examples")
    # Usual arguments that are rarely needed are left out.
    resolved = Settings("NTXentLoss").resolved().describe()
    assert resolved.startswith("NTXentLoss (temperature 0.1, distance cosine), batches")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "TripletLos"}, "such as TripletLoss"),
        ({"loss": "SiameseTripletLoss"}, "trains an embedder"),
        ({"loss_arguments": {"temperature": 1}}, "unknown=.'temperature'"),
        ({"loss_arguments": {"margin": -1}}, "margin"),
        ({"epochs": 0}, "epochs to be an int above 0"),
        ({"crop_to_ink": 0}, "crop_to_ink to be an int above 0"),
        ({"augment": "yes"}, "augment to be a bool"),
        ({"backbone": 50}, "backbone to be a str or None"),
        ({"embedding_dim": 2.0}, "embedding_dim"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"dropout": 1}, "dropout"),
        ({"weight_decay": "much"}, "weight_decay"),
    ],
)
def test_settings_that_make_no_sense(arguments, message):
    with pytest.raises(ValueError, match=f"Expected.*{message}"):
        Settings(**arguments)


def test_unknown_names_in_a_file():
    with pytest.raises(ValueError, match=r"settings among .*learning_rate.*unknown=.'rate'"):
        Settings.from_dict({"rate": 0.1})
    assert Settings.from_dict({"loss": "CircleLoss"}) == Settings("CircleLoss")
    assert make_loss("TripletLoss").margin == 0.2
