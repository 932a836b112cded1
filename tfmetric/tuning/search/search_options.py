"""How a search judges its trials and when it stops one, as arguments of margin_search."""

from __future__ import annotations

from dataclasses import dataclass

from tfmetric._errors import expected

_BY = ("auto", "classes", "groups", "examples")


@dataclass(frozen=True)
class Validation:
    """How the trials of a search are judged on parts of the training data.

    Attributes:
        by: The unit that lies in one part alone: "classes", "groups" or "examples", see
            :func:`tfmetric.tuning.validation_folds`. "auto", the default, does as the split into
            training and test data did.
        fraction: The share of the classes, groups or examples to judge on, where ``folds`` is 1.
        folds: With 2 or more, trials are judged on each of so many folds in turn, and each class,
            group or example is judged once.
        repeats: Trainings on each fold, with other batches and initial weights.

    Raises:
        ValueError: If a value is out of its range.

    >>> Validation("groups", folds=5)
    Validation(by='groups', fraction=0.25, folds=5, repeats=1)
    """

    by: str = "auto"
    fraction: float = 0.25
    folds: int = 1
    repeats: int = 1

    def __post_init__(self) -> None:
        if self.by not in _BY:
            raise ValueError(expected(f"validation by one of {', '.join(_BY)}", by=self.by))
        for name in ("folds", "repeats"):
            require_count(name, getattr(self, name))
        number = isinstance(self.fraction, (int, float)) and not isinstance(self.fraction, bool)
        if not number or not 0 < self.fraction < 1:
            raise ValueError(
                expected("fraction to be a number between 0 and 1", fraction=self.fraction)
            )


@dataclass(frozen=True)
class Stopping:
    """When a trial ends before its last epoch.

    Attributes:
        patience: Ends a training after so many epochs without a better one. Defaults to None,
            never: the learning rate falls until the end, and often the figures rise with it.
        prune: Whether a trial ends where it is below the median of the others at the same epoch
            and fold, after a third of the epochs and four trials. Hyperband does so by a rule of
            its own.

    Raises:
        ValueError: If a value is out of its range.

    >>> Stopping(patience=3)
    Stopping(patience=3, prune=True)
    """

    patience: int | None = None
    prune: bool = True

    def __post_init__(self) -> None:
        require_count("patience", self.patience, optional=True)
        if not isinstance(self.prune, bool):
            raise ValueError(expected("prune to be a bool", prune=self.prune))


def as_validation(validation: Validation | str | None) -> Validation:
    """The options themselves, or those that a word stands for; None for the default.

    >>> as_validation("groups").by
    'groups'
    """
    if isinstance(validation, Validation):
        return validation
    if validation is None or isinstance(validation, str):
        return Validation(validation or "auto")
    raise ValueError(
        expected(
            f"validation to be one of {', '.join(_BY)}, or a tfmetric.tuning.Validation",
            validation=validation,
        )
    )


def require_count(name: str, value, optional: bool = False) -> None:
    """Raises a ValueError for a value that is no int above 0.

    Args:
        name: The name of the argument.
        value: Its value.
        optional: Whether it may be None.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not ((whole and value > 0) or (optional and value is None)):
        none = ", or None" if optional else ""
        raise ValueError(expected(f"{name} to be an int above 0{none}", **{name: value}))
