"""Labelled data: loading, checking, splitting by class, batches, pairs, triplets, augmentation."""

from tfmetric._foreign_names import answering
from tfmetric.datasets.augmentation import ImageAugmentation, augmentation
from tfmetric.datasets.batches import balanced_batches
from tfmetric.datasets.decoding import decode_image
from tfmetric.datasets.in_memory import from_arrays
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.loading import builtin_names, load
from tfmetric.datasets.pairs import pairs, triplets
from tfmetric.datasets.report import DataReport
from tfmetric.datasets.splitting import split_classes

__all__ = [
    "DataReport",
    "ImageAugmentation",
    "LabeledData",
    "augmentation",
    "balanced_batches",
    "builtin_names",
    "decode_image",
    "from_arrays",
    "load",
    "pairs",
    "split_classes",
    "triplets",
]

__getattr__ = answering(__name__)
