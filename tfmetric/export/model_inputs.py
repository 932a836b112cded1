"""The inputs of a model: one array, or several by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.export.finite import check_finite
from tfmetric.values import encoded

ONE = "inputs"
"""The name of a single input, for every model."""


@dataclass(frozen=True)
class ModelInputs:
    """The inputs of a model, and of the signatures of a version.

    Attributes:
        arrays: The shape of one example (None for a free axis) and the dtype, by name, in the order
            of the version's functions.
        named: Whether the model takes a dictionary; else it takes one array, called ``inputs``.
    """

    arrays: Mapping[str, tuple[tuple[int | None, ...], str]]
    named: bool

    @classmethod
    def of(cls, model: Any) -> "ModelInputs":
        """Reads the inputs from a built Keras model."""
        if len(model.inputs) == 1 and not isinstance(model.input, dict):
            like = model.inputs[0]
            return cls({ONE: (tuple(like.shape[1:]), like.dtype)}, False)
        by_name = (
            model.input if isinstance(model.input, dict) else {t.name: t for t in model.inputs}
        )
        arrays = {name: (tuple(t.shape[1:]), t.dtype) for name, t in sorted(by_name.items())}
        return cls(arrays, True)

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> "ModelInputs":
        """Reads the inputs from the metadata of a version; see :meth:`settings`."""
        if settings.get("named_inputs"):
            named = settings["named_inputs"].items()
            arrays = {name: (tuple(one["shape"]), one["dtype"]) for name, one in named}
            return cls(dict(sorted(arrays.items())), True)
        return cls({ONE: (tuple(settings["input_shape"]), settings["input_dtype"])}, False)

    def settings(self) -> dict[str, Any]:
        """Returns the entries for the metadata of a version."""
        if not self.named:
            ((shape, dtype),) = self.arrays.values()
            return {"input_shape": list(shape), "input_dtype": dtype, "named_inputs": None}
        named = {n: {"shape": list(shape), "dtype": d} for n, (shape, d) in self.arrays.items()}
        return {"input_shape": None, "input_dtype": None, "named_inputs": named}

    def specs(self, prefix: str = "") -> list:
        """Returns a ``TensorSpec`` for a batch of each array.

        Args:
            prefix: "a" or "b" for the two sides of a pair: the name of a single input, or the
                prefix of named inputs (``a_NAME``).
        """
        import tensorflow as tf

        name = (lambda n: f"{prefix}_{n}" if self.named else prefix) if prefix else (lambda n: n)
        return [
            tf.TensorSpec((None, *shape), dtype, name=name(key))
            for key, (shape, dtype) in self.arrays.items()
        ]

    def call(self, model: Any, tensors) -> Any:
        """Calls a Keras model on tensors in the order of :attr:`arrays`."""
        if not self.named:
            return model(tensors[0], training=False)
        by_name = dict(zip(self.arrays, tensors, strict=True))
        if not isinstance(model.input, dict):
            return model([by_name[like.name] for like in model.inputs], training=False)
        return model(by_name, training=False)

    def checked(self, data: Any, what: str) -> Any:
        """Checks the shapes and types of data for this model.

        Args:
            data: A ``LabeledData``; an array (N, ...); a dictionary of them for named inputs.
            what: Description of the data, for a message.

        Returns:
            The data, with arrays in place of lists.

        Raises:
            ValueError: If the data do not fit the model.
        """
        if isinstance(data, LabeledData):
            given = {n: s for n, (s, _) in data.element.inputs.items()}
            given = given if data.element.named else {ONE: data.element_shape}
        elif isinstance(data, Mapping):
            data = {name: _array(value, what) for name, value in data.items()}
            given = {name: array.shape[1:] for name, array in data.items()}
            counts = {name: len(array) for name, array in data.items()}
            if len(set(counts.values())) > 1:
                raise ValueError(expected(f"{what} with as many rows in each array", **counts))
        else:
            data = _array(data, what)
            given = {ONE: data.shape[1:]}
        if set(given) != set(self.arrays):
            wanted = f"a dictionary of {', '.join(self.arrays)}" if self.named else "one array"
            raise ValueError(
                expected(
                    f"{what} to be {wanted}, as the model takes",
                    given=sorted(given) if isinstance(data, Mapping) else type(data).__name__,
                )
            )
        for name, (shape, _) in self.arrays.items():
            # Keras adds a channel axis itself.
            if not any(_fits(one, shape) for one in (given[name], (*given[name], 1))):
                named = f" {name}" if self.named else ""
                raise ValueError(
                    expected(
                        f"{what} of inputs{named} of shape {shape}, as the model takes",
                        shape=tuple(given[name]),
                    )
                )
        return data

    def batches(self, data: Any, batch_size: int) -> Iterator[list]:
        """Yields lists of tensors, in the order of :attr:`arrays`.

        Args:
            data: From :meth:`checked`.
            batch_size: Rows at a time.

        Raises:
            ValueError: If a row holds NaN or infinity; the message names it.
        """
        if isinstance(data, LabeledData):
            parts = (x for x, _ in data.batches(batch_size))
        else:
            whole = data if isinstance(data, Mapping) else {ONE: data}
            starts = range(0, size_of(data), batch_size)
            parts = ({n: a[i : i + batch_size] for n, a in whole.items()} for i in starts)
        start = 0
        for part in parts:
            by_name = part if isinstance(part, Mapping) else {ONE: part}
            found = [self._tensor(name, by_name[name], start) for name in self.arrays]
            start += len(found[0])
            yield found

    def _tensor(self, name, values, start):
        import tensorflow as tf

        shape, dtype = self.arrays[name]
        if dtype == "string":
            return texts(values)
        values = np.asarray(values)
        named = f" {name}" if self.named else ""
        check_finite(values, start, f"a gallery of inputs{named}")
        tensor = tf.cast(values, dtype)
        return tensor[..., None] if len(tensor.shape) == len(shape) else tensor


def texts(given):
    """Converts texts, or the bytes of files, to a tensor.

    Raises:
        ValueError: If they are anything else.
    """
    import tensorflow as tf

    return tf.constant(encoded(given, "inputs"), tf.string)


def size_of(data: Any) -> int:
    """Returns the number of examples in data from :meth:`ModelInputs.checked`."""
    return len(next(iter(data.values())) if isinstance(data, Mapping) else data)


def _array(values, what):
    if hasattr(values, "numpy"):
        values = values.numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:  # The rows have unequal shapes, as in a list [inputs, labels].
        raise ValueError(
            expected(f"{what} in rows of one shape", type=type(values).__name__)
        ) from error
    if array.dtype.kind in "SU":
        array = np.asarray(values, object)  # NumPy strings would lose trailing zero bytes.
    if not array.ndim:
        raise ValueError(expected(f"{what} to be an array", type=type(values).__name__))
    return array


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(
        want in (None, side) for side, want in zip(shape, wanted, strict=True)
    )
