"""Copies a model as it was before training."""

from __future__ import annotations

import random

import keras

from tfmetric.layers import NGramBag
from tfmetric.models.adapting import adapted_layers


def untrained_copy(model: keras.Model, seed: int = 0) -> keras.Model:
    """Copies a model with fresh weights, and keeps the state that training did not make.

    Use it for the fair baseline "the same network, untrained". ``keras.models.clone_model`` alone
    drops the state that layers learned from data before training: a ``Normalization`` would have
    means of 0, a ``TextVectorization`` no vocabulary. The copy keeps

    - the state of layers with an ``adapt`` method: means, vocabularies, word weights;
    - all weights of frozen layers (``trainable`` False), such as a pretrained backbone.

    Args:
        model: A model that Keras can clone.
        seed: Seed of the fresh weights.

    Returns:
        The copy, not compiled.

    Example:

    >>> import numpy as np, keras
    >>> norm = keras.layers.Normalization()
    >>> norm.adapt(np.array([[1.0], [3.0]]))
    >>> model = keras.Sequential([keras.Input((1,)), norm, keras.layers.Dense(2)])
    >>> copy = untrained_copy(model)
    >>> np.asarray(copy.layers[0](np.array([[1.0], [3.0]]))).round(2).ravel().tolist()
    [-1.0, 1.0]
    """
    # Keras seeds initialisers without a seed from Python's random module.
    state = random.getstate()
    random.seed(seed)
    try:
        copy = keras.models.clone_model(model)
    finally:
        random.setstate(state)
    pairs = list(zip(_all_layers(model), _all_layers(copy), strict=True))
    for old, new in pairs:
        if not old.trainable and old.weights:
            new.set_weights(old.get_weights())
    adapted = {id(layer) for each in _models(model) for layer in adapted_layers(each)}
    for old, new in pairs:
        if id(old) in adapted:
            _keep_adapted(old, new)
    return copy


def _keep_adapted(old, new):
    if isinstance(old, NGramBag):
        new.rarity.assign(old.rarity)  # Its table is trained.
    elif hasattr(old, "get_vocabulary"):
        _keep_vocabulary(old, new)
    elif old.built:
        store: dict = {}
        old.save_own_variables(store)
        new.load_own_variables(store)


def _keep_vocabulary(old, new):
    words = old.get_vocabulary(include_special_tokens=False)
    if not words:
        return
    weights = None
    if getattr(old, "_output_mode", getattr(old, "output_mode", "int")) == "tf_idf":
        weights = keras.ops.convert_to_numpy(old._lookup_layer.idf_weights)[-len(words) :]
    new.set_vocabulary(words, *([] if weights is None else [weights]))


def _all_layers(model):
    """Returns every nested layer, in an order that a clone shares."""
    return list(model._flatten_layers(include_self=False, recursive=True))


def _models(model):
    return [model, *(layer for layer in _all_layers(model) if isinstance(layer, keras.Model))]
