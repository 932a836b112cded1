"""The names of the mining strategies."""

from typing import Any

from tfmetric._errors import expected

STRATEGIES = ("easy", "hard", "semi-hard", "all")
NAMED = {
    "hard": ("hard", "hard"),
    "semi-hard": ("all", "semi-hard"),
    "all": ("all", "all"),
    "distance-weighted": ("all", "distance-weighted"),
}
FALLBACKS = (None, "hard", "easy")


def resolve(mining: Any) -> tuple[str, str]:
    """Returns ``mining`` as a pair (positive strategy, negative strategy).

    Args:
        mining: "hard", "semi-hard", "all" or "distance-weighted", or a pair of "easy", "hard",
            "semi-hard", "all".

    Raises:
        ValueError: If the name is unknown, or both sides are semi-hard, since each choice would
            depend on the other.
    """
    if isinstance(mining, str) and mining in NAMED:
        return NAMED[mining]
    if isinstance(mining, (tuple, list)) and len(mining) == 2:
        pair = tuple(mining)
        if pair in NAMED.values():
            return pair
        if pair == ("semi-hard", "semi-hard"):
            raise ValueError(
                expected("only one of positive and negative to be semi-hard", mining=mining)
            )
        if all(strategy in STRATEGIES for strategy in pair):
            return pair
    raise ValueError(
        expected(
            f"mining to be one of {', '.join(NAMED)}, or a pair (positive, negative) of "
            f"{', '.join(STRATEGIES)}",
            mining=mining,
        )
    )
