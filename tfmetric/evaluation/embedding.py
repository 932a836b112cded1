"""From a model and data to embeddings and labels."""

import keras
import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.values import labels as read_labels


def embed(model, data, batch_size: int = 256) -> np.ndarray:
    """Embeds every example, in order.

    Args:
        model: An embedder: a ``keras.Model`` from inputs to (B, D).
        data: A ``LabeledData``, of which no more than a few batches are held at a time; a pair
            (inputs, labels), whose labels are left aside; or an array of inputs (N, ...).
        batch_size: Examples at a time. Defaults to 256.

    Returns:
        Embeddings (N, D), float32; (0, D) of no examples.

    Raises:
        ValueError: If the model does not return (B, D).

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = tm.models.embedder((6,), embedding_dim=4)
    >>> embed(model, np.zeros((3, 6))).shape
    (3, 4)
    """
    labeled = isinstance(data, LabeledData)
    if labeled and len(data) and keras.config.backend() == "tensorflow":
        # Its pipeline decodes the next images while the network works.
        embeddings = model.predict(data.batches(batch_size), verbose=0)
    elif labeled and len(data):
        embeddings = model.predict(_Chunks(data, batch_size), verbose=0)
    else:
        inputs = np.zeros((0, *data.element_shape), data.dtype) if labeled else inputs_of(data)
        count = len(inputs)
        if not count:  # Keras predicts nothing for nothing: one dummy tells the width.
            inputs = np.zeros((1, *inputs.shape[1:]), inputs.dtype)
        embeddings = model.predict(inputs, batch_size=batch_size, verbose=0)[:count]
    if not isinstance(embeddings, np.ndarray) or embeddings.ndim != 2:
        raise ValueError(
            expected(
                "a model whose output is one embedding (batch, dim); of a siamese or triplet "
                "model give the embedder that it was made of",
                output_shape=np.shape(embeddings),
            )
        )
    return embeddings.astype(np.float32)


class _Chunks(keras.utils.PyDataset):
    """The examples in order, read without TensorFlow, which need not be installed elsewhere."""

    def __init__(self, data, batch_size):
        super().__init__()
        self._data, self._batch_size = data, batch_size

    def __len__(self):
        return -(-len(self._data) // self._batch_size)

    def __getitem__(self, index):
        start = index * self._batch_size
        return self._data.read(np.arange(start, min(start + self._batch_size, len(self._data))))


def inputs_of(data) -> np.ndarray:
    """The inputs of ``data`` as one array."""
    if isinstance(data, LabeledData):
        return data.read()
    return np.asarray(data[0] if isinstance(data, tuple) else data)


def labels_of(data) -> np.ndarray:
    """The labels of ``data``, one an example.

    Raises:
        ValueError: If it has none.
    """
    if isinstance(data, LabeledData):
        return read_labels(data.labels, len(data))
    if isinstance(data, tuple) and len(data) == 2:
        return read_labels(data[1], len(data[0]))
    raise ValueError(
        expected("data to be a LabeledData or a pair (inputs, labels)", data=type(data).__name__)
    )
