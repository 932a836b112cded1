"""Makes the parts of a relation: their links, the elements of both sides, the seen links."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tfmetric.datasets.links.splits import LinkDivision


def parts_of(relation: Any, division: LinkDivision) -> tuple[Any, Any]:
    """Returns the train and the test part of a relation.

    Args:
        relation: The `Relation` of all links.
        division: The numbers of the links of each part.
    """
    before = np.concatenate([division.train, division.history])
    parts = []
    for chosen, known in ((division.train, before[:0]), (division.test, before)):
        links, seen = relation.links[chosen], relation.links[known]
        lefts = np.unique(links[:, 0])
        every = np.arange(len(relation.right))
        rights = np.unique(links[:, 1]) if division.right_apart else every
        seen = seen[np.isin(seen[:, 0], lefts) & np.isin(seen[:, 1], rights)]
        parts.append(
            replace(
                relation.subset(chosen),
                left=relation.left.subset(lefts),
                right=relation.right.subset(rights),
                links=_renumbered(links, lefts, rights),
                seen=_renumbered(seen, lefts, rights),
            )
        )
    return parts[0], parts[1]


def _renumbered(links, lefts, rights):
    columns = (np.searchsorted(lefts, links[:, 0]), np.searchsorted(rights, links[:, 1]))
    return np.stack(columns, axis=1)
