"""The columns of a table as the fields of records."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.modalities.record import FileColumn
from tfmetric.datasets.options import ReadOptions, modality
from tfmetric.datasets.reading import kind_of_files
from tfmetric.datasets.table_rows import Table


def record_columns(
    table: Table, columns: tuple[str, ...], path: str | None, options: ReadOptions
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], str]:
    """Reads each column as a field, by the kind that `options.fields` says.

    Without a kind, the column of paths holds files; a column whose cells are all numbers, or all
    lists of numbers, holds vectors; another one holds texts.

    Args:
        table: The table.
        columns: The columns that are fields.
        path: The column of paths, or `None`.
        options: The options of the reader.

    Returns:
        The values by field, the kind and options of each field, and a note on the kinds.

    Raises:
        ValueError: If a column does not exist, or a cell does not fit the kind of its column. Most
            cells being numbers, a cell that is none is an error too.
    """
    told: dict[str, dict[str, Any]] = {
        name: {"kind": given} if isinstance(given, str) else dict(given)
        for name, given in (options.fields or {}).items()
    }
    absent = sorted(set(told) - set(columns))
    if absent:
        raise ValueError(
            expected("fields= with columns of the table", absent=absent, columns=list(columns))
        )
    values: dict[str, Any] = {}
    for name in columns:
        cells = table.columns[name]
        kind = told.get(name, {}).get("kind")
        if kind is None and name == path:
            kind = kind_of_files(cells)
        if kind is None:
            values[name], kind = _guessed(table, name, cells)
        elif kind == "text":
            values[name] = cells
        elif kind == "vector":
            values[name] = _numbers(table, name, cells, required=True)
        elif kind in ("image", "audio", "video"):
            root = os.path.dirname(os.path.abspath(table.path))
            store = modality(kind).store(root, cells)
            values[name] = FileColumn(store, kind, options.verify, options.cache_bytes)
        else:
            values[name] = _lists(table, name, cells, required=True)
        told[name] = {**told.get(name, {}), "kind": kind}
    kinds = dict.fromkeys(given["kind"] for given in told.values())
    words = [
        f"{', '.join(name for name in columns if told[name]['kind'] == kind)} as {kind}"
        for kind in kinds
    ]
    return values, told, f"columns read as fields: {'; '.join(words)} (fields= chooses)"


def _guessed(table, name, cells):
    values = _numbers(table, name, cells)
    if values is None:
        values = _lists(table, name, cells)
    return (cells, "text") if values is None else (values, "vector")


def _numbers(table: Table, name: str, cells: list[str], required: bool = False) -> Any:
    """Returns the cells as a column of numbers; `None` where they are texts or lists."""
    if required and cells[0].startswith("["):
        return _lists(table, name, cells, required)
    try:
        return np.array([int(cell) for cell in cells], np.int64)[:, None]
    except (ValueError, OverflowError):
        pass
    numbers, wrong = np.empty((len(cells), 1)), []
    for row, cell in enumerate(cells):
        try:
            numbers[row, 0] = float(cell)
        except ValueError:
            wrong.append(row)
    if not wrong:
        return numbers
    if required or len(wrong) * 2 < len(cells):
        raise ValueError(
            expected(
                "a number in each cell of this column, as in most of them; or read the column as"
                f" texts, fields={{{name!r}: 'text'}}",
                cell=cells[wrong[0]],
                where=table.where[wrong[0]],
            )
        )
    return None


def _lists(table: Table, name: str, cells: list[str], required: bool = False) -> Any:
    """Returns the cells as arrays, where they are JSON lists of numbers; else `None`."""
    if not required and not all(cell.startswith("[") for cell in cells):
        return None
    found: list[Any] = []
    for row, cell in enumerate(cells):
        try:
            array = np.asarray(json.loads(cell))
        except ValueError:
            array = np.empty(0, object)
        if array.dtype.kind not in "fiub" or not array.ndim:
            if not required:
                return None
            raise ValueError(
                expected(
                    f"a list of numbers in each cell of the column {name}",
                    cell=cell,
                    where=table.where[row],
                )
            )
        if found and array.shape[1:] != found[0].shape[1:]:
            raise ValueError(
                expected(
                    f"lists of one width in the column {name}",
                    shape=array.shape,
                    first=found[0].shape,
                    where=table.where[row],
                )
            )
        found.append(array)
    if len({array.shape for array in found}) == 1:
        return np.stack(found)
    if found[0].ndim == 1:
        row = next(row for row, array in enumerate(found) if array.shape != found[0].shape)
        raise ValueError(
            expected(
                f"lists of one length in the column {name}; fill up shorter ones",
                length=len(found[row]),
                first=len(found[0]),
                where=table.where[row],
            )
        )
    return found
