"""Finds exact duplicates: within a part, across parts, and under two labels."""

from __future__ import annotations

import numpy as np

from tfmetric.datasets.progress import progress
from tfmetric.datasets.sources import Source


def first_twins(source: Source) -> np.ndarray:
    """Finds for each example the first one of exactly the same content.

    Only examples with equal cheap fingerprints (the size and first 4 KB of a file, 64 values of an
    array row) are read whole and hashed.

    Args:
        source: The examples.

    Returns:
        `int64` `(len(source),)`: the position of the first equal example, possibly its own.
    """
    positions = np.arange(len(source))
    with progress(len(source), "Looking for duplicates") as advance:
        chunks = [np.empty(0, np.uint64)]
        for start in range(0, len(source), 4096):
            chunks.append(source.fingerprints(positions[start : start + 4096]))
            advance(len(chunks[-1]))
    prints = np.concatenate(chunks)
    _, codes, counts = np.unique(prints, return_inverse=True, return_counts=True)
    first = positions.copy()
    seen: dict[bytes, int] = {}
    for position in np.flatnonzero(counts[codes.reshape(-1)] > 1).tolist():
        first[position] = seen.setdefault(source.digest(position), position)
    return first


def duplicates_of(
    first: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray
) -> dict[str, list[tuple[int, int]]]:
    """Groups pairs of equal examples by their parts and labels.

    Args:
        first: What `first_twins` returns.
        labels: The label of each example.
        train: Positions of the train examples.
        test: Positions of the test examples.

    Returns:
        Pairs of positions under "across" (train, test: a test example and its first twin in train),
        "within" (two of one part and one label) and "conflicts" (two under different labels, in any
        parts).
    """
    found: dict[str, list[tuple[int, int]]] = {"across": [], "within": [], "conflicts": []}
    in_train: dict[int, int] = {}
    of_part: dict[tuple[int, int], int] = {}
    of_twin: dict[int, int] = {}
    counts = np.bincount(first, minlength=len(first))
    for number, part in enumerate((train, test)):
        for position in part[counts[first[part]] > 1].tolist():
            twin = int(first[position])
            if number == 0:
                in_train.setdefault(twin, position)
            elif twin in in_train:
                found["across"].append((in_train[twin], position))
            other = of_twin.setdefault(twin, position)
            if labels[other] != labels[position]:
                found["conflicts"].append((other, position))
            earlier = of_part.setdefault((number, twin), position)
            if earlier != position and labels[earlier] == labels[position]:
                found["within"].append((earlier, position))
    return found
