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
}


def example(values, row):
    """One example as its caller gave it, without what `read` adds."""
    return values[row]


def read_row(read, row):
    """One row of what `LabeledData.read` or a batch gives, without padding."""
    if not isinstance(read, dict):
        return np.asarray(read[row])
    return np.asarray(read["values"][row])[: int(read["length"][row])]
