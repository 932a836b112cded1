"""Keras metrics to watch during fit: ``model.compile(loss=..., metrics=[...])``."""

from tfmetric._foreign_names import answering
from tfmetric.metrics.batch import BatchRecallAtOne
from tfmetric.metrics.mining import MiningStatistics
from tfmetric.metrics.pair_accuracy import PairAccuracy
from tfmetric.metrics.pairs import DistanceGap, MeanNegativeDistance, MeanPositiveDistance
from tfmetric.metrics.triplets import ActiveTripletFraction

__all__ = [
    "ActiveTripletFraction",
    "BatchRecallAtOne",
    "DistanceGap",
    "MeanNegativeDistance",
    "MeanPositiveDistance",
    "MiningStatistics",
    "PairAccuracy",
]

__getattr__ = answering(__name__)
