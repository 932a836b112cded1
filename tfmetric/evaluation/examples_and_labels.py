"""Splits data into inputs and labels, and checks the inputs before a model sees them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tfmetric import values
from tfmetric._errors import expected

_ROWS = 1024


def as_pair(data: Any) -> Any:
    """Returns a list [inputs, labels] as a tuple, and anything else as it is.

    Use it where labels are needed: a list of two then cannot be two examples.
    """
    return tuple(data) if isinstance(data, list) and len(data) == 2 else data


def labels_of(data: Any) -> np.ndarray:
    """Returns the labels of ``data``, one for each example.

    Args:
        data: A ``LabeledData``, or a pair (inputs, labels).

    Raises:
        ValueError: If the data has no labels, or not one for each example.
    """
    if hasattr(data, "labels"):
        return values.labels(data.labels, len(data))
    data = as_pair(data)
    if _is_pair(data):
        return values.labels(data[1], count_of(data[0]))
    advice = ""
    if hasattr(data, "element_spec"):
        advice = "; in place of a tf.data.Dataset, the arrays or the LabeledData that it reads"
    raise ValueError(
        expected(
            f"data to be a LabeledData or a pair (inputs, labels){advice}",
            data=type(data).__name__,
        )
    )


def labels_of_both(data: Any, gallery: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels of queries and gallery, as class names where the two number classes differently.

    Args:
        data: The queries, as :func:`labels_of` takes them.
        gallery: The gallery in the same form, or None; then its labels are None.
    """
    labels = labels_of(data)
    if gallery is None:
        return labels, None
    gallery_labels = labels_of(gallery)
    names, others = (getattr(side, "class_names", None) for side in (data, gallery))
    if names is not None and others is not None and names != others:
        return np.array(names)[labels], np.array(others)[gallery_labels]
    return labels, gallery_labels


def inputs_of(data: Any) -> Any:
    """Returns the inputs of ``data``: an array, or a dictionary or list of arrays."""
    if hasattr(data, "read"):
        return data.read()
    return as_inputs(data[0] if _is_pair(data) else data)


def as_inputs(inputs: Any) -> Any:
    """Converts inputs for Keras: texts of any NumPy type become ``str`` objects."""
    if isinstance(inputs, dict):
        return {name: as_inputs(value) for name, value in inputs.items()}
    array = np.asarray(inputs)
    if array.dtype.kind not in "OSTU":
        return array
    return values.texts(array.reshape(-1)).reshape(array.shape)


def count_of(inputs: Any) -> int:
    """Returns the number of examples."""
    if isinstance(inputs, dict):
        return len(next(iter(inputs.values()))) if inputs else 0
    return len(inputs)


def with_named_inputs(model: Any, data: Any) -> Any:
    """Replaces a list of inputs by a dictionary, for a model with several named inputs."""
    several = getattr(model, "inputs", None) or ()
    if not (len(several) > 1 and isinstance(data, (tuple, list)) and len(data) == 2):
        return data
    inputs, labels = data
    if not isinstance(inputs, (list, tuple)) or len(inputs) != len(several):
        return data
    return {tensor.name: part for tensor, part in zip(several, inputs, strict=True)}, labels


def arrays_of(inputs: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yields each array of inputs with its name; "" for a single array."""
    if isinstance(inputs, dict):
        yield from inputs.items()
    elif isinstance(inputs, (list, tuple)):
        yield from ((f"input {place}", array) for place, array in enumerate(inputs))
    else:
        yield "", inputs


def check_finite(inputs: Any, first: int = 0, ids=None) -> None:
    """Rejects inputs with NaN or infinity, which a model may turn into finite embeddings.

    Args:
        inputs: One array, or a dictionary or list of arrays.
        first: The number of the first row, for the message.
        ids: Names of all rows for the message, or None.

    Raises:
        ValueError: If a value is NaN or infinite; the message names the row.
    """
    for name, array in arrays_of(inputs):
        if array.dtype.kind != "f":
            continue
        for start in range(0, len(array), _ROWS):
            part = array[start : start + _ROWS]
            if np.isfinite(part).all():
                continue
            finite = np.isfinite(part.reshape(len(part), -1)).all(axis=1)
            row = first + start + int(np.flatnonzero(~finite)[0])
            received: dict[str, int | str] = {"row": row}
            if ids is not None:
                received["id"] = str(ids[row])
            if name:
                received["field"] = name
            raise ValueError(
                expected(
                    "inputs without NaN or infinity; leave such rows out or replace the values",
                    **received,
                )
            )


def _is_pair(data):
    """Returns whether data is (inputs, labels); a list counts if its first part is an array."""
    if isinstance(data, tuple):
        return len(data) == 2
    first_is_inputs = isinstance(data, list) and len(data) == 2
    return first_is_inputs and (isinstance(data[0], dict) or hasattr(data[0], "shape"))
