"""A short text by which two data sets can be told apart."""

from __future__ import annotations

import hashlib

import numpy as np

# The number of examples that are read: enough to tell data sets apart, and soon read.
_SAMPLED = 16


def fingerprint(data, examples: bool = True) -> str:
    """Returns a short text that differs for other data.

    Args:
        data: A ``LabeledData``.
        examples: Whether some examples are read too; else labels, names and shapes alone count.
    """
    digest = hashlib.sha256(np.ascontiguousarray(data.labels).data)
    digest.update(repr((data.class_names, data.element_shape, data.dtype)).encode())
    if examples:
        chosen = np.linspace(0, len(data) - 1, min(_SAMPLED, len(data))).astype(int)
        read = data.read(chosen)
        for values in [read[name] for name in sorted(read)] if isinstance(read, dict) else [read]:
            digest.update(_content(values))
    return digest.hexdigest()[:16]


def _content(values):
    """The bytes of an array; those of an array of objects would be addresses in memory."""
    values = np.ascontiguousarray(values)
    return repr(values.tolist()).encode() if values.dtype.kind == "O" else values
