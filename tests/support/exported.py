"""Inputs and models for the tests of exporting."""

import keras
import numpy as np


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1)).astype("uint8")


def identity(width=3):
    """A model whose embedding is its input, so that a test can choose the embeddings."""
    inputs = keras.Input((width,))
    return keras.Model(inputs, keras.layers.Identity()(inputs))
