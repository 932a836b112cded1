"""The values that tell one search from another: a directory must not mix trials of two."""

from __future__ import annotations

from tfmetric.datasets.fingerprint import fingerprint


def search_identity(
    train, space, parts, *, by, repeats, tuner, tuner_options, build_embedder, **others
) -> dict:
    """The values that decide what a trial scores, and which trial comes next.

    Args:
        train: The training data.
        space: The search space.
        parts: The folds.
        by: The unit that a fold splits by: "classes", "groups" or "examples".
        repeats: Trainings on each fold.
        tuner: Class of the tuner.
        tuner_options: Its options.
        build_embedder: The caller's function, or None; its name alone can be compared.
        **others: Further values, as they are.

    Returns:
        A dictionary that JSON can hold.
    """
    name = getattr(build_embedder, "__qualname__", type(build_embedder).__name__)
    classes = [part.num_classes for _, part in parts]
    groups = [len(set(part.groups)) for _, part in parts] if by == "groups" else []
    return {
        **others,
        "validation": {
            "by": by,
            **({"groups": round(sum(groups) / len(groups))} if groups else {}),
            "folds": len(parts),
            "repeats": repeats,
            "classes": round(sum(classes) / len(classes)),
            "examples": round(sum(len(part) for _, part in parts) / len(parts)),
        },
        "tuner": tuner.__name__,
        "tuner_options": {key: repr(value) for key, value in (tuner_options or {}).items()},
        "build_embedder": None if build_embedder is None else name,
        **space.to_dict(),
        "data": fingerprint(train),
        "parts": [fingerprint(part, examples=False) for _, part in parts],
    }
