"""Small data of each kind for the suite that all kinds pass; a new kind joins by its line here."""

import numpy as np

CLASSES, EACH = 6, 4
LABELS = np.repeat(np.arange(CLASSES), EACH)
_RNG = np.random.default_rng(0)
_SIZE = len(LABELS)


def _lengths():
    return _RNG.integers(2, 9, _SIZE)


# kind: (examples, options of from_arrays and load)
EXAMPLES = {
    "image": (_RNG.integers(0, 256, (_SIZE, 6, 5, 3)).astype("uint8"), {}),
    "float image": (_RNG.random((_SIZE, 6, 5, 1)).astype("float32"), {"kind": "image"}),
    "volume": (_RNG.integers(0, 256, (_SIZE, 3, 6, 5, 2)).astype("uint8"), {"kind": "image"}),
    "text": ([f"text {n} é" + "!" * int(n % 3) for n in range(_SIZE)], {}),
    "audio": (
        [_RNG.uniform(-1, 1, n).astype("float32") for n in _lengths()],
        {"kind": "audio", "sampling_rate": 8000},
    ),
    "vector": (_RNG.normal(size=(_SIZE, 7)), {}),
    "whole vector": (_RNG.integers(-(2**60), 2**60, (_SIZE, 7)), {}),
    "sequence": (
        [_RNG.normal(size=(n, 3)).astype("float32") for n in _lengths()],
        {"kind": "sequence"},
    ),
    "even sequence": (_RNG.normal(size=(_SIZE, 5, 3)), {"kind": "sequence"}),
    "video": (
        [_RNG.integers(0, 256, (n, 4, 5, 3)).astype("uint8") for n in _lengths()],
        {"kind": "video"},
    ),
    "even video": (_RNG.random((_SIZE, 2, 4, 5, 1)).astype("float32"), {"kind": "video"}),
    "record": (
        {
            "price": _RNG.random(_SIZE),
            "title": [f"title {n}" for n in range(_SIZE)],
            "photo": _RNG.integers(0, 256, (_SIZE, 4, 4, 3)).astype("uint8"),
            "curve": [_RNG.normal(size=(n, 2)) for n in _lengths()],
        },
        {"fields": {"curve": "sequence"}},
    ),
    "tokens": (
        {
            "ids": _RNG.integers(0, 100, (_SIZE, 5)).astype("int32"),
            "mask": _RNG.random((_SIZE, 5)) < 0.5,
        },
        {"kind": "record"},
    ),
}


def example(values, row):
    """One example as its caller gave it; a record as the mapping of its fields."""
    if isinstance(values, dict):
        return {name: column[row] for name, column in values.items()}
    return values[row]


def length(values):
    """The number of examples."""
    return len(next(iter(values.values()))) if isinstance(values, dict) else len(values)


def changed(values, copies):
    """The values with the example `copies[row]` at each of these rows."""
    if isinstance(values, dict):
        return {name: changed(column, copies) for name, column in values.items()}
    copied = list(values)
    for row, source in copies.items():
        copied[row] = values[source]
    return copied if isinstance(values, list) else np.stack(copied)


def none_of(values):
    """The same form without an example."""
    if isinstance(values, dict):
        return {name: column[:0] for name, column in values.items()}
    return values[:0]


def read_row(read, row):
    """One row of what `LabeledData.read` or a batch gives, without padding."""
    if not isinstance(read, dict):
        return np.asarray(read[row])
    if set(read) == {"values", "length"}:
        return np.asarray(read["values"][row])[: int(read["length"][row])]
    lengths = {name.removesuffix("_length") for name in read if name.endswith("_length")}
    return {
        name: np.asarray(array[row])[: int(read[f"{name}_length"][row])]
        if name in lengths
        else np.asarray(array[row])
        for name, array in read.items()
        if not name.endswith("_length")
    }


def equal(found, wanted):
    """Whether one row that was read is this example."""
    if isinstance(wanted, dict):
        same = found.keys() == wanted.keys()
        return same and all(equal(found[name], wanted[name]) for name in wanted)
    if isinstance(wanted, str):
        found = found.item()
        return (found.decode() if isinstance(found, bytes) else found) == wanted
    wanted = np.asarray(wanted)  # A column of numbers is vectors of one number.
    return np.array_equal(found, wanted[None] if wanted.ndim == 0 else wanted)
