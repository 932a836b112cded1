"""Reads the rows of a .csv, .tsv or .jsonl file as columns of text."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass, replace

from tfmetric._errors import expected

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
# Texts that pandas and NumPy write for missing values.
_MISSING = ("", "nan", "NaN")


@dataclass(frozen=True)
class Table:
    """The columns of a table.

    Attributes:
        path: The file.
        columns: The cells of each column, as text, by its name.
        where: Location of each row: "list.csv line 7".
        skipped: (location, reason) of the omitted rows.
    """

    path: str
    columns: dict[str, list[str]]
    where: list[str]
    skipped: tuple[tuple[str, str], ...] = ()

    def with_values(self, names: tuple[str, ...]) -> Table:
        """Returns the rows that have a value in each of these columns.

        Args:
            names: The columns; the first one holds the labels.
        """
        keep, skipped = [], list(self.skipped)
        for row, where in enumerate(self.where):
            missing = next((n for n in names if not self.columns[n][row]), None)
            if self.columns[names[0]][row] in _MISSING:
                missing = names[0]
            if missing is None:
                keep.append(row)
            else:
                skipped.append((where, f"missing {missing}"))
        if not keep:
            raise ValueError(
                expected(
                    f"a table with at least one row that has a value in {', '.join(names)}",
                    path=self.path,
                    skipped=[f"{where}: {reason}" for where, reason in skipped[:3]],
                )
            )
        columns = {name: [cells[row] for row in keep] for name, cells in self.columns.items()}
        return replace(
            self,
            columns=columns,
            where=[self.where[row] for row in keep],
            skipped=tuple(skipped),
        )


def read_table(path: str, delimiter: str | None = None) -> Table:
    """Reads a table; rows that do not fit the header are left out with the reason.

    Args:
        path: A `.csv` or `.tsv` file with a header, or a `.jsonl` file with an object in each line.
        delimiter: Separator of the cells; by default a comma, in `.tsv` a tab.

    Raises:
        ValueError: If the file is not a table, or not in UTF-8.
    """
    suffix = os.path.splitext(path)[1].lower()
    try:
        if suffix == ".jsonl":
            return _json_lines(path)
        return _separated(path, delimiter or _DELIMITERS.get(suffix, ","))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(expected("a table in UTF-8", path=path, error=str(error))) from error


def _separated(path, delimiter):
    name = os.path.basename(path)
    skipped, where, rows = [], [], []
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, skipinitialspace=True, delimiter=delimiter)
        header = [cell.strip() for cell in next(reader, [])]
        twice = {cell for cell in header if header.count(cell) > 1}
        if twice:
            raise ValueError(
                expected("a header that names each column once", path=path, twice=sorted(twice))
            )
        for row in reader:
            line = f"{name} line {reader.line_num}"
            if not row:
                continue
            if len(row) > len(header):
                reason = f"{len(row)} cells under a header of {len(header)}; quote a cell that"
                skipped.append((line, f"{reason} holds the delimiter {delimiter!r}"))
                continue
            where.append(line)
            rows.append([cell.strip() for cell in row] + [""] * (len(header) - len(row)))
    columns = {cell: [row[place] for row in rows] for place, cell in enumerate(header)}
    return Table(path, columns, where, tuple(skipped))


def _json_lines(path):
    name = os.path.basename(path)
    skipped, where, rows = [], [], []
    with open(path, encoding="utf-8-sig") as file:
        for number, text in enumerate(file, 1):
            line = f"{name} line {number}"
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                skipped.append((line, "no JSON object"))
                continue
            where.append(line)
            rows.append({key: _cell(value) for key, value in row.items()})
    header = list(dict.fromkeys(key for row in rows for key in row))
    columns = {key: [row.get(key, "") for row in rows] for key in header}
    return Table(path, columns, where, tuple(skipped))


def _cell(value):
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value)
