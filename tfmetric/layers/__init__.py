"""Keras layers: L2 normalisation, distance heads, GeM pooling."""

from tfmetric.layers.affine import RandomAffine
from tfmetric.layers.ink import CropToInk
from tfmetric.layers.normalization import L2Normalization
from tfmetric.layers.pairwise import PairwiseDistance
from tfmetric.layers.pooling import GeMPooling2D

__all__ = ["CropToInk", "GeMPooling2D", "L2Normalization", "PairwiseDistance", "RandomAffine"]
