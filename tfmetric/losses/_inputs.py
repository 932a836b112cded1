"""Checks the inputs of a loss and converts them to the form that the formulas expect."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric._errors import expected
from tfmetric._precision import widened
from tfmetric.typing import Tensor


def rows(values):
    """Converts lists to NumPy arrays and returns everything else unchanged."""
    return np.asarray(values) if isinstance(values, (list, tuple)) else values


def at_least_one_row(x):
    """Adds one example of zeros to an empty batch, since the formulas need at least one.

    The caller drops that example's result. A batch of a known size is returned unchanged.
    """
    size = x.shape[0]
    if size:
        return x
    x = ops.convert_to_tensor(x)
    missing = 1 if size == 0 else 1 - ops.minimum(ops.shape(x)[0], 1)
    return ops.concatenate([x, ops.zeros((missing, *ops.shape(x)[1:]), dtype=x.dtype)])


def may_be_empty(x):
    """Returns whether a batch is empty, or may be empty because its size is not known yet."""
    return not x.shape[0]


def weights(sample_weight, x):
    """Returns ``sample_weight`` as a vector ``(B,)``; a scalar is returned unchanged.

    Args:
        sample_weight: ``(B,)``, ``(B, 1)``, a scalar, or None, which stays None.
        x: ``(B, ...)`` the weighted examples.

    Raises:
        ValueError: If it has another shape.
    """
    if sample_weight is None:
        return None
    weight = ops.convert_to_tensor(sample_weight)
    shape, size = tuple(weight.shape), x.shape[0]
    if not shape:
        return weight
    known = None not in (size, shape[0])
    if shape[1:] not in ((), (1,)) or (known and size != shape[0]):
        raise ValueError(
            expected(
                "one sample_weight for each example, of shape (batch,)",
                sample_weight_shape=shape,
                y_pred_shape=tuple(x.shape),
            )
        )
    if not known:
        require(ops.equal(ops.shape(weight)[0], ops.shape(x)[0]), _OTHER_WEIGHTS)
    return ops.reshape(weight, (-1,))


_OTHER_WEIGHTS = (
    "Expected one sample_weight for each example, of shape (batch,). Received: another number of "
    "weights than of embeddings"
)


def class_ids(y_true: Tensor) -> Any:
    """Returns class ids as an integer vector, from any integer type.

    Keras casts ``y_true`` to the dtype of a loss, which merges the classes 16777216 and 16777217 in
    float32. Here integers stay integers.

    Args:
        y_true: ``(B,)`` or ``(B, 1)`` class ids of any integer type, or floats that are whole.

    Returns:
        ids ``(B,)`` of an integer dtype, and a boolean scalar: false if a float is not whole, or
        too large to distinguish from the next one. Eager values raise an error instead.

    Raises:
        TypeError: If the labels are not numbers.
        ValueError: If their shape is neither ``(B,)`` nor ``(B, 1)``, or a float is not whole.
    """
    values = at_hand(y_true)
    if values is not None:
        # Only equality counts, so the ids are renumbered from 0: every backend holds small numbers.
        small = np.unique(_whole(_vector(values)), return_inverse=True)[1].astype("int32")
        return ops.convert_to_tensor(small), ops.convert_to_tensor(True)
    labels = _vector(ops.convert_to_tensor(y_true))
    dtype = keras.backend.standardize_dtype(labels.dtype)
    if "float" not in dtype:
        _check_number(dtype)
        return comparable(labels), ops.convert_to_tensor(True)
    small = ops.abs(labels) < _INDISTINCT_FROM[dtype]
    whole = ops.logical_and(ops.equal(labels, ops.round(labels)), small)
    wide = "int64" if keras.config.backend() == "tensorflow" else "int32"
    return ops.cast(labels, wide), ops.all(whole)


def proxy_indices(y_true, count):
    """Returns class ids that index the columns of proxies.

    Args:
        y_true: ``(B,)`` or ``(B, 1)`` whole numbers from 0 to ``count`` − 1.
        count: Number of classes.

    Returns:
        ids ``(B,)`` int32, 0 where they are out of range, and a boolean scalar: false if an id is
        out of range. Eager values raise an error instead.

    Raises:
        TypeError: If the labels are not numbers.
        ValueError: If the shape differs, or a label is not such a number.
    """
    values = at_hand(y_true)
    if values is not None:
        values = _whole(_vector(values))
        wrong = values[(values < 0) | (values >= count)]
        if wrong.size:
            raise ValueError(expected(_out_of_range(count), y_true=wrong[0].item()))
        return ops.convert_to_tensor(values.astype("int32")), ops.convert_to_tensor(True)
    labels, whole = class_ids(y_true)
    inside = ops.logical_and(labels >= 0, labels < count)
    right = ops.logical_and(whole, ops.all(inside))
    require(right, expected(_out_of_range(count), y_true="others"))
    return ops.cast(ops.where(inside, labels, ops.zeros_like(labels)), "int32"), right


def _out_of_range(count):
    return (
        f"y_true to be whole class ids from 0 to {count - 1}, one for each proxy; renumber labels "
        "by data.with_contiguous_labels(), or by np.unique(labels, return_inverse=True)[1]"
    )


def cosines(y_pred, dtype):
    """Returns cosines in the dtype of the computation, and whether all lie in the range of cosines.

    Args:
        y_pred: ``(B, C)`` or ``(B, C, K)`` floats.
        dtype: "float32" or "float64".

    Raises:
        ValueError: If the shape differs, or eager values are not cosines.
    """
    x = ops.convert_to_tensor(y_pred)
    if len(x.shape) not in (2, 3) or None in x.shape[1:] or 0 in x.shape[1:]:
        raise ValueError(
            expected(
                "y_pred to be cosines (batch, classes) or (batch, classes, centers), as "
                "layers.ProxyHead makes them",
                y_pred_shape=tuple(x.shape),
            )
        )
    x = widened(x, dtype)
    # NaN fails this comparison, as intended. 16-bit floats round to a hundredth.
    right = ops.all(ops.abs(x) < 1.01)
    require(right, _NO_COSINES)
    return x, right


_NO_COSINES = (
    "Expected y_pred to be finite cosines from -1 to 1; put layers.ProxyHead before this loss, and "
    "look for NaN in the data. Received: y_pred with other values"
)


def labels_as_given(y_true):
    """Returns labels of any shape ``(B, ...)`` unchanged, for a function that compares them.

    Returns:
        the tensor, and a boolean scalar that is always true: such labels are not checked.
    """
    labels = ops.convert_to_tensor(y_true)
    if not labels.shape:
        raise ValueError(expected("y_true of shape (batch, ...)", y_true_shape=()))
    return labels, ops.convert_to_tensor(True)


def embeddings(y_pred, labels, dtype):
    """Returns embeddings in the dtype of the computation, and whether all of them are finite.

    Args:
        y_pred: ``(B, D)`` floats.
        labels: ``(B,)`` ids that belong to them.
        dtype: "float32" or "float64".

    Raises:
        ValueError: If the rank is not 2, the count differs from the labels', or eager values are
            not finite.
    """
    x = ops.convert_to_tensor(y_pred)
    if len(x.shape) != 2:
        raise ValueError(
            expected("y_pred to be embeddings of shape (batch, dim)", y_pred_shape=tuple(x.shape))
        )
    if x.shape[1] == 0:
        raise ValueError(expected("embeddings of at least one value", y_pred_shape=tuple(x.shape)))
    one_label_each(labels, x)
    x = widened(x, dtype)
    return x, ops.all(ops.isfinite(x))


def one_label_each(labels, x):
    """Raises ValueError if the counts are known and differ; ranks are checked elsewhere."""
    if len(x.shape) != 2:
        return
    counts = labels.shape[0], x.shape[0]
    if None not in counts and counts[0] != counts[1]:
        raise ValueError(
            expected(
                "one label for each embedding",
                y_true_shape=tuple(labels.shape),
                y_pred_shape=tuple(x.shape),
            )
        )


def check(finite, whole):
    """Raises an error where a check fails, as far as the backend can.

    Eager mode raises ValueError, a TensorFlow graph InvalidArgumentError with the same text. XLA
    and JAX drop such checks; there the loss is NaN instead.
    """
    require(finite, NOT_FINITE)
    require(whole, _NOT_WHOLE)


def require(right, message):
    """Raises an error with the message unless the boolean scalar is true; see :func:`check`."""
    value = at_hand(right)
    if value is not None:
        if not value:
            raise ValueError(message)
    elif keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.debugging.Assert(right, [message])


NOT_FINITE = (
    "Expected finite embeddings; lower the learning rate, or look for NaN in the data. "
    "Received: y_pred with NaN or Inf"
)
_NOT_WHOLE = (
    "Expected y_true to be whole class ids, small enough to be distinct in their float type. "
    "Received: y_true with fractions or too large"
)


def check_inside(own, size):
    """Raises ValueError if known indices of anchors among their references are out of range.

    Args:
        own: ``(B,)`` indices, or None.
        size: Number of references, or None.
    """
    values = None if own is None or size is None else at_hand(own)
    if values is not None and values.size and not 0 <= values.min() <= values.max() < size:
        wrong = values[(values < 0) | (values >= size)][0].item()
        raise ValueError(
            expected(
                f"own to be indices of the anchors among the references, from 0 to {size - 1}, or "
                "None where the anchors are not among them",
                own=wrong,
            )
        )


def at_hand(y):
    """Returns the values as a NumPy array, or None while a graph is traced."""
    if isinstance(y, keras.KerasTensor):
        return None
    try:
        return np.asarray(y)
    except Exception:  # Each backend raises a different error for a symbolic tensor.
        return None


def _vector(y):
    shape = tuple(y.shape)
    if len(shape) == 2 and shape[1] == 1:
        return y[:, 0]
    if len(shape) != 1:
        raise ValueError(
            expected("y_true to be class ids of shape (batch,) or (batch, 1)", y_true_shape=shape)
        )
    return y


def _whole(values: np.ndarray) -> np.ndarray:
    _check_number(values.dtype.name)
    if "float" in values.dtype.name:
        limit = _INDISTINCT_FROM[values.dtype.name]
        values = values.astype("float64")
        wrong = values[~((values == np.round(values)) & (np.abs(values) < limit))]
        if wrong.size:
            raise ValueError(
                expected(
                    "y_true to be whole class ids, small enough to be distinct in their float type",
                    y_true=wrong[0].item(),
                )
            )
    return values


def _check_number(dtype: str):
    if not ("int" in dtype or "float" in dtype or dtype == "bool"):
        raise TypeError(expected("y_true to be integer class ids", y_true_dtype=dtype))


def comparable(labels):
    """Converts labels to a type that the backend can compare and send; equal labels stay equal."""
    dtype = keras.backend.standardize_dtype(labels.dtype)
    if dtype == "uint64":
        # Keras would compare them as uint32. Only equality and a fixed order count.
        return _signed(labels)
    # TensorFlow has kernels to compare and sort the wide types only.
    return ops.cast(labels, _WIDER[dtype]) if dtype in _WIDER else labels


def _signed(labels):
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        # ops.view needs a known shape.
        return tf.bitcast(labels, tf.int64)
    return ops.view(labels, "int64")


_WIDER = dict.fromkeys(("bool", "int8", "uint8", "int16", "uint16"), "int32") | {
    "uint32": "int64",
    "bfloat16": "float32",
}

# The largest whole number that each float type distinguishes from the next.
_INDISTINCT_FROM = {
    "bfloat16": 2.0**8,
    "float16": 2.0**11,
    "float32": 2.0**24,
    "float64": 2.0**53,
}
