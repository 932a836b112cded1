"""Turns the findings of a reader into checked examples of any kind."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmetric import values as given
from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.modalities import MODALITIES, Usable
from tfmetric.datasets.modalities.values_kind import kind_of_values
from tfmetric.datasets.options import ReadOptions, modality
from tfmetric.datasets.stores import Store


def examples_of_values(
    values: Any,
    labels: Any,
    *,
    name: str,
    options: ReadOptions | None = None,
    groups: Any = None,
    parts: Any = None,
    class_names: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    skipped: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> Examples:
    """Checks examples in memory; call it at the end of your own reader.

    Examples without a label, or unusable for the kind (NaN, empty text), are left out with the
    reason.

    Args:
        values: The examples: an array, a list of strings, a list of arrays of several lengths.
        labels: `(N,)` integers or text; NaN, `None` and blank text are missing.
        name: Name of the source, the prefix of ids without `ids`.
        options: The options of the reader.
        groups: `(N,)` integers or text, or `None`.
        parts: `(N,)` of "train", "val" and "test", or `None`.
        class_names: If given, `labels` are indexes into it.
        ids: Origin of each example, text `(N,)`.
        skipped: (id, reason) of examples that the reader left out.
        notes: Decisions of the reader, for the user.

    Returns:
        The result that :func:`tfmetric.datasets.register_reader` expects of a reader.

    Raises:
        ValueError: If the numbers of examples, labels and groups differ, or no kind fits.
    """
    options = options or ReadOptions()
    count = number_of(values)
    missing = _missing_labels(labels, count)
    groups = None if groups is None else np.asarray(groups).reshape(-1)
    if groups is not None and len(groups) != count:
        raise ValueError(
            expected("one group for each example", num_examples=count, num_groups=len(groups))
        )
    kind = options.kind or kind_of_values(values)
    if isinstance(values, Mapping) and kind != "record":
        raise ValueError(
            expected("kind='record' with a mapping of columns", kind=kind, fields=list(values))
        )
    rows = np.flatnonzero(~missing)
    known = None if ids is None else np.asarray(ids, np.str_)
    own = known
    if len(rows) < count:
        own = np.array([f"{name}/{row}" for row in range(count)]) if known is None else known
        usable = modality(kind).from_values(
            _rows(values, rows), name, own[rows], **options.of_kind(kind)
        )
        left_out = {int(row): "missing label" for row in np.flatnonzero(missing)}
        left_out |= {int(rows[row]): reason for row, reason in usable.skipped.items()}
        usable.keep = rows[usable.keep]
    else:
        usable = modality(kind).from_values(values, name, known, **options.of_kind(kind))
        left_out = dict(usable.skipped)
    reasons = [
        (f"{name}/{row}" if own is None else str(own[row]), left_out[row])
        for row in sorted(left_out)
    ]
    if not len(usable.keep):
        raise ValueError(
            expected(
                "at least one example without missing values",
                num_examples=count,
                skipped=len(reasons),
                first=[f"{where}: {reason}" for where, reason in reasons[:3]],
            )
        )
    # Keep a list, because NumPy would turn integers beside texts into texts.
    column = labels if isinstance(labels, (list, tuple)) else np.asarray(labels).reshape(-1)
    column = given.labels(_rows(column, usable.keep))
    return _examples(usable, column, name, groups, parts, class_names, [*skipped, *reasons], notes)


def examples_of_files(
    store: Store,
    labels: Any,
    *,
    kind: str,
    name: str,
    options: ReadOptions,
    groups: Any = None,
    parts: Any = None,
    class_names: Sequence[str] | None = None,
    skipped: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> Examples:
    """Checks examples encoded in files or records, one in each; see `examples_of_values`.

    Args:
        store: The encoded examples.
        labels: `(N,)` integers or text.
        kind: Their kind.
        name: Name of the source.
        options: The options of the reader.
        groups: `(N,)`, or `None`.
        parts: `(N,)` of "train", "val" and "test", or `None`.
        class_names: If given, `labels` are indexes into it.
        skipped: (id, reason) of examples that the reader left out.
        notes: Decisions of the reader, for the user.
    """
    chosen = modality(kind)
    if chosen.from_files is None:
        raise ValueError(expected("a kind that is read from files, one example each", kind=kind))
    usable = chosen.from_files(
        store, verify=options.verify, cache_bytes=options.cache_bytes, **options.of_kind(kind)
    )
    positions = np.array(sorted(usable.skipped), np.int64)
    reasons = [
        (str(where), usable.skipped[int(row)])
        for row, where in zip(positions, store.ids(positions), strict=True)
    ]
    if not len(usable.keep):
        raise ValueError(
            expected(
                f"at least one readable {kind}",
                num_files=len(store),
                first=[f"{where}: {reason}" for where, reason in [*skipped, *reasons][:3]],
            )
        )
    column = np.asarray(labels)[usable.keep]
    return _examples(usable, column, name, groups, parts, class_names, [*skipped, *reasons], notes)


def kind_of_files(names: Sequence[str]) -> str:
    """Returns the kind of files by their suffixes; raises ValueError for several kinds or none."""
    counts: Counter[str] = Counter()
    for name in names:
        counts[os.path.splitext(name)[1].lower()] += 1
    found = {kind: sum(counts[s] for s in one.suffixes) for kind, one in MODALITIES.items()}
    found = {kind: count for kind, count in found.items() if count}
    if len(found) == 1:
        return next(iter(found))
    if not found:
        raise ValueError(expected(f"files of a known kind: {known_formats()}", suffixes=[*counts]))
    raise ValueError(expected("files of one kind, or kind=, which leaves the others out", **found))


def known_formats() -> str:
    """Returns the file formats of all kinds, for messages."""
    return "; ".join(f"{k} ({one.formats})" for k, one in MODALITIES.items() if one.formats)


def _examples(usable: Usable, labels, name, groups, parts, class_names, skipped, notes):
    def kept(column):
        return None if column is None else np.asarray(column)[usable.keep]

    return Examples(
        name=name,
        source=usable.source,
        labels=labels,
        groups=kept(groups),
        parts=kept(parts),
        class_names=None if class_names is None else tuple(class_names),
        skipped=tuple(skipped),
        notes=(*notes, *usable.notes),
        check=usable.check,
    )


def number_of(values: Any) -> int:
    """Returns the number of examples in values of any kind."""
    if isinstance(values, Mapping):
        sizes = {key: len(column) for key, column in values.items()}
        if len(set(sizes.values())) != 1:
            raise ValueError(expected("fields of one number of examples", **sizes))
        return next(iter(sizes.values()))
    try:
        return len(values)
    except TypeError as error:
        raise ValueError(expected("examples, batch first", type=type(values).__name__)) from error


def _rows(values, rows):
    if isinstance(values, Mapping):
        return {key: _rows(column, rows) for key, column in values.items()}
    if hasattr(values, "iloc"):  # A table of pandas.
        return values.iloc[rows]
    if isinstance(values, np.ndarray):
        return values if len(rows) == len(values) else values[rows]
    if hasattr(values, "__array__"):
        return np.asarray(values)[rows]
    return [values[row] for row in rows]


def _missing_labels(labels, count):
    shape = np.shape(labels)
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            expected("class labels of shape (N,) or (N, 1), not one-hot vectors", shape=shape)
        )
    missing = given.missing(labels)
    if len(missing) != count:
        raise ValueError(
            expected("one label for each example", num_examples=count, num_labels=len(missing))
        )
    return missing
