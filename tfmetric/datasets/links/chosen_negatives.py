"""Chooses the negatives of links among the candidates that are considered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfmetric._errors import expected

SAMPLING = ("top", "random")


@dataclass(frozen=True)
class Rules:
    """Bounds of the scores of negatives, and how many are chosen.

    Attributes:
        number: Negatives of a link, H.
        absolute_margin: As for `mine_hard_negatives`, and so the following ones.
        relative_margin: A share, at least 0.
        max_score: The highest score, or `None`.
        min_score: The lowest score, or `None`.
        random: Whether any of those within the bounds are chosen, or those of the highest scores.
    """

    number: int
    absolute_margin: float | None
    relative_margin: float | None
    max_score: float | None
    min_score: float | None
    random: bool

    def __post_init__(self):
        for name in ("absolute_margin", "relative_margin", "max_score", "min_score"):
            value = getattr(self, name)
            if value is None:
                continue
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            if not number or not np.isfinite(value):
                raise ValueError(expected(f"{name} as a finite number or None", **{name: value}))
            object.__setattr__(self, name, float(value))
            if name.endswith("margin") and value < 0:
                raise ValueError(expected(f"{name} of at least 0", **{name: value}))


def choose(
    rules: Rules,
    positive: np.ndarray,
    places: np.ndarray,
    scores: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses negatives of some links.

    Args:
        rules: The bounds.
        positive: `(B, 1)` scores of the linked candidates.
        places: `int64` `(B, R)` considered candidates, −1 for none.
        scores: `(B, R)` their scores.
        rng: The source of randomness.

    Returns:
        Places `(B, H)` and scores `(B, H)`, the highest first; −1 and NaN where there are fewer.
    """
    allowed = places >= 0
    if rules.absolute_margin is not None:
        allowed &= scores <= positive - rules.absolute_margin
    if rules.relative_margin is not None:
        allowed &= scores <= positive - rules.relative_margin * np.abs(positive)
    if rules.max_score is not None:
        allowed &= scores <= rules.max_score
    if rules.min_score is not None:
        allowed &= scores >= rules.min_score
    if rules.random:
        draw = np.where(allowed, rng.random(scores.shape), -1.0)
        drawn = np.argpartition(-draw, rules.number - 1, axis=1)[:, : rules.number]
        among = np.zeros_like(allowed)
        np.put_along_axis(among, drawn, True, axis=1)
        allowed &= among
    ranked = np.where(allowed, scores, -np.inf)
    order = np.argsort(-ranked, axis=1, kind="stable")[:, : rules.number]
    there = np.take_along_axis(allowed, order, axis=1)
    chosen = np.where(there, np.take_along_axis(places, order, axis=1), -1)
    return chosen, np.where(there, np.take_along_axis(scores, order, axis=1), np.nan)
