"""Records: several named fields, each of a kind of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.fields import FieldsSource
from tfmetric.datasets.modalities.modality import Modality, Usable, kept_ids
from tfmetric.datasets.modalities.single import SINGLE
from tfmetric.datasets.modalities.values_kind import kind_of_values
from tfmetric.datasets.sources import Source


@dataclass(frozen=True)
class FileColumn:
    """A field whose values lie in files, one for each record.

    Attributes:
        store: The store of the kind.
        kind: The kind of the field.
        verify: How the files are checked, as for `datasets.load`.
        cache_bytes: Decoded sets up to this size are kept in memory.
    """

    store: Any
    kind: str
    verify: str
    cache_bytes: int

    def __len__(self) -> int:
        return len(self.store)


def record_values(
    values: Any,
    name: str,
    ids: np.ndarray | None = None,
    fields: Mapping[str, str | Mapping[str, Any]] | None = None,
    **options: Any,
) -> Usable:
    """Takes a mapping of one column for each field, a table of pandas, or a list of mappings.

    A column is what the kind of its field takes; a column of numbers `(N,)` is a vector of one
    number. A record with a missing field (`None`, or what the kind cannot use) is left out with the
    name of the field.

    Args:
        values: The columns by the names of the fields.
        name: Prefix of the ids, where there are no `ids`.
        ids: The ids, `(N,)` text.
        fields: The kind of a field, or a mapping of its `kind` and the options of this kind. Other
            fields follow the rules for arrays.
        **options: Options for all fields whose kind takes them.
    """
    columns = _columns(values)
    count = len(next(iter(columns.values()))) if columns else 0
    told = _told(fields or {}, columns)
    taken: set[str] = set()
    sources: dict[str, Source] = {}
    places: dict[str, np.ndarray] = {}
    skipped: dict[int, str] = {}
    notes: list[str] = []
    for field, column in columns.items():
        try:
            usable, used = _field(column, told.get(field, {}), options)
        except ValueError as error:
            raise ValueError(f"{error}, field={field!r}") from error
        taken |= used
        sources[field] = usable.source
        places[field] = np.full(count, -1)
        places[field][usable.keep] = np.arange(len(usable.keep))
        for row, reason in usable.skipped.items():
            skipped.setdefault(row, f"{field}: {reason}")
        notes += [f"{field}: {note}" for note in usable.notes]
    unused = sorted(set(options) - taken)
    if unused:
        raise ValueError(
            expected(
                f"options that a field of the record takes; no field takes {', '.join(unused)}",
                fields={field: source.element.kind for field, source in sources.items()},
            )
        )
    keep = np.array([row for row in range(count) if row not in skipped], np.int64)
    found = {field: (source, places[field][keep]) for field, source in sources.items()}
    source = FieldsSource(found, name, kept_ids(ids, name, keep, count))
    return Usable(source, keep, skipped, tuple(notes))


def _columns(values: Any) -> dict[str, Any]:
    """Returns the columns by name, for every form of records."""
    if isinstance(values, Mapping):
        columns = dict(values)
    elif hasattr(values, "columns") and hasattr(values, "iloc"):  # A table of pandas.
        columns = {name: values[name].to_numpy() for name in values.columns}
    elif isinstance(values, Sequence) and all(isinstance(row, Mapping) for row in values):
        names = dict.fromkeys(name for row in values for name in row)
        columns = {name: [row.get(name) for row in values] for name in names}
    else:
        raise ValueError(
            expected(
                "records as a mapping of one column for each field, or as a list of mappings",
                type=type(values).__name__,
            )
        )
    wrong = [name for name in columns if not isinstance(name, str) or not name]
    if wrong or not columns:
        raise ValueError(expected("fields with names that are text", names=list(columns)))
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(expected("fields of one number of examples", **sizes))
    return columns


def _told(fields, columns):
    """Returns the options of each field, with its kind, that the caller gave."""
    if not isinstance(fields, Mapping):
        raise ValueError(expected("fields= as a mapping from names to kinds", fields=fields))
    absent = sorted(set(fields) - set(columns))
    if absent:
        raise ValueError(
            expected("fields= with fields that the records have", absent=absent, names=[*columns])
        )
    told = {
        n: {"kind": given} if isinstance(given, str) else dict(given) for n, given in fields.items()
    }
    for field, given in told.items():
        kind = given.get("kind")
        known = {"kind", *(SINGLE[kind].options if kind in SINGLE else ())}
        if kind not in SINGLE or set(given) - known:
            raise ValueError(
                expected(
                    f"a field's kind as one of {', '.join(SINGLE)}, and options of this kind only",
                    field=field,
                    **given,
                )
            )
    return told


def _field(column, told, options):
    """Returns the usable values of one field, and the names of the options that it takes."""
    own = {key: value for key, value in told.items() if key != "kind"}
    if isinstance(column, FileColumn):
        chosen = SINGLE[column.kind]
        shared = {key: value for key, value in options.items() if key in chosen.options}
        usable = chosen.from_files(
            column.store,
            verify=column.verify,
            cache_bytes=column.cache_bytes,
            **shared | own,
        )
        return usable, set(shared)
    typed = isinstance(column, np.ndarray) and column.dtype.kind != "O"
    given = np.array([typed or value is not None for value in column], bool)
    rows = np.flatnonzero(given)
    column = _without(column, rows, told.get("kind"))
    if not len(column):
        raise ValueError(expected("a field with at least one value", num_values=0))
    chosen = SINGLE[told.get("kind") or kind_of_values(column)]
    shared = {key: value for key, value in options.items() if key in chosen.options}
    usable = chosen.from_values(column, "", None, **shared | own)
    skipped = dict.fromkeys(np.flatnonzero(~given).tolist(), "missing")
    skipped |= {int(rows[row]): reason for row, reason in usable.skipped.items()}
    return Usable(usable.source, rows[usable.keep], skipped, usable.notes), set(shared)


def _without(column, rows, kind):
    """Returns the values of these rows in the form that their kind takes."""
    if len(rows) < len(column):
        column = column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]
    if isinstance(column, np.ndarray) and column.dtype.kind != "O":
        numbers = column if column.dtype.kind in "fiub" and column.ndim == 1 else None
    else:
        plain = all(isinstance(value, (int, float, np.number, np.bool_)) for value in column)
        numbers = np.asarray(list(column)) if plain and len(column) else None
    if numbers is None:
        return column
    if kind == "text" and numbers.dtype.kind in "iu":  # Ids and categories that are numbers.
        return [str(number) for number in numbers.tolist()]
    return numbers[:, None] if kind in (None, "vector") else numbers


MODALITY = Modality(
    "record",
    ("fields", *dict.fromkeys(option for one in SINGLE.values() for option in one.options)),
    record_values,
)
