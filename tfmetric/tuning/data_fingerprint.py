"""A short text that tells one data set from another."""

from __future__ import annotations

import hashlib

import numpy as np

# So many examples tell one data set from another.
_SAMPLED = 16


def fingerprint(data, examples: bool = True) -> str:
    """A short text that is another one for other data.

    Args:
        data: A ``LabeledData``.
        examples: Whether some of the examples are read and count too.
    """
    digest = hashlib.sha256(np.ascontiguousarray(data.labels))
    digest.update(repr((data.class_names, data.element_shape, data.dtype)).encode())
    if examples:
        chosen = np.linspace(0, len(data) - 1, min(_SAMPLED, len(data))).astype(int)
        digest.update(np.ascontiguousarray(data.read(chosen)))
    return digest.hexdigest()[:16]
