"""Rejects rows with NaN or infinity, in the graph of a version and before export."""

import numpy as np

from tfmetric._errors import expected

_SHOWN = 10


def finite_rows(values, what: str):
    """Returns a tensor unchanged, or fails with an ``InvalidArgumentError`` that names the rows.

    A graph may turn NaN into finite numbers, since a fused ReLU maps NaN to 0. So inputs are
    checked as well as embeddings.

    Args:
        values: (B, ...), a tensor; other types than floats are finite.
        what: Description of the values, for the message.
    """
    import tensorflow as tf

    if not values.dtype.is_floating:
        return values
    axes = tf.range(1, tf.rank(values))
    bad = tf.logical_not(tf.reduce_all(tf.math.is_finite(values), axis=axes))
    rows = tf.where(bad)[:_SHOWN, 0]
    message = f"Expected {what} without NaN or infinity. Received some in rows"
    with tf.control_dependencies(
        [tf.debugging.Assert(tf.logical_not(tf.reduce_any(bad)), [message, rows], _SHOWN)]
    ):
        return tf.identity(values)


def check_finite(values: np.ndarray, start: int, what: str) -> None:
    """Rejects an array with rows that hold NaN or infinity.

    Args:
        values: (B, ...).
        start: The number of the first row.
        what: Description of the values, for the message.

    Raises:
        ValueError: If there are such rows; the message names them.
    """
    if values.dtype.kind != "f":
        return
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if bad.size:
        raise ValueError(
            expected(f"{what} without NaN or infinity", rows=(start + bad[:_SHOWN]).tolist())
        )
