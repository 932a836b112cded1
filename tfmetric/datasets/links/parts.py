"""Makes the parts of a relation: their links, the elements of both sides, the seen links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.links.checks import link_codes
from tfmetric.datasets.links.splits import LinkDivision


@dataclass(frozen=True)
class Linked:
    """Links between two sides before they are divided; a link may be in several parts.

    Attributes:
        left: The left elements.
        right: The right elements.
        links: `int64` `(M, 2)`.
        score: `(M,)`, or `None`.
        time: `(M,)`, or `None`.
    """

    left: LabeledData
    right: LabeledData
    links: np.ndarray
    score: np.ndarray | None
    time: np.ndarray | None

    def __len__(self):
        return len(self.links)

    def without_unlinked(self) -> tuple[Linked, tuple[int, int]]:
        """Returns this without elements that have no link, and how many there were on each side."""
        places = tuple(np.unique(column) for column in self.links.T)
        left, right = self.left.subset(places[0]), self.right.subset(places[1])
        links = _renumbered(self.links, *places)
        counts = len(self.left) - len(left), len(self.right) - len(right)
        return Linked(left, right, links, self.score, self.time), counts


def parts_of(whole: Linked, division: LinkDivision) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the arguments of the `Relation` of the train part and of the test part.

    Args:
        whole: All links.
        division: The numbers of the links of each part.
    """
    before = np.concatenate([division.train, division.history])
    parts = []
    for chosen, known in ((division.train, before[:0]), (division.test, before)):
        links, seen = whole.links[chosen], whole.links[known]
        lefts, every = np.unique(links[:, 0]), np.arange(len(whole.right))
        rights = np.unique(links[:, 1]) if division.right_apart else every
        seen = seen[np.isin(seen[:, 0], lefts) & np.isin(seen[:, 1], rights)]
        seen = seen[~np.isin(link_codes(seen, len(every)), link_codes(links, len(every)))]
        parts.append(
            {
                "left": whole.left.subset(lefts),
                "right": whole.right.subset(rights),
                "links": _renumbered(links, lefts, rights),
                "score": None if whole.score is None else whole.score[chosen],
                "time": None if whole.time is None else whole.time[chosen],
                "seen": _renumbered(seen, lefts, rights),
            }
        )
    return parts[0], parts[1]


def _renumbered(links, lefts, rights):
    columns = (np.searchsorted(lefts, links[:, 0]), np.searchsorted(rights, links[:, 1]))
    return np.stack(columns, axis=1)
