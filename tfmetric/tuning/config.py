"""What a search is, as values to compare: to go on with another one would mix two."""

from __future__ import annotations

import hashlib

import numpy as np

# So many examples tell one data set from another.
_SAMPLED = 16


def of_search(train, space, parts, *, repeats, tuner, tuner_options, build_embedder, **others):
    """All that decides what a trial of given values gives, and which come next.

    Args:
        train: The training data.
        space: The search space.
        parts: The folds.
        repeats: Trainings on each fold.
        tuner: Class of the tuner.
        tuner_options: Its options.
        build_embedder: Of it the name alone can be compared.
        **others: Further values, as they are.

    Returns:
        A dictionary that JSON can hold.
    """
    name = getattr(build_embedder, "__qualname__", type(build_embedder).__name__)
    classes = [part.num_classes for _, part in parts]
    return {
        **others,
        "validation": {
            "folds": len(parts),
            "repeats": repeats,
            "classes": round(sum(classes) / len(classes)),
        },
        "tuner": tuner.__name__,
        "tuner_options": {key: repr(value) for key, value in (tuner_options or {}).items()},
        "build_embedder": None if build_embedder is None else name,
        **space.to_dict(),
        "data": fingerprint(train),
        "parts": [fingerprint(part, examples=False) for _, part in parts],
    }


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
