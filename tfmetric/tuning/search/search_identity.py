"""What a search is, as values to compare: to go on with another one would mix two."""

from __future__ import annotations

from tfmetric.tuning.data_fingerprint import fingerprint


def search_identity(
    train, space, parts, *, repeats, tuner, tuner_options, build_embedder, **others
):
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
