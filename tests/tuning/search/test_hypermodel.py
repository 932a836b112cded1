"""Our hypermodel in Keras Tuner's own classes."""

import keras
import keras_tuner as kt
import numpy as np
import pytest

import tfmetric as tm
from tfmetric.training import Settings
from tfmetric.tuning import MetricHyperModel, Range

LABELS = np.arange(60) % 10
DATA = tm.datasets.from_arrays(np.random.default_rng(0).normal(size=(60, 4)), LABELS)
TRAIN, VALIDATION = DATA.subset(LABELS < 6), DATA.subset(LABELS >= 6)
SETTINGS = Settings(epochs=2, batches_per_epoch=1, embedding_dim=3)


def build(dim):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(dim)(inputs))


class Seen(keras.callbacks.Callback):
    """Needs the figures in the logs, as EarlyStopping does."""

    def on_epoch_end(self, epoch, logs=None):
        assert "val_map_at_r" in logs


@pytest.mark.slow
def test_keras_tuners_own_search_trains_and_judges_on_other_classes(tmp_path):
    model = MetricHyperModel(
        build, ["TripletLoss", "ArcFaceLoss"], {"learning_rate": Range(1e-3, 1e-2)}, SETTINGS, TRAIN
    )
    tuner = kt.GridSearch(
        model, objective=kt.Objective("val_map_at_r", "max"), max_trials=1, directory=tmp_path
    )
    tuner.search(validation_data=VALIDATION, epochs=1, callbacks=[Seen()], verbose=0)
    [best] = tuner.get_best_hyperparameters()
    assert model.settings_of(best).loss_arguments["margin"] == 0.2
    [trained] = tuner.get_best_models()
    assert trained.output_shape == (None, 3)
    names = {parameter.name for parameter in tuner.oracle.get_space().space}
    assert names == {
        "loss",
        "TripletLoss/margin",
        "ArcFaceLoss/margin",
        "ArcFaceLoss/scale",
        "learning_rate",
    }


def test_a_model_can_be_made_without_data():
    hp = kt.HyperParameters()
    model = MetricHyperModel(build, "NTXentLoss", settings=SETTINGS).build(hp)
    assert model.loss.temperature == hp.values["temperature"] == 0.1
    proxies = MetricHyperModel(losses="ProxyAnchorLoss", settings=SETTINGS, train=TRAIN)
    model = proxies.build(kt.HyperParameters())
    assert model.head.num_classes == 6
    assert model.embedder.input_shape == (None, 4)


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match="Expected train, the training data"):
        MetricHyperModel()
    with pytest.raises(ValueError, match=r"losses_with_proxies=\['ArcFaceLoss'\]"):
        MetricHyperModel(build, "ArcFaceLoss")
    model = MetricHyperModel(build, settings=SETTINGS)
    hp = kt.HyperParameters()
    with pytest.raises(ValueError, match="Expected train, here or"):
        model.fit(hp, None, validation_data=VALIDATION)
    with pytest.raises(ValueError, match="classes that are not trained on"):
        model.fit(hp, None, DATA, validation_data=VALIDATION)
