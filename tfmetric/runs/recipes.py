"""How a data set is trained on if nothing else is said: settings that are known to do well."""

from typing import NamedTuple

from tfmetric.training import Settings


class Recipe(NamedTuple):
    """Settings of one training, and how its images are read.

    Attributes:
        settings: How to train.
        image_size: Side in pixels that images are resized to; None keeps their own.
    """

    settings: Settings
    image_size: int | None = None


_TRIPLETS = Settings("TripletLoss", {"margin": 0.2, "mining": "hard", "distance": "euclidean"})
_KNOWN = {
    "glyphs": Recipe(_TRIPLETS.replace(classes_per_batch=48, examples_per_class=4)),
    "digits": Recipe(_TRIPLETS.replace(epochs=5, classes_per_batch=5, embedding_dim=32, filters=8)),
    "tfds:omniglot": Recipe(
        _TRIPLETS.replace(
            loss_arguments={"mining": "semi-hard", "distance": "squared_euclidean"},
            crop_to_ink=28,
            classes_per_batch=64,
            examples_per_class=4,
            epochs=22,
            batches_per_epoch=150,
            embedding_dim=128,
            augment=True,
            rotate_classes=True,
        )
    ),
}

# Data of any kind, with few classes or many: semi-hard triplets, which train on ten classes too,
# where the hardest ones collapse. Photographs of a size that two cores are enough for.
_OTHER = Recipe(
    _TRIPLETS.replace(loss_arguments={"mining": "semi-hard"}, augment=True, epochs=12),
    image_size=48,
)


def recipe_for(source: str) -> Recipe:
    """The recipe of a data set by the name that ``datasets.load`` knows it under."""
    return _KNOWN.get(":".join(source.split(":")[:2]), _OTHER)
