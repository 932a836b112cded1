"""The text tower: hashed n-grams, static vectors, or a network over words, from raw strings."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tfmetric._errors import expected
from tfmetric.elements import Element
from tfmetric.layers import CodePoints, HashedNGrams, L2Normalization, NGramBag
from tfmetric.models.towers import over_steps, static
from tfmetric.models.towers.image import own
from tfmetric.models.towers.networks import call
from tfmetric.models.towers.options import Features, Options, chosen, preprocessed
from tfmetric.models.towers.pooling import pool

_BUCKETS = 1 << 15
_VOCABULARY = 20_000
_LONGEST = 256  # Words.
_WIDTH = 128


def tower(inputs: dict[str, Any], element: Element, options: Options) -> Features:
    """Maps strings ``(B,)`` to features."""
    x = preprocessed(inputs["values"], options)
    if isinstance(options.backbone, keras.Model):
        network, x = own(options.backbone, x, options)
        return Features(pool(call(network, x, options.trainable), options))
    build = chosen(_BACKBONES, options.backbone or "ngrams", "text")
    if options.weights is not None and build is not _static:
        raise ValueError(
            expected(
                "weights with a text backbone that has published ones, backbone='static'",
                weights=options.weights,
                backbone=options.backbone,
            )
        )
    return build(x, options)


def _ngrams(x, options):
    return Features(_bag(CodePoints(name=options.name("characters"))(x), options), finished=True)


def _bag(points, options):
    ids = HashedNGrams(_BUCKETS)(points)
    name = options.name("ngrams")
    return NGramBag(options.embedding_dim, _BUCKETS, name=name, trainable=options.trainable)(ids)


def _static(x, options):
    """Static vectors stay as they are; a linear map of them and n-grams beside them are trained.

    The n-grams know the words that the vectors lack, and learn what the classes differ in.
    """
    if options.weights is None:
        raise ValueError(
            expected("weights to be the folder of the vectors with backbone='static'", weights=None)
        )
    found = static.read(options.weights)
    points = CodePoints(lowercase=found.lowercase, name=options.name("characters"))(x)
    pieces = found.splitting(options.name("pieces"))(points)
    if len(pieces.shape) == 2:
        pieces = layers.Reshape((1, -1), name=options.name("piece_row"))(pieces)
    size, dim = found.vectors.shape
    # Pretrained vectors of frequent words are short already.
    bag = NGramBag(dim, size, power=0.5, name=options.name("static"), trainable=False)
    x = L2Normalization(name=options.name("static_normalize"))(bag(pieces))
    bag.table.assign(np.concatenate([np.zeros((1, dim), "float32"), found.vectors]))
    turned = layers.Dense(
        options.embedding_dim,
        use_bias=False,
        kernel_initializer="orthogonal",
        name=options.name("turned"),
    )(x)
    if not options.trainable:
        return Features(turned, finished=True)
    return Features(layers.Add(name=options.name("both"))([turned, _bag(points, options)]), True)


def _over_words(network):
    def build(x, options):
        words = layers.TextVectorization(_VOCABULARY, name=options.name("words"))(x)
        # Add a column of padding, so that a batch of empty texts has a step too.
        ids = ops.pad(words[:, :_LONGEST], ((0, 0), (0, 1)))
        mask = ids > 0
        vectors = layers.Embedding(_VOCABULARY, _WIDTH, name=options.name("vectors"))(ids)
        return Features(pool(network(vectors, mask), options, mask))

    return build


_BACKBONES = {
    "ngrams": _ngrams,
    "static": _static,
    "gru": _over_words(lambda x, mask: over_steps.recurrent(layers.GRU, x, mask, _WIDTH)),
    "lstm": _over_words(lambda x, mask: over_steps.recurrent(layers.LSTM, x, mask, _WIDTH)),
    "cnn": _over_words(lambda x, mask: over_steps.convolutions(x, mask, (256, 256), 3)),
    "transformer": _over_words(over_steps.transformer),
}
