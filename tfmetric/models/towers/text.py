"""The text tower: hashed n-grams, or a network over words, from raw strings."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tfmetric.elements import Element
from tfmetric.layers import CodePoints, HashedNGrams, NGramBag
from tfmetric.models.towers import over_steps
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
    return chosen(_BACKBONES, options.backbone or "ngrams", "text")(x, options)


def _ngrams(x, options):
    ids = HashedNGrams(_BUCKETS)(CodePoints(name=options.name("characters"))(x))
    name = options.name("ngrams")
    bag = NGramBag(options.embedding_dim, _BUCKETS, name=name, trainable=options.trainable)
    return Features(bag(ids), finished=True)


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
    "gru": _over_words(lambda x, mask: over_steps.recurrent(layers.GRU, x, mask, _WIDTH)),
    "lstm": _over_words(lambda x, mask: over_steps.recurrent(layers.LSTM, x, mask, _WIDTH)),
    "cnn": _over_words(lambda x, mask: over_steps.convolutions(x, mask, (256, 256), 3)),
    "transformer": _over_words(over_steps.transformer),
}
