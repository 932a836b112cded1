"""Makes labelled data from arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arrays import encode_labels
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.options import ReadOptions
from tfmetric.datasets.reading import examples_of_values


def from_arrays(
    x: Any,
    labels: Any,
    class_names: Sequence[str] | None = None,
    groups: Any = None,
    *,
    kind: str | None = None,
    value_range: tuple[float, float] | None = None,
    sampling_rate: int | None = None,
    fields: Mapping[str, str | Mapping[str, Any]] | None = None,
    ids: Sequence[str] | None = None,
) -> LabeledData:
    """Makes one unsplit set of labelled examples from arrays in memory.

    Use it for a gallery, or for data that you split yourself; `datasets.load((x, y))` splits by
    class and checks the data.

    Args:
        x: Strings `(N,)`; `uint8` images `(N, height, width[, 1 or 3])`; vectors `(N, D)`; and,
            with `kind=`, other images, volumes, recordings, sequences and videos, also as a list of
            arrays of several lengths. A mapping of one column for each field makes records.
        labels: `(N,)` integers of any type, whole floats or strings. With `class_names`,
            integer indexes into it.
        class_names: The names of the classes. By default the sorted distinct labels as text.
        groups: `(N,)` group of each example, or `None`.
        kind: The kind, as for `datasets.load`.
        value_range: The range of pixels, as for `datasets.load`.
        sampling_rate: The rate of recordings in hertz, as for `datasets.load`.
        fields: The kinds of the fields of records, as for `datasets.load`.
        ids: Origin of each example, `(N,)` text; "array/17" by default.

    Raises:
        ValueError: If the shapes do not fit, no kind fits, or a value is missing.

    >>> import numpy as np
    >>> from tfmetric import datasets
    >>> datasets.from_arrays(np.ones((3, 5)), [10, 10, 2**40])
    <LabeledData: 3 examples of 2 classes: vectors of 5 numbers, float64>
    >>> datasets.from_arrays(["a b", "b a", "c"], [0, 0, 1])
    <LabeledData: 3 examples of 2 classes: texts>
    >>> rows = {"price": [3.5, 2.0, 9.5], "name": ["tea", "milk", "cake"]}
    >>> datasets.from_arrays(rows, [0, 0, 1]).element.describe()
    'records of price (vectors of 1 number, float64), name (texts)'
    """
    examples = examples_of_values(
        x,
        labels,
        name="array",
        options=ReadOptions(
            kind=kind, value_range=value_range, sampling_rate=sampling_rate, fields=fields
        ),
        groups=groups,
        ids=ids,
    )
    if examples.skipped:
        raise ValueError(
            expected("examples and labels without missing values", first=examples.skipped[0])
        )
    codes, names = encode_labels(examples.labels)
    if class_names is not None:
        codes = examples.labels
        integers = codes.dtype.kind in "iu"
        bad = (codes < 0) | (codes >= len(class_names)) if integers else np.ones(len(codes), bool)
        if bad.any():
            first = int(bad.argmax())
            raise ValueError(
                expected(
                    f"labels that are integers from 0 to {len(class_names) - 1}, indexes into"
                    " class_names",
                    label=codes[first].item(),
                    index=first,
                    dtype=str(codes.dtype),
                )
            )
        names = tuple(class_names)
    return LabeledData(examples.source, codes, names, examples.groups)


def as_labeled(data: Any) -> LabeledData:
    """Returns `LabeledData` unchanged, converts arrays `(x, labels)`, else raises ValueError."""
    if isinstance(data, LabeledData):
        return data
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(
            expected(
                "data as LabeledData or arrays (x, labels)",
                data_type=type(data).__name__,
                **({"length": len(data)} if isinstance(data, (tuple, list)) else {}),
            )
        )
    if any(isinstance(part, LabeledData) for part in data):
        raise ValueError(
            expected(
                "one part of the data; datasets.load returns (train, test), pass train",
                data_types=tuple(type(part).__name__ for part in data),
            )
        )
    return from_arrays(*data)
