"""Reads tables (.csv, .tsv, .jsonl): rows with a label and a path, a text or numbers."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.options import ReadOptions, modality
from tfmetric.datasets.part_names import part_of, with_a_test
from tfmetric.datasets.reading import examples_of_files, examples_of_values, kind_of_files
from tfmetric.datasets.table_fields import record_columns
from tfmetric.datasets.table_rows import Table, read_table

SUFFIXES = (".csv", ".tsv", ".jsonl")


def table_examples(path: str | os.PathLike, options: ReadOptions) -> Examples:
    """Reads and checks a table; paths are relative to the folder of the table.

    The example is in the column `path` (a file), or `text`, or else in all other columns, which
    must hold numbers. `options` may name other columns.
    """
    path = os.fspath(path)
    table = read_table(path, options.delimiter)
    label = _named(table, options.label, "label", needed=True)
    group = _named(table, options.group, "group")
    split = _named(table, None, "split")
    source = _named(table, options.path, "path")
    text = _named(table, options.text, "text")
    columns = options.columns
    for name in columns or ():
        _named(table, name, name)
    records = options.kind == "record"
    if columns is None and (options.text or not source) and text and not records:
        columns = (text,)
    elif columns is None and source and not records:
        columns = (source,)
    elif columns is None:
        used = {label, group, split}
        columns = tuple(name for name in table.columns if name not in used)
    _require_columns(table, columns)
    table = table.with_values((label, *columns))
    common: dict[str, Any] = {
        "name": f"table {os.path.basename(path)}",
        "groups": None if group is None else np.array(table.columns[group], np.str_),
    }
    parts, notes = (None, ()) if split is None else with_a_test(_parts(table, split))
    if options.columns is None and not records:
        notes = (*notes, *_unread(table, columns, (label, group, split), options))
    labels = np.array(table.columns[label], np.str_)
    common |= {"options": options, "parts": parts, "notes": notes, "skipped": table.skipped}
    if records:
        values, fields, note = record_columns(table, columns, source, options)
        common |= {"options": replace(options, fields=fields), "notes": (*notes, note)}
        return examples_of_values(values, labels, ids=table.where, **common)
    if columns == (source,):
        files = table.columns[source]
        kind = options.kind or kind_of_files(files)
        store = modality(kind).store(os.path.dirname(os.path.abspath(path)), files)
        return examples_of_files(store, labels, kind=kind, **common)
    array: Any = table.columns[text] if columns == (text,) else _numbers(table, columns)
    return examples_of_values(array, labels, ids=table.where, **common)


def _named(table: Table, name: str | None, usual: str, needed: bool = False) -> Any:
    """Column of this name, or of the usual name; raises ValueError for a missing name."""
    if name is not None or needed:
        if (name or usual) not in table.columns:
            raise ValueError(
                expected(
                    f"a table whose first line names the column {name or usual}; choose others by"
                    " label=, path=, text=, group= or columns=, or the delimiter=",
                    path=table.path,
                    columns=list(table.columns),
                )
            )
        return name or usual
    return usual if usual in table.columns else None


def _parts(table, split):
    found = [part_of(cell) for cell in table.columns[split]]
    for cell, part, where in zip(table.columns[split], found, table.where, strict=True):
        if part is None:
            raise ValueError(
                expected('"train", "val" or "test" in the column split', split=cell, where=where)
            )
    return np.array(found, np.str_)


class _Numbers:
    """A matrix of numbers whose columns have names."""

    def __init__(self, matrix: np.ndarray, columns: tuple[str, ...]):
        self.matrix, self.columns = matrix, columns

    def __len__(self):
        return len(self.matrix)

    def __array__(self, dtype=None, copy=None):
        return self.matrix if dtype is None else self.matrix.astype(dtype)


def _unread(table, columns, others, options):
    """Returns a note where the table has texts and files, of which one kind is read."""
    usual = (options.text or "text", options.path or "path")
    rest = [name for name in usual if name in table.columns and name not in (*columns, *others)]
    if not rest:
        return ()
    return (
        f"the column {', '.join(rest)} was not read beside {', '.join(columns)}; kind='record'"
        " reads both",
    )


def _require_columns(table, columns):
    if not columns:
        raise ValueError(
            expected(
                "a table with a column for the example: path, text, or numbers",
                path=table.path,
                columns=list(table.columns),
            )
        )


def _numbers(table, columns):
    matrix = np.empty((len(table.where), len(columns)))
    for place, name in enumerate(columns):
        for row, cell in enumerate(table.columns[name]):
            try:
                matrix[row, place] = float(cell)
            except ValueError as error:
                raise ValueError(
                    expected(
                        "numbers in every column of the example; choose columns=, or name the"
                        " column of texts by text= or of files by path=, or read columns of several"
                        " kinds by kind='record'",
                        column=name,
                        cell=cell,
                        where=table.where[row],
                    )
                ) from error
    return _Numbers(matrix, tuple(columns))
