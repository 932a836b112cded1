"""A figure by groups of examples: each group's value, and the gap between best and worst."""

import json
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.typing import Array
from tfmetric.values import labels as read_labels
from tfmetric.values import plain

_DRAWS_AT_ONCE = 2**22


@dataclass(frozen=True)
class GroupRow:
    """A figure of one group.

    Attributes:
        group: Name of the group.
        count: Number of examples (queries) in the value; for verification the examples in the
            group.
        value: The figure.
        interval: Lower and upper end of its 95 % bootstrap interval.
        small: Whether the group has too few examples to compare.
    """

    group: str | int
    count: int
    value: float
    interval: tuple[float, float]
    small: bool


@dataclass(frozen=True)
class GroupTable:
    """A figure by group.

    Attributes:
        figure: Name of the figure.
        rows: One :class:`GroupRow` for each group, in order of the groups.
        best: The group with the best value, None if fewer than two groups can be compared.
        worst: The group with the worst value, or None.
        gap: Difference between the best and the worst value, 0 or more; NaN without them.
        gap_interval: 95 % bootstrap interval of the difference between these two groups. They were
            picked as furthest apart, which biases it towards a gap. An interval that contains 0 is
            no evidence of a difference.
        higher_is_better: Whether a larger value is better.
    """

    figure: str
    rows: tuple[GroupRow, ...]
    best: str | int | None
    worst: str | int | None
    gap: float
    gap_interval: tuple[float, float]
    higher_is_better: bool = True

    def __getitem__(self, group) -> GroupRow:
        """Returns the row of a group."""
        for row in self.rows:
            if row.group == group:
                return row
        raise KeyError(
            expected(f"one of the groups {', '.join(str(r.group) for r in self.rows)}", group=group)
        )

    def summary(self) -> str:
        """Returns the table as text, and the gap in words."""
        width = max([5, *(len(str(row.group)) for row in self.rows)])
        lines = [f"{self.figure} by group", f"  {'group':<{width}}{'count':>9}{'value':>10}"]
        for row in self.rows:
            low, high = row.interval
            note = "  small: not compared" if row.small else ""
            lines.append(
                f"  {row.group!s:<{width}}{row.count:>9,}{row.value:>10.4f}"
                f"  ({low:.4f} to {high:.4f}){note}"
            )
        if self.best is None:
            lines.append("  Fewer than two groups are large enough to compare.")
        else:
            low, high = self.gap_interval
            lines.append(
                f"  Gap {self.gap:.4f} ({low:.4f} to {high:.4f}): best {self.best}, "
                f"worst {self.worst}{self._picked()}"
            )
        return "\n".join(lines)

    def _picked(self):
        compared = sum(not row.small for row in self.rows)
        return f", picked as furthest apart of {compared}" if compared > 2 else ""

    def to_dict(self) -> dict:
        """Returns everything as plain Python values; NaN becomes None."""
        return plain(self)

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def group_table(
    figure: str,
    values: Any,
    groups: Array | None,
    classes: Any,
    *,
    small: int = 30,
    higher_is_better: bool = True,
    repeats: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> GroupTable:
    """Computes the mean of per-query values by group, with bootstrap intervals over classes.

    Whole classes are drawn with replacement, since examples of one class are hard or easy
    together; the same draw serves all groups, as a class may have examples in several. In a group
    of one class only, its examples are drawn instead.

    Args:
        figure: Name of the figure, for the table.
        values: (Q,), one value for each query.
        groups: (Q,), the group of each query: integers or strings.
        classes: (Q,), the class of each query.
        small: Groups of fewer queries are marked small and left out of the gap.
        higher_is_better: Whether a larger value is better.
        repeats: Draws of the bootstrap.
        level: Level of the intervals.
        seed: Seed of the draws.

    Returns:
        A :class:`GroupTable`.

    Raises:
        ValueError: If lengths do not fit or a value is not finite.

    Example:

    >>> table = group_table("recall", [1, 1, 0, 1], ["a", "a", "b", "b"], [0, 1, 2, 3], small=2)
    >>> table.best, table.worst, table.gap
    ('a', 'b', 0.5)

    Reference: Efron, Tibshirani: An introduction to the bootstrap, 1993, chapter 13 (percentile
    intervals).
    """
    values = np.asarray(values)
    numbers = values.ndim == 1 and values.dtype.kind in "fiub"
    if not numbers or not np.isfinite(values).all():
        raise ValueError(
            expected(
                "finite values of shape (Q,)", values_shape=values.shape, dtype=str(values.dtype)
            )
        )
    values = values.astype(np.float64)
    check_repeats(repeats)
    names, group_of = np.unique(read_labels(groups, len(values), "groups"), return_inverse=True)
    _, class_of = np.unique(read_labels(classes, len(values), "classes"), return_inverse=True)
    sums, counts = _sums_by_unit(values, group_of, _units(group_of, class_of), len(names))
    replicates = _replicates(sums, counts, repeats, seed)
    with np.errstate(invalid="ignore"):
        means = sums.sum(axis=0) / counts.sum(axis=0)
    return table_of_replicates(
        figure,
        names.tolist(),
        np.bincount(group_of, minlength=len(names)),
        means,
        replicates,
        small=small,
        higher_is_better=higher_is_better,
        level=level,
    )


def table_of_replicates(
    figure, names, counts, values, replicates, *, small, higher_is_better=True, level=0.95
) -> GroupTable:
    """Makes a table from each group's value and its bootstrap repeats.

    Args:
        figure: Name of the figure.
        names: The G groups.
        counts: (G,), examples in each.
        values: (G,).
        replicates: (repeats, G), NaN where a draw gave a group no value.
        small: Groups of fewer examples are marked small.
        higher_is_better: Whether a larger value is better.
        level: Level of the intervals.
    """
    replicates = np.asarray(replicates, np.float64)
    if isinstance(small, bool) or not isinstance(small, Integral):
        raise ValueError(expected("small to be an integer", small=small))
    rows = tuple(
        GroupRow(
            name, int(count), float(value), percentiles(replicates[:, i], level), count < small
        )
        for i, (name, count, value) in enumerate(zip(names, counts, values, strict=True))
    )
    rows = tuple(
        GroupRow(r.group, r.count, r.value, r.interval, bool(r.small or not np.isfinite(r.value)))
        for r in rows
    )
    compared = [i for i, row in enumerate(rows) if not row.small]
    if len(compared) < 2:
        nan = float("nan")
        return GroupTable(figure, rows, None, None, nan, (nan, nan), higher_is_better)
    sign = 1.0 if higher_is_better else -1.0
    best = max(compared, key=lambda i: sign * rows[i].value)
    worst = min((i for i in compared if i != best), key=lambda i: sign * rows[i].value)
    return GroupTable(
        figure,
        rows,
        rows[best].group,
        rows[worst].group,
        sign * (rows[best].value - rows[worst].value),
        percentiles(sign * (replicates[:, best] - replicates[:, worst]), level),
        higher_is_better,
    )


def percentiles(replicates, level: float = 0.95) -> tuple[float, float]:
    """Returns the percentile interval of bootstrap values, ignoring NaN.

    Raises:
        ValueError: If the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(expected("level to be above 0 and below 1", level=level))
    finite = replicates[np.isfinite(replicates)]
    if not finite.size:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def check_repeats(repeats) -> None:
    """Checks the number of draws of a bootstrap.

    Raises:
        ValueError: If it is not an integer above 0.
    """
    if isinstance(repeats, bool) or not isinstance(repeats, Integral) or repeats < 1:
        raise ValueError(expected("repeats to be an integer above 0", repeats=repeats))


def _units(group_of, class_of):
    """Returns the units to draw: classes, or examples in a group of a single class."""
    pairs = np.unique(np.stack([group_of, class_of]), axis=1)
    lonely = np.bincount(pairs[0], minlength=group_of.max(initial=-1) + 1) == 1
    own = class_of.max(initial=-1) + 1 + np.arange(len(class_of))
    _, units = np.unique(np.where(lonely[group_of], own, class_of), return_inverse=True)
    return units


def _sums_by_unit(values, group_of, units, num_groups):
    size = units.max(initial=-1) + 1
    cell = units * num_groups + group_of
    shape = (size, num_groups)
    sums = np.bincount(cell, values, minlength=size * num_groups).reshape(shape)
    return sums, np.bincount(cell, minlength=size * num_groups).reshape(shape).astype(np.float64)


def _replicates(sums, counts, repeats, seed):
    """Returns means by group (repeats, G) of units drawn with replacement."""
    size = len(sums)
    rng = np.random.default_rng(seed)
    found = []
    step = max(1, _DRAWS_AT_ONCE // max(size, 1))
    for start in range(0, repeats, step):
        weights = draw_weights(rng, min(step, repeats - start), size)
        with np.errstate(invalid="ignore"):
            found.append((weights @ sums) / (weights @ counts))
    return np.concatenate(found) if found else np.zeros((0, sums.shape[1]))


def draw_weights(rng, repeats: int, size: int) -> np.ndarray:
    """Counts each of ``size`` units in ``size`` draws, (repeats, size), float64."""
    draws = rng.integers(0, max(size, 1), (repeats, size)) + size * np.arange(repeats)[:, None]
    counts = np.bincount(draws.ravel(), minlength=repeats * size)
    return counts.reshape(repeats, size).astype(np.float64)
