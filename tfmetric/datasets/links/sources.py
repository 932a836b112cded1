"""Reads the rows of a source of links: tables, columns in memory, tensorflow-datasets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.links import glyph_names
from tfmetric.datasets.links.rows import Rows
from tfmetric.datasets.part_names import part_of
from tfmetric.datasets.reading import number_of
from tfmetric.datasets.table_rows import read_table
from tfmetric.datasets.tables import SUFFIXES
from tfmetric.datasets.tfds_rows import tfds_rows


@dataclass(frozen=True)
class RowOptions:
    """The options for reading rows, as `datasets.load` describes them.

    Attributes:
        delimiter: Separator of the cells of a table.
        data_dir: Folder of tensorflow-datasets.
        download: Whether missing data may be downloaded.
        wanted: The columns that are used, to read no others from tensorflow-datasets.
    """

    delimiter: str | None = None
    data_dir: str | os.PathLike | None = None
    download: bool = False
    wanted: tuple[str, ...] = ()


def read_rows(source: Any, options: RowOptions) -> Rows:
    """Reads the rows of any source.

    Raises:
        ValueError: If there is no reader for the source, or it is malformed.
    """
    for matches, read in _READERS:
        if matches(source):
            rows = read(source, options)
            return rows if rows.parts is not None else _with_parts(rows, options.wanted)
    raise ValueError(
        expected(
            '"glyph_names", or links as an existing .csv, .tsv or .jsonl file, a mapping or a data'
            ' frame of columns, a list of mappings, "tfds:<name>", or a mapping of parts ("train",'
            ' "test") to these',
            source=source if isinstance(source, (str, os.PathLike)) else type(source).__name__,
        )
    )


def _glyph_name_rows(source, options):
    return glyph_names.glyph_name_rows()


def _file_rows(source, options):
    table = read_table(os.fspath(source), options.delimiter)
    name = f"table {os.path.basename(os.fspath(source))}"
    return Rows(name, table.columns, table.where, table, table.skipped)


def _column_rows(columns, options):
    wrong = [name for name in columns if not isinstance(name, str) or not name]
    if wrong or not columns:
        raise ValueError(expected("columns with names that are text", names=list(columns)))
    kept = {
        name: column if isinstance(column, (list, tuple, np.ndarray)) else np.asarray(column)
        for name, column in columns.items()
    }
    count = number_of(kept)
    if not count:
        raise ValueError(expected("columns with at least one row", rows=0))
    return Rows("arrays", kept, [f"row {row}" for row in range(count)])


def _frame_rows(frame, options):
    return _column_rows({name: frame[name].to_numpy() for name in frame.columns}, options)


def _listed_rows(rows, options):
    names = dict.fromkeys(name for row in rows for name in row)
    return _column_rows({name: [row.get(name) for row in rows] for name in names}, options)


def _parted_rows(parts, options):
    found = {name: read_rows(source, options) for name, source in parts.items()}
    first = next(iter(found.values()))
    for name, rows in found.items():
        if list(rows.columns) != list(first.columns) or _root(rows) != _root(first):
            raise ValueError(
                expected(
                    "parts with the same columns, and tables in one folder",
                    part=name,
                    columns=list(rows.columns),
                    first=list(first.columns),
                )
            )
    columns = {
        name: _joined([rows.columns[name] for rows in found.values()]) for name in first.columns
    }
    where = [
        place if rows.table is not None else f"{name} {place}"
        for name, rows in found.items()
        for place in rows.where
    ]
    table = None if first.table is None else replace(first.table, columns=columns, where=where)
    return Rows(
        " + ".join(dict.fromkeys(rows.name for rows in found.values())),
        columns,
        where,
        table,
        tuple(item for rows in found.values() for item in rows.skipped),
        np.concatenate([np.full(len(rows), part_of(name)) for name, rows in found.items()]),
    )


def _tfds_rows(source, options):
    columns, parts = tfds_rows(
        source.removeprefix("tfds:"), options.data_dir, options.download, options.wanted
    )
    rows = replace(_column_rows(columns, options), name=source)
    return rows if parts is None else replace(rows, parts=parts)


def _joined(columns):
    if all(isinstance(column, np.ndarray) for column in columns):
        return np.concatenate(columns)
    return [value for column in columns for value in column]


def _root(rows):
    return None if rows.table is None else os.path.dirname(os.path.abspath(rows.table.path))


def _with_parts(rows, wanted):
    """Takes the parts from the column `split`, unless it is used for another purpose."""
    if "split" not in rows.columns or "split" in wanted:
        return rows
    cells = [str(cell) for cell in rows.columns["split"]]
    found = [part_of(cell) for cell in cells]
    for cell, part, where in zip(cells, found, rows.where, strict=True):
        if part is None:
            raise ValueError(
                expected('"train", "val" or "test" in the column split', split=cell, where=where)
            )
    return replace(rows, parts=np.array(found, np.str_))


def _is_file(source):
    named = isinstance(source, (str, os.PathLike)) and os.path.isfile(source)
    return named and os.fspath(source).lower().endswith(SUFFIXES)


def _is_parts(source):
    if not isinstance(source, Mapping) or len(source) < 2:
        return False
    found = [part_of(name) if isinstance(name, str) else None for name in source]
    return None not in found and len(set(found)) == len(found)


def _is_listed(source):
    return (
        isinstance(source, (list, tuple))
        and bool(source)
        and all(isinstance(row, Mapping) for row in source)
    )


_READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any, RowOptions], Rows]], ...] = (
    (lambda source: isinstance(source, str) and source == glyph_names.NAME, _glyph_name_rows),
    (_is_file, _file_rows),
    (lambda source: isinstance(source, str) and source.startswith("tfds:"), _tfds_rows),
    (_is_parts, _parted_rows),
    (lambda source: isinstance(source, Mapping), _column_rows),
    (lambda source: hasattr(source, "columns") and hasattr(source, "iloc"), _frame_rows),
    (_is_listed, _listed_rows),
)
