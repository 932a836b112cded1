"""The defaults that help shows are those of the recipes; Keras is not needed to read them."""

import pytest

from tfmetric.cli.recipe_defaults import default_of, recipes
from tfmetric.cli.train import train
from tfmetric.training.recipes import RECIPES


def test_the_source_says_what_the_table_holds():
    assert list(recipes()) == list(RECIPES)
    for kind, settings in RECIPES.items():
        values = vars(settings) | dict(settings.loss_arguments)
        del values["loss_arguments"]
        assert recipes()[kind] == values


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("epochs", "12 for image; 10 otherwise"),
        ("augment", "yes for image and audio; no otherwise"),
        ("crop_to_ink", "none"),
        ("distance", "the loss's own"),
    ],
)
def test_defaults_in_words(name, said):
    assert default_of(name) == said


def test_every_setting_of_train_shows_its_default():
    shown = {p.name: p.help for p in train.params if getattr(p, "help", None)}
    for name in ("loss", "dropout", "epochs", "margin", "weight_decay", "rotate_classes"):
        assert shown[name].endswith(f"[default: {default_of(name)}]"), name
