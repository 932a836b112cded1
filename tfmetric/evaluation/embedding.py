"""From a model and data to embeddings and labels."""

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.inputs import check_labels


def embed(model, data, batch_size: int = 256) -> np.ndarray:
    """Embeds every example, in order.

    Args:
        model: An embedder: a ``keras.Model`` from inputs to (B, D).
        data: A ``LabeledData``, of which no more than a few batches are held at a time; a pair
            (inputs, labels), whose labels are left aside; or an array of inputs (N, ...).
        batch_size: Examples at a time. Defaults to 256.

    Returns:
        Embeddings (N, D), float32.

    Raises:
        ValueError: If the model does not return (B, D).

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = tm.models.embedder((6,), embedding_dim=4)
    >>> embed(model, np.zeros((3, 6))).shape
    (3, 4)
    """
    if hasattr(data, "batches"):
        embeddings = model.predict(data.batches(batch_size), verbose=0)
    else:
        embeddings = model.predict(inputs_of(data), batch_size=batch_size, verbose=0)
    if not isinstance(embeddings, np.ndarray) or embeddings.ndim != 2:
        raise ValueError(
            expected(
                "a model whose output is one embedding (batch, dim); of a siamese or triplet "
                "model give the embedder that it was made of",
                output_shape=np.shape(embeddings),
            )
        )
    return embeddings.astype(np.float32)


def inputs_of(data) -> np.ndarray:
    """The inputs of ``data`` as one array."""
    if hasattr(data, "read"):
        return data.read()
    return np.asarray(data[0] if isinstance(data, tuple) else data)


def labels_of(data) -> np.ndarray:
    """The labels of ``data``, one an example.

    Raises:
        ValueError: If it has none.
    """
    if hasattr(data, "labels"):
        return check_labels(data.labels, len(data))
    if isinstance(data, tuple) and len(data) == 2:
        return check_labels(data[1], len(data[0]))
    raise ValueError(
        expected("data to be a LabeledData or a pair (inputs, labels)", data=type(data).__name__)
    )
