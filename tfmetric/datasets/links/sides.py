"""Makes the distinct elements of one side from the rows of a source."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfmetric import values as given
from tfmetric._errors import expected
from tfmetric.datasets.checks import first_twins
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.links.report import counted
from tfmetric.datasets.links.rows import Rows, rows_of
from tfmetric.datasets.modalities import MODALITIES
from tfmetric.datasets.options import ReadOptions, modality
from tfmetric.datasets.reading import examples_of_files, examples_of_values, kind_of_files
from tfmetric.datasets.table_fields import record_columns

Kind = str | Mapping[str, Any] | None


@dataclass(frozen=True)
class Side:
    """The distinct elements of one side.

    Attributes:
        data: The elements; the label of each is its place.
        place: `int64` `(N,)`: the element of each row, −1 where it could not be used.
        skipped: (id, reason) of elements that were left out.
        notes: Decisions taken without the user's request.
    """

    data: LabeledData
    place: np.ndarray
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def side_of_rows(
    rows: Rows, name: str, columns: str | Sequence[str], id_column: str | None, kind: Kind
) -> Side:
    """Makes the elements of a side from columns of the rows.

    Elements of one id are one element; without ids, equal texts, paths and contents are.

    Args:
        rows: The rows of the source.
        name: "left" or "right".
        columns: The column that holds the element, or those that hold the fields of a record.
        id_column: The column that holds its id, or `None`.
        kind: The kind, a mapping of the kind and its options, or `None` for the rules of
            `datasets.load`.
    """
    if isinstance(columns, str):
        values = rows.columns[columns]
    else:
        values = {key: rows.columns[key] for key in columns}
    keys, by_content = _keys(rows, columns, id_column)
    if keys is None:
        place, first = np.arange(len(rows)), np.arange(len(rows))
    else:
        place, first = _by_appearance(keys)
    notes: tuple[str, ...] = ()
    if id_column is not None:
        notes = _different(values, place, first, name)
    texts = _texts(rows, keys, first, name)
    examples = _examples(rows.chosen(first), columns, _rows_of(values, first), kind, name, texts)
    kept = np.asarray(examples.labels)
    twin = first_twins(examples.source) if by_content else np.arange(len(kept))
    own, compact = np.unique(twin, return_inverse=True)
    if len(own) < len(kept):
        more = counted(len(kept) - len(own), f"{name} element")
        notes = (*notes, f"{more} with the content of another: they are one element")
    element = np.full(len(first), -1)
    element[kept] = compact.reshape(-1)
    data = LabeledData(
        examples.source,
        np.arange(len(own)),
        tuple(texts[kept[own]].tolist()),
        positions=own,
    )
    notes = (*notes, *(f"{name}: {note}" for note in examples.notes))
    return Side(data, element[place], tuple(examples.skipped), notes)


def side_of_ids(rows: Rows, name: str, column: str) -> Side:
    """Makes elements that are ids and no more: each is its number among the sorted ids.

    Args:
        rows: The rows of the source.
        name: The name of the side.
        column: The column of the ids.
    """
    found, place = _sorted_ids(rows, column)
    texts = np.array([str(value) for value in found.tolist()])
    numbers = np.arange(len(found))[:, None]
    usable = modality("vector").from_values(numbers, name, texts, categories=len(found))
    data = LabeledData(usable.source, np.arange(len(found)), tuple(texts.tolist()))
    return Side(data, place)


def side_of_features(
    rows: Rows, name: str, column: str, features: Rows, kinds: Mapping[str, Any]
) -> Side:
    """Makes records of an id and its features.

    Args:
        rows: The rows of the source of links.
        name: The name of the side.
        column: The column of the ids, in the rows and in the features.
        features: The rows of the features; the first one of an id counts.
        kinds: The kinds of the fields, as for `datasets.load(fields=...)`.
    """
    found, place = _sorted_ids(rows, column)
    features = features.with_values([column])
    known, number = _sorted_ids(features, column)
    first = np.unique(number, return_index=True)[1]
    # The texts of the ids are compared, because a table holds text where an array holds numbers.
    row_of = dict(zip(map(str, known.tolist()), first.tolist(), strict=True))
    texts = np.array([str(value) for value in found.tolist()])
    own = np.array([row_of.get(text, -1) for text in texts.tolist()])
    skipped = [(f"{name} {text}", "no features") for text in texts[own < 0].tolist()]
    have = np.flatnonzero(own >= 0)
    if not len(have):
        raise ValueError(
            expected(
                f"features for the ids of the column {column}",
                first_id=texts[0].item(),
                first_feature=next(iter(row_of)),
            )
        )
    notes = []
    unused = len(row_of) - len(have)
    if unused:
        notes.append(f"the features of {counted(unused, name)} without a link were not read")
    if len(features) > len(row_of):
        notes.append(f"{name} features with several rows of one id: the first row counts")
    fields = [key for key in features.columns if key != column]
    chosen = features.chosen(own[have])
    values, told = _fields(chosen, fields, kinds)
    values = {column: have[:, None], **values}
    told[column] = {"kind": "vector", "categories": len(found)}
    options = ReadOptions(kind="record", fields=told)
    examples = examples_of_values(
        values,
        have,
        name=name,
        options=options,
        ids=texts[have].tolist(),
        class_names=texts.tolist(),
    )
    kept = np.asarray(examples.labels)
    element = np.full(len(found), -1)
    element[kept] = np.arange(len(kept))
    data = LabeledData(examples.source, np.arange(len(kept)), tuple(texts[kept].tolist()))
    skipped += examples.skipped
    notes += [f"{name}: {note}" for note in examples.notes]
    return Side(data, element[place], tuple(skipped), tuple(notes))


def _fields(rows, fields, kinds):
    """Returns the values of the fields, and the kinds of fields that have one."""
    if not fields:
        raise ValueError(expected("features with a column beside the ids", columns=fields))
    if rows.table is None:
        return {key: rows.columns[key] for key in fields}, dict(kinds)
    options = ReadOptions(kind="record", fields=dict(kinds))
    path = "path" if "path" in fields else None
    values, told, _ = record_columns(rows.table, tuple(fields), path, options)
    return values, told


def _sorted_ids(rows, column):
    found, place = np.unique(given.labels(rows.columns[column], name=column), return_inverse=True)
    if rows.table is not None and all(_is_whole(cell) for cell in found.tolist()):
        order = np.argsort([int(cell) for cell in found.tolist()], kind="stable")
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return found[order], rank[place.reshape(-1)]
    return found, place.reshape(-1).astype(np.int64)


def _is_whole(cell):
    return cell.isascii() and cell.lstrip("-").isdigit()


def _keys(rows, columns, id_column):
    """Returns what tells elements apart, and whether equal contents must be found besides."""
    if id_column is not None:
        return given.labels(rows.columns[id_column], name=id_column), False
    if not isinstance(columns, str):
        if rows.table is None:
            return None, True
        joined = zip(*(rows.columns[key] for key in columns), strict=True)
        return np.array(["\t".join(cells) for cells in joined]), False
    column = rows.columns[columns]
    texts = all(isinstance(value, str) for value in column)
    if texts or (isinstance(column, np.ndarray) and column.dtype.kind in "UT"):
        return given.labels(column, name=columns), _file_kind(rows, column) is not None
    return None, True


def _by_appearance(keys):
    """Numbers distinct keys in the order in which they appear."""
    _, first, code = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[code.reshape(-1)], first[order]


def _different(values, place, first, name):
    """Returns a note on the number of ids that stand for several values."""
    again = np.setdiff1d(np.arange(len(place)), first)
    columns = values.values() if isinstance(values, Mapping) else [values]
    differ = np.zeros(len(again), bool)
    for column in columns:
        own, other = rows_of(column, again), rows_of(column, first[place[again]])
        differ |= np.array(
            [not np.array_equal(a, b) for a, b in zip(own, other, strict=True)], bool
        )
    count = len(np.unique(place[again[differ]]))
    if not count:
        return ()
    return (f"{counted(count, f'{name} id')} with several values; the first value counts",)


def _texts(rows, keys, first, name):
    if keys is None:
        return np.array([f"{name} {rows.where[row]}" for row in first], np.str_)
    return np.array([str(key) for key in keys[first].tolist()], np.str_)


def _rows_of(values, rows):
    if isinstance(values, Mapping):
        return {key: rows_of(column, rows) for key, column in values.items()}
    return rows_of(values, rows)


def _examples(rows, columns, values, kind, name, texts):
    """Checks the distinct elements; the labels of the result are their numbers."""
    told = {"kind": kind} if isinstance(kind, str) or kind is None else dict(kind)
    options = _options(told)
    numbers = np.arange(len(texts))
    if not isinstance(columns, str):
        if rows.table is not None:
            fields = options.fields or {}
            options = replace(options, fields=fields, kind="record")
            values, fields, _ = record_columns(rows.table, tuple(columns), None, options)
            options = replace(options, fields=fields)
        options = replace(options, kind="record")
        return examples_of_values(values, numbers, name=name, options=options, ids=texts)
    file_kind = _file_kind(rows, values)
    chosen = options.kind or file_kind
    if rows.table is not None and chosen not in (None, "text", "vector", "sequence", "record"):
        root = os.path.dirname(os.path.abspath(rows.table.path))
        store = modality(chosen).store(root, list(values))
        return examples_of_files(store, numbers, kind=chosen, name=name, options=options)
    if rows.table is not None and chosen != "text":
        one = replace(options, fields=None if chosen is None else {columns: told})
        values, fields, _ = record_columns(rows.table, (columns,), None, one)
        values, options = values[columns], replace(options, kind=fields[columns]["kind"])
    return examples_of_values(values, numbers, name=name, options=options, ids=texts)


def _file_kind(rows, column):
    """Returns the kind of files if each cell of a table's column ends like one; else `None`."""
    if rows.table is None:
        return None
    suffixes = {os.path.splitext(cell)[1].lower() for cell in column}
    known = {suffix for one in MODALITIES.values() for suffix in one.suffixes}
    return kind_of_files(column) if suffixes <= known else None


def _options(told):
    kind = told.get("kind")
    allowed = {"kind", *(modality(kind).options if kind is not None else ())}
    if set(told) - allowed:
        raise ValueError(
            expected(
                f"a kind and options of this kind ({', '.join(sorted(allowed - {'kind'}))})", **told
            )
        )
    return ReadOptions(**told)
