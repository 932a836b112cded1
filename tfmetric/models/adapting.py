"""Adapts preprocessing layers to data before training: vocabularies and word weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric.layers import NGramBag
from tfmetric.models.towers import networks


def adapt(model: keras.Model, data: Any, batch_size: int = 256) -> keras.Model:
    """Adapts the preprocessing layers of a model to training data, before ``fit``.

    Layers with an ``adapt`` method, such as ``keras.layers.TextVectorization`` (its vocabulary),
    ``keras.layers.Normalization`` (means and variances) and :class:`tfmetric.layers.NGramBag`
    (rarity of n-grams), see all examples once. The adapted state is saved with the model. A model
    without such layers is not changed.

    Args:
        model: A functional model, such as :func:`tfmetric.models.embedder` makes.
        data: The training part: ``LabeledData``, an array of examples or a list of texts, or a
            ``tf.data.Dataset`` of batches, with or without labels. Give no test data.
        batch_size: Examples at a time.

    Returns:
        The model.

    Example:

    >>> import numpy as np, keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Normalization()])
    >>> x = np.array([[1.0, 5.0], [3.0, 5.0]])
    >>> np.asarray(adapt(model, x)(x)).round(2).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    for layer in adapted_layers(model):
        inner = keras.Model(networks.inputs_of(model), layer.input)
        compute = _compiled(inner)
        batches = (compute(batch) for batch in _batches(data, batch_size))
        if isinstance(layer, NGramBag):
            layer.adapt(batches)
        else:
            layer.adapt(np.concatenate([_plain(batch) for batch in batches]))
    return model


def adapted_layers(model: keras.Model) -> list[keras.Layer]:
    """Returns the layers of a model that learn a state from data before training."""
    return [layer for layer in model.layers if hasattr(layer, "adapt")]


def _compiled(model):
    """Returns the model as a function; on TensorFlow in a graph, which is many times as fast."""
    if keras.config.backend() != "tensorflow":
        return model
    import tensorflow as tf

    return tf.function(model, reduce_retracing=True)


def _batches(data, batch_size) -> Iterator[Any]:
    if hasattr(data, "batches"):
        data = data.batches(batch_size)
    elif isinstance(data, (list, tuple)) and all(isinstance(text, str) for text in data):
        data = np.array(data, dtype=object)
    if isinstance(data, (np.ndarray, dict)):
        count = len(next(iter(data.values())) if isinstance(data, dict) else data)
        for start in range(0, count, batch_size):
            part = slice(start, start + batch_size)
            yield _tensors(
                {k: v[part] for k, v in data.items()} if isinstance(data, dict) else data[part]
            )
        return
    if not hasattr(data, "__iter__"):
        raise ValueError(
            expected("LabeledData, an array, texts or a tf.data.Dataset", data=type(data).__name__)
        )
    for batch in data:
        yield _tensors(batch[0] if isinstance(batch, tuple) else batch)


def _tensors(batch):
    """Converts to tensors: Keras accepts no mixture of tensors and arrays, and no NumPy strings."""
    if isinstance(batch, dict):
        return {name: _tensors(value) for name, value in batch.items()}
    if isinstance(batch, np.ndarray) and batch.dtype.kind in "UTSO":
        import tensorflow as tf

        return tf.constant(batch.astype(object))
    return keras.ops.convert_to_tensor(batch)


def _plain(batch):
    return batch.numpy() if hasattr(batch, "numpy") else np.asarray(batch)
