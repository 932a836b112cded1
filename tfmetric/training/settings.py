"""The settings of one training, as plain values for files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.sampling import batch_within
from tfmetric.training.kinds import check_settings
from tfmetric.training.losses import loss_arguments, make_loss

# Arguments of a loss that a description always names.
_TOLD = ("margin", "mining", "distance", "temperature", "scale")


@dataclass(frozen=True)
class Settings:
    """Settings of one training.

    They are plain values: :meth:`to_dict` and :meth:`from_dict` are for files. The same settings,
    data and seed give the same training.

    Attributes:
        loss: Class name of a loss of ``tfmetric.losses`` on class ids, see
            :func:`tfmetric.training.loss_names`.
        loss_arguments: Arguments of the loss by name; its defaults otherwise, and semi-hard mining
            for ``TripletLoss``: the hardest triplets, the default of the class, collapse on few
            classes.
        classes_per_batch: P.
        examples_per_class: K.
        epochs: Epochs of ``batches_per_epoch`` batches.
        batches_per_epoch: Steps in an epoch.
        learning_rate: Peak of AdamW's rate: warmed up over a tenth of the steps, then a cosine.
        weight_decay: Weight decay of AdamW, on kernels only.
        embedding_dim: Length of an embedding.
        backbone: As in :func:`tfmetric.models.embedder`: None for a small network, or the name
            of one of ``keras.applications``.
        weights: None, a path, or "imagenet": initial weights of the backbone.
        filters: Channels of the first block of the small network.
        dropout: Fraction of the features dropped before the last layer.
        augment: Whether to augment training examples: images are turned, shifted, scaled and
            sheared; recordings change loudness and start and get noise.
        crop_to_ink: Side in pixels of the square to which drawings are cut out and scaled; None for
            unchanged images.
        rotate_classes: Whether images turned by 90°, 180° and 270° are further classes.

    Raises:
        ValueError: If a value is unknown or out of its range.

    >>> settings = Settings("NTXentLoss", {"temperature": 0.2}, epochs=2)
    >>> settings.replace(epochs=3).to_dict()["loss"]
    {'name': 'NTXentLoss', 'temperature': 0.2}
    """

    loss: str = "TripletLoss"
    loss_arguments: Mapping = field(default_factory=dict)
    classes_per_batch: int = 32
    examples_per_class: int = 8
    epochs: int = 10
    batches_per_epoch: int = 40
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    embedding_dim: int = 64
    backbone: str | None = None
    weights: str | None = None
    filters: int = 24
    dropout: float = 0.0
    augment: bool = False
    crop_to_ink: int | None = None
    rotate_classes: bool = False

    def __post_init__(self):
        make_loss(self.loss, self.loss_arguments)
        for name in (
            "classes_per_batch",
            "examples_per_class",
            "epochs",
            "batches_per_epoch",
            "embedding_dim",
            "filters",
        ):
            _positive(**{name: getattr(self, name)})
        for name, high in (("learning_rate", 1e3), ("weight_decay", 1e3), ("dropout", 1)):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value < high or (name == "learning_rate" and value == 0):
                raise ValueError(
                    expected(f"{name} to be from 0 to below {high:g}", **{name: value})
                )
        for name in ("augment", "rotate_classes"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(expected(f"{name} to be a bool", **{name: getattr(self, name)}))
        for name in ("backbone", "weights"):
            value = getattr(self, name)
            if not isinstance(value, str | None) or "\0" in (value or ""):
                raise ValueError(expected(f"{name} to be a str or None", **{name: value}))
        if self.crop_to_ink is not None:
            _positive(crop_to_ink=self.crop_to_ink)

    def replace(self, **settings: Any) -> Settings:
        """Returns the settings with some replaced.

        ``loss_arguments`` are merged with the present arguments, unless ``loss`` changes.
        """
        loss = settings.get("loss", self.loss)
        if "loss_arguments" in settings and loss == self.loss:
            arguments = {**self.loss_arguments, **settings["loss_arguments"]}
            settings = {**settings, "loss_arguments": arguments}
        elif loss != self.loss:
            settings = {"loss_arguments": {}, **settings}
        return dataclasses.replace(self, **settings)

    def fitted(self, data: Any) -> Settings:
        """Fits the settings to the data: no batch takes more classes and examples than there are.

        With too few classes a batch takes more examples of each, as
        :func:`tfmetric.datasets.balanced_batches` does.

        Args:
            data: The training part, a ``LabeledData``.

        Raises:
            ValueError: If a setting is for another kind of example, such as ``crop_to_ink`` with
                vectors.
        """
        check_settings(self, data.element)
        number = data.num_classes * (4 if self.rotate_classes else 1)
        typical = int(np.median(np.unique(data.labels, return_counts=True)[1]))
        classes, examples = batch_within(
            self.classes_per_batch, self.examples_per_class, number, typical
        )
        return self.replace(
            classes_per_batch=classes, examples_per_class=max(2, min(examples, typical))
        )

    def resolved(self) -> Settings:
        """Returns the settings with every argument of the loss, including defaults."""
        return self.replace(loss_arguments={**loss_arguments(self.loss), **self.loss_arguments})

    def describe(self) -> str:
        """Describes the settings in a line or two."""
        usual = loss_arguments(self.loss)
        shown = ", ".join(
            f"{name} {'soft' if name == 'margin' and value is None else _shown(value)}"
            for name, value in self.loss_arguments.items()
            if name in _TOLD or value != usual[name]
        )
        extras = [
            text
            for text, on in (
                (f"network {self.backbone}", self.backbone),
                ("drawings cut out", self.crop_to_ink),
                ("augmented examples", self.augment),
                ("turned characters as further classes", self.rotate_classes),
            )
            if on
        ]
        return (
            f"{self.loss}{f' ({shown})' if shown else ''}, batches of {self.classes_per_batch} "
            f"classes × {self.examples_per_class} examples, {self.epochs} epochs of "
            f"{self.batches_per_epoch} steps" + "".join(f", {text}" for text in extras)
        )

    def to_dict(self) -> dict:
        """Settings as plain values; the loss is a dictionary of its name and arguments."""
        values = dataclasses.asdict(self)
        arguments = values.pop("loss_arguments")
        return {**values, "loss": {"name": self.loss, **arguments}}

    @classmethod
    def from_dict(cls, values: Mapping) -> Settings:
        """The settings that :meth:`to_dict` gave.

        Args:
            values: Settings by name; those that are not there have their defaults.

        Raises:
            ValueError: If a name is unknown, or a value out of its range.
        """
        values = dict(values)
        loss = values.pop("loss", {})
        if not isinstance(loss, (str, Mapping)):
            raise ValueError(
                expected("loss as a name, or as a dictionary of its name and arguments", loss=loss)
            )
        loss = {"name": loss} if isinstance(loss, str) else dict(loss)
        known = [f.name for f in dataclasses.fields(cls) if f.name != "loss_arguments"]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(expected(f"settings among {', '.join(known)}", unknown=unknown))
        return cls(loss=loss.pop("name", cls.loss), loss_arguments=loss, **values)


def _positive(**setting):
    (name, value), *_ = setting.items()
    if isinstance(value, bool) or not (isinstance(value, int) and 0 < value < 2**31):
        raise ValueError(expected(f"{name} to be an int above 0 and below 2³¹", **setting))


def _shown(value):
    return f"{value:g}" if isinstance(value, float) else value
