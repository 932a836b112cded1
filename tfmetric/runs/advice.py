"""What to do where a run has gained nothing on new classes."""

# A network that learns to tell so few classes apart learns little that new classes need.
_FEW_CLASSES = 20


def advice_of(result: dict, train_classes: int, closed_set: bool) -> str | None:
    """Advice in a sentence, or None where the embedding is not worse than a baseline.

    Args:
        result: Figures of :meth:`tfmetric.evaluation.Evaluation.to_dict`.
        train_classes: How many classes were trained on.
        closed_set: Whether the test has the classes of the training.
    """
    if "WORSE than" not in (result.get("verdict") or ""):
        return None
    if closed_set or train_classes >= _FEW_CLASSES:
        return (
            "Do not use it as it is: take the better baseline, train longer, or search the "
            "settings (tfmetric tune)."
        )
    return (
        f"It was trained on {train_classes} classes, too few to learn what tells new ones apart. "
        "Bring more classes; or, where the classes in use are those of the training, judge it so: "
        "--split examples."
    )
