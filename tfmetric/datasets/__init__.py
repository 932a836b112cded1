"""Labelled data of every kind: loading, checking, splitting, batches, pairs, augmentation."""

from tfmetric._foreign_names import answering
from tfmetric.datasets import readers
from tfmetric.datasets.augmentation import ImageAugmentation, augmentation
from tfmetric.datasets.batches import balanced_batches
from tfmetric.datasets.decoding import decode_image
from tfmetric.datasets.dividing import Split
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.hard_negatives import HardNegatives, mine_hard_negatives
from tfmetric.datasets.in_memory import from_arrays
from tfmetric.datasets.interaction_loading import load_interactions
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.loading import load, load_parts
from tfmetric.datasets.options import ReadOptions
from tfmetric.datasets.pair_loading import load_pairs
from tfmetric.datasets.pairs import pairs, triplets
from tfmetric.datasets.reading import examples_of_values
from tfmetric.datasets.registry import builtin_names, register_reader
from tfmetric.datasets.relation import Relation
from tfmetric.datasets.report import DataReport
from tfmetric.datasets.sources import Source
from tfmetric.datasets.splitting import split_classes, split_examples, split_groups

readers.register_all()

__all__ = [
    "DataReport",
    "Examples",
    "HardNegatives",
    "ImageAugmentation",
    "LabeledData",
    "ReadOptions",
    "Relation",
    "Source",
    "Split",
    "augmentation",
    "balanced_batches",
    "builtin_names",
    "decode_image",
    "examples_of_values",
    "from_arrays",
    "load",
    "load_interactions",
    "load_pairs",
    "load_parts",
    "mine_hard_negatives",
    "pairs",
    "register_reader",
    "split_classes",
    "split_examples",
    "split_groups",
    "triplets",
]

__getattr__ = answering(__name__)
