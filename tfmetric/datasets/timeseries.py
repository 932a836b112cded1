"""Reads time series in the `.ts` format of the UCR and UEA archives."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.options import ReadOptions
from tfmetric.datasets.reading import examples_of_values

_PARTS = {"train": "_TRAIN", "test": "_TEST"}


def timeseries_examples(path: str | os.PathLike, options: ReadOptions) -> Examples:
    """Reads sequences; both parts if `NAME_TRAIN.ts` and `NAME_TEST.ts` are side by side.

    After `@data` each line is one example: dimensions separated by colons, values by commas, the
    class last. Malformed lines are left out with the reason.
    """
    path = Path(path)
    files = {"": path}
    for mark in _PARTS.values():
        if path.stem.endswith(mark):
            stem = path.stem.removesuffix(mark)
            beside = {part: path.with_name(f"{stem}{end}.ts") for part, end in _PARTS.items()}
            if all(file.is_file() for file in beside.values()):
                files = beside
    values, labels, parts, ids, skipped = [], [], [], [], []
    for part, file in files.items():
        for number, line in _data_lines(file):
            where = f"{file.name} line {number}"
            try:
                *dimensions, label = line.split(":")
                steps = [np.array(cells.split(","), "float32") for cells in dimensions]
                values.append(np.stack(steps, axis=1))
            except ValueError:
                skipped.append((where, "no series of one length in all dimensions, and a class"))
                continue
            labels.append(label.strip())
            parts.append(part)
            ids.append(where)
    if not values:
        raise ValueError(
            expected(
                "a .ts file with one example per line after @data",
                path=str(path),
                skipped=skipped[:3],
            )
        )
    return examples_of_values(
        values,
        labels,
        name=f"time series {path.stem}",
        options=options if options.kind else options.with_kind("sequence"),
        parts=np.array(parts) if len(files) > 1 else None,
        ids=ids,
        skipped=skipped,
    )


def _data_lines(file):
    """Returns (number, text) of the lines after @data."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(expected("a .ts file in UTF-8", path=str(file))) from error
    begun = False
    for number, line in enumerate(text.splitlines(), 1):
        if begun and line.strip():
            yield number, line.strip()
        begun = begun or line.strip().lower() == "@data"
