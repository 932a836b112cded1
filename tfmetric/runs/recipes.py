"""The settings of a run that nobody chose: those of the data set, or of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmetric.training import Settings, recipe_of
from tfmetric.training.recipes import RECIPES

_TRIPLETS = Settings("TripletLoss", {"margin": 0.2, "mining": "hard", "distance": "euclidean"})
# Data sets whose best settings are known, by the name that datasets.load knows them under.
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
# The side in pixels that photographs are resized to: what two cores are enough for.
_PHOTOGRAPHS = 48


@dataclass(frozen=True)
class Choices:
    """The settings that somebody chose, before the recipe that they change is known.

    Attributes:
        layers: (settings by name, arguments of the loss) of each place that they were chosen in,
            such as a file and the command line; a later one overrides an earlier one.
    """

    layers: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = ()

    def over(self, settings: Settings) -> Settings:
        """The settings of a recipe with what was chosen in their place."""
        for changed, arguments in self.layers:
            settings = settings.replace(**changed, loss_arguments=arguments)
        return settings

    def provisional(self, source: str, kind: str | None) -> Settings:
        """The settings as far as they are known before the data is read.

        Where the kind is not known they are those of the first recipe that the choices fit.

        Raises:
            ValueError: If the choices fit no recipe.
        """
        kinds = [kind] if kind in RECIPES else list(RECIPES)
        failed = None
        for one in kinds:
            try:
                return self.over(settings_for(source, one))
            except ValueError as error:
                failed = failed or error
        raise failed


def settings_for(source: str, kind: str) -> Settings:
    """The settings for a data set that is known, else those for the kind of its examples.

    Args:
        source: The data set, by the name that :func:`tfmetric.datasets.load` knows it under.
        kind: The kind of its examples.
    """
    known = _KNOWN.get(_short(source))
    return recipe_of(kind) if known is None else known


def image_size_for(source: str) -> int | None:
    """The side that images are resized to where nobody chose one; None for their own size."""
    return None if _short(source) in _KNOWN else _PHOTOGRAPHS


def _short(source):
    return ":".join(source.split(":")[:2])
