"""Default settings of a run, by data set or by kind of example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmetric.training import Settings, recipe_of
from tfmetric.training.recipes import RECIPES

_TRIPLETS = Settings("TripletLoss", {"margin": 0.2, "mining": "hard", "distance": "euclidean"})
# Data sets with known best settings, by their name in datasets.load.
_KNOWN = {
    "glyphs": _TRIPLETS.replace(classes_per_batch=48, examples_per_class=4),
    "digits": _TRIPLETS.replace(epochs=5, classes_per_batch=5, embedding_dim=32, filters=8),
    "tfds:omniglot": _TRIPLETS.replace(
        loss_arguments={"mining": "semi-hard", "distance": "squared_euclidean"},
        crop_to_ink=28,
        classes_per_batch=64,
        examples_per_class=4,
        epochs=22,
        batches_per_epoch=150,
        embedding_dim=128,
        augment=True,
        rotate_classes=True,
    ),
}
# Side in pixels to which photographs are resized, chosen for two cores.
_PHOTOGRAPHS = 48


@dataclass(frozen=True)
class Choices:
    """The settings chosen by the user, before the recipe is known.

    Attributes:
        layers: (settings by name, arguments of the loss) from each place, such as a file and the
            command line; later places override earlier ones.
    """

    layers: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = ()

    def over(self, settings: Settings) -> Settings:
        """Returns a recipe's settings with the chosen values in place."""
        for changed, arguments in self.layers:
            settings = settings.replace(**changed, loss_arguments=arguments)
        return settings

    def provisional(self, source: str, kind: str | None) -> Settings:
        """Returns the settings known before the data is read.

        If the kind is unknown they come from the first recipe that the choices fit.

        Raises:
            ValueError: If the choices fit no recipe.
        """
        kinds = [kind] if kind in RECIPES else list(RECIPES)
        failures = []
        for one in kinds:
            try:
                return self.over(settings_for(source, one))
            except ValueError as error:
                failures.append(error)
        raise failures[0]


def settings_for(source: str, kind: str) -> Settings:
    """The settings for a data set that is known, else those for the kind of its examples.

    Args:
        source: The data set, by the name that :func:`tfmetric.datasets.load` knows it under.
        kind: The kind of its examples.
    """
    known = _KNOWN.get(_short(source))
    return recipe_of(kind) if known is None else known


def image_size_for(source: str) -> int | None:
    """Returns the default side to resize images to; None for their own size."""
    return None if _short(source) in _KNOWN else _PHOTOGRAPHS


def _short(source):
    return ":".join(source.split(":")[:2])
