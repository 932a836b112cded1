"""Gives each link explicit negatives: drawn among what is not linked, or as they are given."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_positive
from tfmetric.datasets.links.checks import link_codes

_ROUNDS = 20


class Negatives(Protocol):
    """The explicit negatives of links.

    Attributes:
        count: Negatives of each link, H.
    """

    count: int

    def of(self, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns places of right elements `(B, H)` for these numbers of links `(B,)`."""


def checked_negatives(
    negatives: Any, links: np.ndarray, seen: np.ndarray, left: Any, right: Any
) -> Negatives | None:
    """Reads the argument `negatives` of `Relation.batches`.

    Args:
        negatives: `None`, a number, or places `(M, H)`.
        links: `int64` `(M, 2)`.
        seen: `int64` `(S, 2)`, further links of the left elements.
        left: The left elements.
        right: The right elements.

    Raises:
        ValueError: If the shape is wrong, a place does not exist, or a negative is linked to the
            left element.
    """
    if negatives is None:
        return None
    known = np.concatenate([links, seen])
    if np.ndim(negatives) == 0:
        require_positive(negatives=negatives)
        return _Drawn(Unlinked(known, len(left), len(right)), links[:, 0], int(negatives))
    places = np.asarray(negatives)
    if (
        places.ndim != 2
        or len(places) != len(links)
        or places.dtype.kind not in "iu"
        or not (places.size)
    ):
        raise ValueError(
            expected(
                f"negatives as a number, or as integers of shape ({len(links)}, H), H from 1",
                shape=places.shape,
                dtype=str(places.dtype),
            )
        )
    wrong = np.argwhere((places < 0) | (places >= len(right)))
    if len(wrong):
        raise ValueError(
            expected(
                f"negatives that are places of the right side, 0 to {len(right) - 1}",
                place=places[tuple(wrong[0])].item(),
                link=int(wrong[0, 0]),
            )
        )
    pairs = np.stack([np.repeat(links[:, 0], places.shape[1]), places.reshape(-1)], axis=1)
    linked = np.isin(link_codes(pairs, len(right)), link_codes(known, len(right)))
    if linked.any():
        raise ValueError(
            expected(
                "negatives that are not linked to the left element",
                pair=tuple(pairs[linked.argmax()].tolist()),
                number=int(linked.sum()),
            )
        )
    return _Given(places.astype(np.int64))


class _Drawn:
    def __init__(self, unlinked, owners, count):
        self.count, self._unlinked, self._owners = count, unlinked, owners

    def of(self, chosen, rng):
        return self._unlinked.draw(self._owners[chosen], self.count, rng)


class _Given:
    def __init__(self, places):
        self.count, self._places = places.shape[1], places

    def of(self, chosen, rng):
        return self._places[chosen]


class Unlinked:
    """The right elements that are not linked to each left element."""

    def __init__(self, links: np.ndarray, num_left: int, num_right: int):
        """Sorts the links.

        Args:
            links: `int64` `(M, 2)`, all known links.
            num_left: The number of left elements.
            num_right: The number of right elements.

        Raises:
            ValueError: If a left element is linked to all right elements.
        """
        self._codes, self._count = np.unique(link_codes(links, num_right)), num_right
        linked = np.bincount(self._codes // num_right, minlength=num_left)
        if (linked >= num_right).any():
            raise ValueError(
                expected(
                    "a right element without a link for every left element, to draw negatives from",
                    left=int(linked.argmax()),
                    linked=int(linked.max()),
                    right_elements=num_right,
                )
            )

    def draw(self, left: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draws for each left element `count` unlinked right elements, all equally likely.

        Args:
            left: `int64` `(B,)` places of left elements.
            count: Elements for each.
            rng: The source of randomness.

        Returns:
            `int64` `(B, count)`.
        """
        owners = np.repeat(left, count)
        drawn = rng.integers(0, self._count, len(owners))
        for _ in range(_ROUNDS):
            again = np.flatnonzero(self._linked(owners, drawn))
            if not len(again):
                break
            drawn[again] = rng.integers(0, self._count, len(again))
        else:  # Nearly everything is linked: list what is not.
            for row in np.flatnonzero(self._linked(owners, drawn)).tolist():
                every = np.arange(self._count)
                free = every[~self._linked(np.full(self._count, owners[row]), every)]
                drawn[row] = rng.choice(free)
        return drawn.reshape(len(left), count)

    def _linked(self, left, right):
        code = left * self._count + right
        place = np.searchsorted(self._codes, code)
        return self._codes[np.minimum(place, len(self._codes) - 1)] == code
