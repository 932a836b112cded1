"""The settings and the augmentation that fit each kind of example."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tfmetric._errors import expected
from tfmetric.datasets import augmentation
from tfmetric.elements import Element
from tfmetric.layers import AudioAugmentation

_AUGMENTATIONS: dict[str, Callable] = {"image": augmentation, "audio": AudioAugmentation}
# Settings that fit only some kinds; all others fit every kind.
_KINDS = {
    "augment": tuple(_AUGMENTATIONS),
    "crop_to_ink": ("image",),
    "rotate_classes": ("image",),
    "filters": ("image", "video"),
}


def augmentation_of(element: Element) -> Callable:
    """Makes the augmentation that suits the kind of the examples.

    Args:
        element: What one example is.

    Returns:
        The ``augment`` argument of :func:`tfmetric.datasets.balanced_batches`.

    Raises:
        ValueError: If no augmentation of such examples is known that keeps their class.
    """
    if element.kind not in _AUGMENTATIONS:
        raise ValueError(_misfit("augment", True, element))
    return _AUGMENTATIONS[element.kind]()


def check_settings(settings: Any, element: Element) -> None:
    """Checks that every setting fits the kind of example, so that none is ignored silently.

    Args:
        settings: The :class:`tfmetric.training.Settings`.
        element: The element of the data.

    Raises:
        ValueError: If a setting does not fit, or the images are volumes, which have no
            augmentation.
    """
    usual = {field.name: field.default for field in dataclasses.fields(settings)}
    for name, kinds in _KINDS.items():
        value = getattr(settings, name)
        if value != usual[name] and element.kind not in kinds:
            raise ValueError(_misfit(name, value, element))
    if element.volume and (settings.augment or settings.crop_to_ink):
        raise ValueError(
            expected(
                "augment=False and crop_to_ink=None with volumes: both are for flat images",
                examples=element.describe(),
            )
        )


def _misfit(name, value, element):
    kinds = " and ".join(_KINDS[name])
    return expected(
        f"{name} with {kinds} examples only; leave it out",
        **{name: value},
        examples=element.describe(),
    )
