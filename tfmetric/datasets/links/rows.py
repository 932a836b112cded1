"""Rows with named columns, the form in which every source of links is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfmetric import values as given
from tfmetric._errors import expected
from tfmetric.datasets.table_rows import Table


@dataclass(frozen=True)
class Rows:
    """Rows with named columns.

    Attributes:
        name: Name of the source.
        columns: The values of each column.
        where: Location of each row, for messages: "pairs.csv line 7".
        table: The table whose cells are text that may stand for numbers or files; `None` where the
            columns hold values.
        skipped: (location, reason) of rows that were left out.
        parts: `(N,)` of "train", "val" and "test", or `None`.
    """

    name: str
    columns: Mapping[str, Any]
    where: Sequence[str]
    table: Table | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    parts: np.ndarray | None = None

    def __len__(self):
        return len(self.where)

    def require(self, **named: str | None) -> None:
        """Raises a ValueError for a column that does not exist, by the name of its argument."""
        for argument, column in named.items():
            if column is not None and column not in self.columns:
                raise ValueError(
                    expected(
                        f"{argument}= as one of the columns {', '.join(self.columns)}",
                        **{argument: column},
                    )
                )

    def with_values(self, names: Sequence[str]) -> Rows:
        """Returns the rows that have a value in each of these columns."""
        reason: dict[int, str] = {}
        for name in names:
            column = self.columns[name]
            if np.ndim(column) == 1 or isinstance(column, (list, tuple)):
                for row in np.flatnonzero(_missing(column)).tolist():
                    reason.setdefault(row, f"missing {name}")
        if not reason:
            return self
        keep = np.array([row for row in range(len(self)) if row not in reason], np.int64)
        if not len(keep):
            raise ValueError(
                expected(
                    f"at least one row that has a value in {', '.join(names)}",
                    source=self.name,
                    rows=len(self),
                )
            )
        left_out = [(self.where[row], reason[row]) for row in sorted(reason)]
        return replace(self.chosen(keep), skipped=(*self.skipped, *left_out))

    def chosen(self, rows: np.ndarray) -> Rows:
        """Returns only these rows."""
        columns = {name: rows_of(column, rows) for name, column in self.columns.items()}
        where = [self.where[row] for row in rows]
        table = None
        if self.table is not None:
            table = replace(self.table, columns=columns, where=where)
        parts = None if self.parts is None else self.parts[rows]
        return replace(self, columns=columns, where=where, table=table, parts=parts)

    def only(self, names: Sequence[str]) -> Rows:
        """Returns the rows with these columns only."""
        columns = {name: self.columns[name] for name in names}
        table = None if self.table is None else replace(self.table, columns=columns)
        return replace(self, columns=columns, table=table)

    def numbers(self, name: str) -> np.ndarray:
        """Returns a column as numbers: integers where all are, else floats.

        Raises:
            ValueError: If a cell is no number.
        """
        column = self.columns[name]
        if self.table is None:
            found = np.asarray(column)
            if found.ndim != 1 or found.dtype.kind not in "fiub":
                raise ValueError(
                    expected(
                        f"one number a row in the column {name}",
                        dtype=str(found.dtype),
                        shape=found.shape,
                    )
                )
            return found
        try:
            return np.array([int(cell) for cell in column], np.int64)
        except (ValueError, OverflowError):
            pass
        numbers = np.empty(len(column))
        for row, cell in enumerate(column):
            try:
                numbers[row] = float(cell)
            except ValueError as error:
                raise ValueError(
                    expected(
                        f"a number in each cell of the column {name}",
                        cell=cell,
                        where=self.where[row],
                    )
                ) from error
        return numbers

    def times(self, name: str) -> np.ndarray:
        """Returns a column as times: numbers, or dates as ISO 8601 writes them.

        Raises:
            ValueError: If a cell is neither.
        """
        column = self.columns[name]
        if not isinstance(column, list) and np.asarray(column).dtype.kind == "M":
            return np.asarray(column)
        try:
            return self.numbers(name)
        except ValueError:
            try:
                return np.array(list(column), "datetime64[s]")
            except ValueError as error:
                raise ValueError(
                    expected(
                        f"numbers, or dates such as 2024-05-31T12:00:00, in the column {name}",
                        error=str(error),
                    )
                ) from error


def rows_of(column: Any, rows: np.ndarray) -> Any:
    """Returns these rows of a column, an array or a list."""
    if isinstance(column, np.ndarray):
        return column[rows]
    return [column[row] for row in rows]


def _missing(column):
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        return np.isnat(column)
    try:
        return given.missing(column)
    except ValueError:  # Examples that are no single values; their kind checks them.
        return np.array([value is None for value in column], bool)
