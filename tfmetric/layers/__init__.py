"""Keras layers: heads of embedders, pooling, and preprocessing of images, texts and sound."""

from tfmetric._foreign_names import answering
from tfmetric.layers.affine import RandomAffine
from tfmetric.layers.audio_augmentation import AudioAugmentation, SpecAugment
from tfmetric.layers.batch_statistics import PromptBatchNormalization
from tfmetric.layers.byte_pairs import BytePairs
from tfmetric.layers.code_points import CodePoints
from tfmetric.layers.hashed_ids import HashedIds
from tfmetric.layers.hashed_ngrams import HashedNGrams
from tfmetric.layers.inference_mode import InferenceMode
from tfmetric.layers.ink import CropToInk
from tfmetric.layers.learned_margin import LearnedMargin
from tfmetric.layers.learned_temperature import LearnedTemperature
from tfmetric.layers.log_mel import LogMelSpectrogram
from tfmetric.layers.mahalanobis import Mahalanobis
from tfmetric.layers.masked_pooling import AttentionPooling, MaskedPooling
from tfmetric.layers.ngram_bag import NGramBag
from tfmetric.layers.normalization import L2Normalization
from tfmetric.layers.pairwise import PairwiseDistance
from tfmetric.layers.per_step import PerStep
from tfmetric.layers.pooling import GeMPooling2D
from tfmetric.layers.positions import PositionalEncoding
from tfmetric.layers.proxies import ProxyHead
from tfmetric.layers.steps import StepMask, ZeroPadding
from tfmetric.layers.streaming_log_q import StreamingLogQ
from tfmetric.layers.word_pieces import WordPieces

__all__ = [
    "AttentionPooling",
    "AudioAugmentation",
    "BytePairs",
    "CodePoints",
    "CropToInk",
    "GeMPooling2D",
    "HashedIds",
    "HashedNGrams",
    "InferenceMode",
    "L2Normalization",
    "LearnedMargin",
    "LearnedTemperature",
    "LogMelSpectrogram",
    "Mahalanobis",
    "MaskedPooling",
    "NGramBag",
    "PairwiseDistance",
    "PerStep",
    "PositionalEncoding",
    "PromptBatchNormalization",
    "ProxyHead",
    "RandomAffine",
    "SpecAugment",
    "StepMask",
    "StreamingLogQ",
    "WordPieces",
    "ZeroPadding",
]

__getattr__ = answering(__name__)
