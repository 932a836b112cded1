"""Chooses the examples of each batch by index arithmetic on labels, in NumPy only.

Everything here is a function of (labels, seed, epoch). An epoch costs one sort of the examples; a
batch costs a few vectorised look-ups for any number of examples.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class ClassTable:
    """Examples ordered by class.

    Attributes:
        order: Indexes of the examples `(N,)`, class by class.
        start: Where each class starts in `order`.
        count: The number of examples of each class.
        rank_of: The class number (0 to C−1, of the classes present) of each place in `order`.
    """

    def __init__(self, labels: np.ndarray):
        self.order = np.argsort(labels, kind="stable")
        self.classes, self.start, self.count = np.unique(
            labels[self.order], return_index=True, return_counts=True
        )
        self.rank_of = np.repeat(np.arange(len(self.classes)), self.count)


def batch_within(classes: int, examples: int, present: int, enough: int) -> tuple[int, int]:
    """Returns P and K for data of few classes: P is their number, and K grows to fill the batch.

    Args:
        classes: P, as asked for.
        examples: K, as asked for.
        present: How many classes there are.
        enough: The most that K grows to: the size of a class.

    >>> batch_within(32, 8, 10, 100), batch_within(32, 8, 10, 12), batch_within(32, 8, 50, 12)
    ((10, 25), (10, 12), (32, 8))
    """
    if classes <= present:
        return classes, examples
    return present, max(examples, min(classes * examples // present, enough))


def class_stream(
    num_classes: int, per_batch: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yields batches of different classes, endlessly; each round visits every class once.

    If a batch spans two random orders, the classes taken from the first are moved back in the
    second, so that no class is in the batch twice.

    Args:
        num_classes: The number of classes, C.
        per_batch: Classes a batch, P; not more than C.
        rng: The source of randomness.

    Yields:
        Arrays `(P,)` of class numbers below C.

    >>> stream = class_stream(5, 3, np.random.default_rng(0))
    >>> sorted(np.concatenate([next(stream), next(stream)])[:5].tolist())
    [0, 1, 2, 3, 4]
    """
    left = np.empty(0, np.int64)
    while True:
        if len(left) < per_batch:
            fresh = rng.permutation(num_classes)
            used = np.zeros(num_classes, bool)
            used[left] = True
            others = fresh[~used[fresh]]
            need = per_batch - len(left)
            rest = np.concatenate([others[need:], fresh[used[fresh]]])
            yield np.concatenate([left, others[:need]])
            # Shuffle, or the classes moved back would always come last.
            left = rng.permutation(rest)
        else:
            yield left[:per_batch]
            left = left[per_batch:]


def balanced_indices(
    table: ClassTable,
    classes_per_batch: int,
    examples_per_class: int,
    batches: int,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Yields one epoch of P×K batches of example indexes, class by class.

    Within the epoch a class yields different examples until all are used, then starts again. A
    class with fewer than K examples repeats them as evenly as possible.

    Args:
        table: The examples by class.
        classes_per_batch: P.
        examples_per_class: K.
        batches: Batches in the epoch.
        rng: The source of randomness.

    Yields:
        Arrays `(P*K,)` of indexes.
    """
    size = examples_per_class
    # One sort of class number plus a random fraction shuffles within every class at once.
    order = table.order[np.argsort(table.rank_of + rng.random(len(table.order)))]
    cursor = np.zeros(len(table.classes), np.int64)
    steps = np.arange(size)
    stream = class_stream(len(table.classes), classes_per_batch, rng)
    for _ in range(batches):
        classes = next(stream)
        places = cursor[classes][:, None] + steps
        short = cursor[classes] + size > table.count[classes]
        places[short] = 0
        chosen = order[table.start[classes][:, None] + places]
        cursor[classes] += np.where(short, 0, size)
        for row in np.flatnonzero(short):
            label = classes[row]
            first, count = table.start[label], table.count[label]
            members = order[first : first + count]  # A view, so that the new order is written back.
            chosen[row], cursor[label] = _begin_anew(members, cursor[label], size, rng)
        yield chosen.reshape(-1)


def _begin_anew(members, cursor, size, rng):
    """Takes the last unused and some used examples; reorders `members` for the next round."""
    if len(members) < size:
        repeats = -(-size // len(members))
        return np.concatenate([rng.permutation(members) for _ in range(repeats)])[:size], cursor
    unused, used = members[cursor:].copy(), rng.permutation(members[:cursor])
    need = size - len(unused)
    rest = rng.permutation(np.concatenate([used[need:], unused]))
    members[:] = np.concatenate([used[:need], rest])
    return np.concatenate([unused, used[:need]]), need


def anchor_stream(
    candidates: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yields arrays `(size,)` of candidates endlessly, each candidate once in each round."""
    left = np.empty(0, candidates.dtype)
    while True:
        while len(left) < size:
            left = np.concatenate([left, rng.permutation(candidates)])
        yield left[:size]
        left = left[size:]


def partners(table: ClassTable, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws, for each place in the table, another place of the same class of two or more."""
    label = table.rank_of[places]
    start, count = table.start[label], table.count[label]
    return start + (places - start + rng.integers(1, count)) % count


def strangers(table: ClassTable, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws, for each place in the table, a place of another class, all examples equally likely."""
    label = table.rank_of[places]
    start, count = table.start[label], table.count[label]
    drawn = rng.integers(0, len(table.order) - count)
    return drawn + np.where(drawn >= start, count, 0)
