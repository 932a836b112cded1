"""How the quickstart trains: settings that are known to do well on a data set, and a default."""

import dataclasses
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Recipe:
    """Settings of one training.

    Attributes:
        image_size: Side in pixels that images are resized to; None keeps their own.
        classes_per_batch: P.
        examples_per_class: K.
        epochs: Epochs of ``batches_per_epoch`` batches.
        batches_per_epoch: Steps an epoch.
        margin: Margin of the triplet loss, None for the soft margin.
        mining: Mining of the triplet loss.
        distance: Distance of the triplet loss, on embeddings of length 1.
        learning_rate: Peak of AdamW's rate: warmed up over a tenth of the steps, then a cosine.
        embedding_dim: Length of an embedding.
        filters: Channels of the first block of the network.
        augment: Whether images are turned, shifted, scaled and sheared a little.
        crop_to_ink: Side of the square that what is drawn is cut out and scaled to; None for
            images as they are.
        rotate_classes: Whether characters turned by 90°, 180° and 270° are further classes.
    """

    image_size: int | None = None
    classes_per_batch: int = 32
    examples_per_class: int = 8
    epochs: int = 10
    batches_per_epoch: int = 40
    margin: float | None = 0.2
    mining: str = "hard"
    distance: str = "euclidean"
    learning_rate: float = 3e-3
    embedding_dim: int = 64
    filters: int = 24
    augment: bool = False
    crop_to_ink: int | None = None
    rotate_classes: bool = False

    def replace(self, **settings) -> "Recipe":
        """The recipe with some settings replaced."""
        return dataclasses.replace(self, **settings)

    def fitted(self, data) -> "Recipe":
        """The recipe for this training data: no more classes and examples a batch than it has."""
        number = data.num_classes * (4 if self.rotate_classes else 1)
        typical = int(np.median(np.unique(data.labels, return_counts=True)[1]))
        return self.replace(
            classes_per_batch=min(self.classes_per_batch, number),
            examples_per_class=max(2, min(self.examples_per_class, typical)),
            augment=self.augment and len(data.element_shape) == 3,
        )

    def describe(self) -> str:
        """The settings in a line or two for the user."""
        margin = "soft margin" if self.margin is None else f"margin {self.margin:g}"
        extras = [
            text
            for text, on in (
                ("drawings cut out", self.crop_to_ink),
                ("augmented images", self.augment),
                ("turned characters as further classes", self.rotate_classes),
            )
            if on
        ]
        return (
            f"Triplet loss, {margin}, {self.mining} mining, batches of {self.classes_per_batch} "
            f"classes × {self.examples_per_class} examples, {self.epochs} epochs of "
            f"{self.batches_per_epoch} steps" + "".join(f", {text}" for text in extras)
        )

    def to_dict(self) -> dict:
        """The settings as plain values."""
        return dataclasses.asdict(self)


_KNOWN = {
    "glyphs": Recipe(classes_per_batch=48, examples_per_class=4),
    "digits": Recipe(epochs=5, classes_per_batch=5, embedding_dim=32, filters=8),
    "tfds:omniglot": Recipe(
        crop_to_ink=28,
        classes_per_batch=64,
        examples_per_class=4,
        epochs=22,
        batches_per_epoch=150,
        mining="semi-hard",
        distance="squared_euclidean",
        embedding_dim=128,
        augment=True,
        rotate_classes=True,
    ),
}

# Photographs of any size: enlarged no image, and small enough for two cores.
_OTHER_IMAGES = Recipe(image_size=48, augment=True, epochs=12)


def recipe_for(source: str) -> Recipe:
    """The recipe of a data set by the name that ``datasets.load`` knows it under."""
    return _KNOWN.get(":".join(source.split(":")[:2]), _OTHER_IMAGES)
