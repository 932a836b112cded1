"""Sources of the pairs of a verification, which count them as a whole or by groups."""

from dataclasses import dataclass

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation.verification.bootstrap import Units
from tfmetric.evaluation.verification.operating_points import Counts
from tfmetric.evaluation.verification.pair_counting import Pairs, Sets, count_pairs, read_only
from tfmetric.evaluation.verification.result import VerificationResult
from tfmetric.values import labels as read_labels


@dataclass(frozen=True, eq=False)
class SetSource:
    """All pairs of one or two sets.

    Attributes:
        sets: The sets.
        distance: Distance of the comparison.
        limit: Largest number of kept pairs.
        seed: Seed of the sample above the limit.
    """

    sets: Sets
    distance: object
    limit: int
    seed: int

    def units(self, pairs: Pairs) -> Units:
        """Returns the class of each side of each pair."""
        left, right = self.sets.classes, self.sets.gallery_classes
        count = int(max(left.max(initial=-1), right.max(initial=-1))) + 1
        return Units(left[pairs.left], right[pairs.right], count)

    def result(self) -> VerificationResult:
        """Counts the pairs."""
        found = count_pairs(self.sets, self.distance, self.limit, self.seed)
        return VerificationResult(distances.get(self.distance).name, *found, self)

    def split(self, groups) -> list[tuple]:
        """Yields the name, the number of examples and the source of each group."""
        left, right = (
            (groups, groups)
            if self.sets.one
            else two_columns(groups, "groups, of the queries and of the gallery,")
        )
        codes, others, names = joint_codes(
            read_labels(left, len(self.sets.classes), "groups"),
            read_labels(right, len(self.sets.gallery_classes), "groups"),
        )
        # If not all pairs are kept, the groups share the limit.
        whole = sum(self.sets.num_pairs()) <= self.limit
        limit = self.limit if whole else max(self.limit // max(len(names), 1), 2)
        parts = []
        for code, name in enumerate(names):
            rows, columns = np.flatnonzero(codes == code), np.flatnonzero(others == code)
            count = len(rows) if self.sets.one else len(rows) + len(columns)
            part = SetSource(self.sets.subset(rows, columns), self.distance, limit, self.seed)
            parts.append((name, count, part))
        return parts


@dataclass(frozen=True, eq=False)
class PairSource:
    """Given pairs.

    Attributes:
        pairs: The pairs.
        classes: The class of each left and right side, as numbers, or None.
        distance: Name of the distance.
        examples: Number of examples that ``left`` and ``right`` index, or None.
    """

    pairs: Pairs
    classes: tuple[np.ndarray, np.ndarray] | None
    distance: str
    examples: tuple[int, int] | None = None

    def units(self, pairs: Pairs) -> Units:
        """Returns the class of each side of each pair, or the pair itself."""
        if self.classes is None:
            return Units.of_pairs(len(pairs))
        left, right = self.classes
        return Units(left, right, int(max(left.max(initial=-1), right.max(initial=-1))) + 1)

    def result(self) -> VerificationResult:
        """Counts the pairs."""
        counts = Counts.of(self.pairs.distances, self.pairs.same)
        return VerificationResult(self.distance, counts, self.pairs, True, self)

    def split(self, groups) -> list[tuple]:
        """Yields the name, the number of examples or pairs, and the source of each group."""
        left, right = self._sides(groups)
        left, right, names = joint_codes(left, right)
        every = np.arange(len(self.pairs))
        parts = []
        for code, name in enumerate(names):
            chosen = np.flatnonzero((left == code) & (right == code))
            pairs = read_only(*(array[chosen] for array in vars(self.pairs).values()))
            # Without classes each pair is a unit, numbered among all pairs.
            first, second = self.classes or (every, every)
            classes = (first[chosen], second[chosen])
            count = len(chosen)
            if self.examples is not None:
                count = len(np.unique(np.concatenate([pairs.left, pairs.right])))
            parts.append((name, count, PairSource(pairs, classes, self.distance)))
        return parts

    def _sides(self, groups):
        if self.examples is not None:
            first, second = (
                (groups, groups)
                if self.examples[1] == 0
                else two_columns(groups, "groups, of the queries and of the gallery,")
            )
            first = read_labels(first, self.examples[0], "groups")
            second = read_labels(second, self.examples[1] or self.examples[0], "groups")
            return first[self.pairs.left], second[self.pairs.right]
        if isinstance(groups, (tuple, list)) and len(groups) == 2 and np.ndim(groups[0]):
            first, second = groups
        else:
            first = second = groups
        return tuple(read_labels(side, len(self.pairs), "groups") for side in (first, second))


def joint_codes(labels, others):
    """Numbers the values of two columns together; values are compared as Python's.

    Returns:
        Codes of the first column, codes of the second, both int64, and the values by code.
    """
    parts = [np.unique(column, return_inverse=True) for column in (labels, others)]
    number: dict = {}
    for values, _ in parts:
        for value in values.tolist():
            number.setdefault(value, len(number))
    codes = [
        np.array([number[value] for value in values.tolist()], np.int64)[inverse]
        for values, inverse in parts
    ]
    return *codes, list(number)


def two_columns(columns, what):
    """Returns a pair of columns as it is.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(columns, (tuple, list)) or len(columns) != 2:
        raise ValueError(expected(f"two columns of {what} as a tuple", got=type(columns).__name__))
    return columns
