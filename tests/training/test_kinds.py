"""Each kind of example has a recipe, and a setting for another kind is refused."""

import numpy as np
import pytest

import tfmetric as tm
from tfmetric.elements import KINDS, TEXT
from tfmetric.runs.config import resolved
from tfmetric.runs.recipes import settings_for
from tfmetric.training import Settings, prepare, recipe_of
from tfmetric.training.kinds import augmentation_of

RNG = np.random.default_rng(0)
LABELS = np.arange(24) % 6
VECTORS = tm.datasets.from_arrays(RNG.normal(size=(24, 5)).astype("float32"), LABELS)
TEXTS = tm.datasets.from_arrays([f"text {i} of {i % 6}" for i in range(24)], LABELS)
VOLUMES = tm.datasets.from_arrays(
    RNG.integers(0, 255, (24, 4, 8, 8, 1)).astype("uint8"), LABELS, kind="image"
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_recipe(kind):
    assert recipe_of(kind).epochs > 0
    assert settings_for("somewhere", kind) == recipe_of(kind)


def test_a_kind_that_there_is_not():
    with pytest.raises(ValueError, match=r"Expected kind as one of image.*Received: kind='smell'"):
        recipe_of("smell")


@pytest.mark.parametrize(
    ("data", "setting", "words"),
    [
        (VECTORS, {"crop_to_ink": 8}, "crop_to_ink with image examples only"),
        (VECTORS, {"augment": True}, "augment with image and audio examples only"),
        (VECTORS, {"rotate_classes": True}, "rotate_classes with image"),
        (VECTORS, {"filters": 8}, "filters with image and video"),
        (TEXTS, {"augment": True}, "examples='texts'"),
        (VOLUMES, {"augment": True}, "with volumes"),
        (VOLUMES, {"crop_to_ink": 8}, "with volumes"),
    ],
)
def test_a_setting_for_another_kind_is_refused_before_training(data, setting, words):
    with pytest.raises(ValueError, match=f"Expected.*{words}"):
        prepare(data, Settings(**setting))


def test_only_what_is_known_to_keep_the_class_augments():
    assert augmentation_of(tm.elements.Element("image", (8, 8, 1), "uint8"))
    with pytest.raises(ValueError, match="augment with image and audio"):
        augmentation_of(TEXT)


def test_batches_of_few_classes_hold_more_of_each():
    labels = np.arange(400) % 4
    data = tm.datasets.from_arrays(RNG.normal(size=(400, 3)), labels)
    fitted = Settings().fitted(data)
    assert (fitted.classes_per_batch, fitted.examples_per_class) == (4, 64)
    # No more than a class has.
    fitted = Settings().fitted(VECTORS)
    assert (fitted.classes_per_batch, fitted.examples_per_class) == (6, 4)


def test_a_config_waits_for_the_kind_of_the_data():
    config = resolved({}, {"dataset": "somewhere"}, {"epochs": 3}, {})
    text, vector = config.for_data(TEXTS), config.for_data(VECTORS)
    assert (text.settings, vector.settings) == tuple(
        recipe_of(kind).replace(epochs=3) for kind in ("text", "vector")
    )
    assert text.for_data(VECTORS) == text


def test_arguments_of_the_loss_of_any_recipe_are_taken():
    config = resolved({}, {"dataset": "somewhere"}, {}, {"temperature": 0.3})
    assert config.for_data(TEXTS).settings.loss_arguments["temperature"] == 0.3
    with pytest.raises(ValueError, match="arguments of TripletLoss"):
        resolved({}, {"dataset": "somewhere"}, {}, {"heat": 0.3})
