"""Exact duplicates across train and test."""

from __future__ import annotations

import numpy as np

from tfmetric.datasets.progress import progress
from tfmetric.datasets.sources import Source


def cross_duplicates(source: Source, train: np.ndarray, test: np.ndarray) -> list[tuple[int, int]]:
    """Finds test examples whose exact content is in train too.

    Only examples that agree in a cheap fingerprint (the size and first 4 KB of a file, 64 values
    of an array row) are read whole and hashed.

    Args:
        source: The examples.
        train: Positions of the train examples.
        test: Positions of the test examples.

    Returns:
        (train position, test position) of each such test example, with its first train twin.
    """
    with progress(len(train) + len(test), "Comparing train and test") as advance:
        prints = []
        for positions in (train, test):
            chunks = [np.empty(0, np.uint64)]
            for start in range(0, len(positions), 4096):
                chunks.append(source.fingerprints(positions[start : start + 4096]))
                advance(len(chunks[-1]))
            prints.append(np.concatenate(chunks))
    common = np.intersect1d(*prints)
    if not len(common):
        return []
    first: dict[bytes, int] = {}
    for position in train[np.isin(prints[0], common)]:
        first.setdefault(source.digest(position), int(position))
    pairs = []
    for position in test[np.isin(prints[1], common)]:
        twin = first.get(source.digest(position))
        if twin is not None:
            pairs.append((twin, int(position)))
    return pairs
