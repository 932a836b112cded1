"""Computes the embeddings of data."""

from typing import Any

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.examples_and_labels import (
    arrays_of,
    as_inputs,
    check_finite,
    inputs_of,
)

_NOT_FINITE = "tfmetric: an input is NaN or infinite"


def embed(model: keras.Model, data: Any, batch_size: int = 256) -> np.ndarray:
    """Embeds every example, in order.

    Args:
        model: An embedder: a ``keras.Model`` from inputs to (B, D), with one or several inputs.
        data: A ``LabeledData``, which is read a few batches at a time; a pair (inputs, labels),
            whose labels are ignored; or the inputs. Inputs are an array (N, ...), texts (N,) of any
            NumPy type, or a dictionary of these for a model with several named inputs.
        batch_size: Examples at a time. Defaults to 256.

    Returns:
        Embeddings (N, D), float32; (0, D) without examples.

    Raises:
        ValueError: If an input is NaN or infinite (the message names the row), or the model does
            not return (B, D).

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = tm.models.embedder((6,), embedding_dim=4)
    >>> embed(model, np.zeros((3, 6))).shape
    (3, 4)
    """
    labeled = hasattr(data, "batches")
    if labeled and len(data):
        embeddings = _predict_labeled(model, data, batch_size)
    else:
        inputs = _no_examples(data.element) if labeled else _inputs_for(model, data)
        count = 0 if labeled else len(next(iter(arrays_of(inputs)))[1])
        check_finite(inputs)
        if not count:  # Keras cannot predict on no examples, so one dummy example gives the width.
            inputs = _one_dummy(inputs)
        embeddings = model.predict(inputs, batch_size=batch_size, verbose=0)[:count]
    if not isinstance(embeddings, np.ndarray) or embeddings.ndim != 2:
        raise ValueError(
            expected(
                "a model whose output is one embedding (batch, dim); for a siamese or triplet "
                "model, pass the embedder inside it",
                output_shape=np.shape(embeddings),
            )
        )
    return embeddings.astype(np.float32)


def _predict_labeled(model, data, batch_size):
    if keras.config.backend() != "tensorflow":
        return model.predict(_Chunks(data, batch_size), verbose=0)
    import tensorflow as tf

    # The pipeline decodes the next images while the network runs.
    batches = data.batches(batch_size)
    if not any(np.dtype(dtype).kind == "f" for _, dtype in _numeric(data.element)):
        return model.predict(batches, verbose=0)
    try:
        return model.predict(batches.map(_refuse_not_finite), verbose=0)
    except tf.errors.InvalidArgumentError as error:
        if _NOT_FINITE not in str(error):
            raise
        for start in range(0, len(data), batch_size):  # This check names the row.
            part = np.arange(start, min(start + batch_size, len(data)))
            check_finite(data.read(part), start, data.ids)
        raise


def _refuse_not_finite(inputs, labels):
    """Fails in the pipeline where an input is NaN or infinite."""
    import tensorflow as tf

    floats = [x for x in tf.nest.flatten(inputs) if x.dtype.is_floating]
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(x)) for x in floats])
    with tf.control_dependencies([tf.debugging.Assert(finite, [_NOT_FINITE])]):
        return tf.nest.map_structure(tf.identity, inputs), labels


class _Chunks(keras.utils.PyDataset):
    """Reads the examples in order without TensorFlow, which other backends may lack."""

    def __init__(self, data, batch_size):
        super().__init__()
        self._data, self._batch_size = data, batch_size

    def __len__(self):
        return -(-len(self._data) // self._batch_size)

    def __getitem__(self, index):
        start = index * self._batch_size
        rows = np.arange(start, min(start + self._batch_size, len(self._data)))
        inputs = self._data.read(rows)
        check_finite(inputs, start)
        return inputs


def _inputs_for(model, data):
    """Returns the inputs; a list of arrays stays a list for a model with several inputs."""
    given = data[0] if isinstance(data, tuple) and len(data) == 2 else data
    several = len(getattr(model, "inputs", None) or ()) > 1
    if several and isinstance(given, (list, tuple)) and len(given) == len(model.inputs):
        return [as_inputs(part) for part in given]
    return inputs_of(data)


def _numeric(element):
    return [(shape, dtype) for shape, dtype in element.inputs.values() if dtype != "string"]


def _no_examples(element):
    """Returns inputs for one dummy example, with 1 for each free length."""
    arrays = {
        name: np.zeros(
            (0, *(1 if n is None else n for n in shape)), object if dtype == "string" else dtype
        )
        for name, (shape, dtype) in element.inputs.items()
    }
    return arrays if len(arrays) > 1 or element.kind == "record" else arrays["values"]


def _one_dummy(inputs):
    if isinstance(inputs, dict):
        return {name: _one_dummy(array) for name, array in inputs.items()}
    if isinstance(inputs, list):
        return [_one_dummy(array) for array in inputs]
    if inputs.dtype.kind == "O":
        return np.full((1, *inputs.shape[1:]), "", object)
    return np.zeros((1, *inputs.shape[1:]), inputs.dtype)
