"""Deals the links of an epoch into batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def steps_of(count: int, batch_size: int, candidates: np.ndarray | None) -> int:
    """Returns the number of batches of an epoch.

    Args:
        count: The number of links.
        batch_size: The most links of a batch.
        candidates: What may be in a batch only once, the id of each link, or `None`.

    >>> steps_of(10, 4, None), steps_of(10, 4, np.array([0] * 6 + [1] * 4))
    (3, 6)
    """
    steps = -(-count // batch_size)
    if candidates is None:
        return steps
    return max(steps, int(np.unique(candidates, return_counts=True)[1].max()))


def dealt(
    count: int, steps: int, candidates: np.ndarray | None, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yields one epoch: each link in one batch, batches of one size (or one less).

    Links are put in a random order in which those of a candidate stand together, and dealt like
    cards: number n goes to batch n modulo the number of batches. So no batch gets two links of a
    candidate with no more links than there are batches.

    Args:
        count: The number of links.
        steps: The number of batches, from `steps_of`.
        candidates: As for `steps_of`.
        rng: The source of randomness.

    Yields:
        `int64` numbers of links.
    """
    order = rng.permutation(count)
    if candidates is not None:
        found, codes = np.unique(candidates, return_inverse=True)
        rank = rng.permutation(len(found))[codes.reshape(-1)]
        order = order[np.argsort(rank[order], kind="stable")]
    for batch in rng.permutation(steps).tolist():
        yield rng.permutation(order[batch::steps])
