"""A CSV file that lists images: path,label and optionally split and group."""

from __future__ import annotations

import csv
import os

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.images import image_source
from tfmetric.datasets.stores import FileStore

_COLUMNS = ("path", "label", "split", "group")


def csv_examples(path: str | os.PathLike, **options) -> Examples:
    """Reads and checks a CSV; image paths are relative to the folder of the CSV."""
    path = os.fspath(path)
    rows, skipped = _rows(path)
    if not rows:
        raise ValueError(
            expected("a CSV with at least one row that has a path and a label", path=path)
        )
    columns = {name: [row.get(name, "") for row in rows] for name in _COLUMNS}
    store = FileStore(os.path.dirname(os.path.abspath(path)), columns["path"])
    source, keep, unreadable, notes, check = image_source(store, **options)

    def column(name):
        values = np.array(columns[name], dtype=np.str_)[keep]
        return values if name in rows[0] else None

    return Examples(
        name=f"table {os.path.basename(path)}",
        source=source,
        labels=column("label"),
        groups=column("group"),
        parts=column("split"),
        skipped=(*skipped, *unreadable),
        notes=tuple(notes),
        check=check,
    )


def _rows(path):
    """The rows that have a path and a label, and (line, reason) of the others."""
    rows, skipped = [], []
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, skipinitialspace=True, restval="")
        try:
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            if not {"path", "label"} <= set(header):
                raise ValueError(
                    expected(
                        "a CSV whose first line names the columns path and label (and optionally"
                        " split and group)",
                        path=path,
                        columns=header,
                    )
                )
            for record in reader:
                row = {name: (record[name] or "").strip() for name in _COLUMNS if name in record}
                where = f"{os.path.basename(path)} line {reader.line_num}"
                if not row["path"] or not row["label"]:
                    missing = "path" if not row["path"] else "label"
                    skipped.append((where, f"missing {missing}"))
                    continue
                row["split"] = row.get("split", "").lower()
                if "split" in header and row["split"] not in ("train", "test"):
                    raise ValueError(
                        expected(
                            '"train" or "test" in the column split', split=row["split"], where=where
                        )
                    )
                if "split" not in header:
                    del row["split"]
                rows.append(row)
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                expected("a CSV file in UTF-8", path=path, error=str(error))
            ) from error
    return rows, skipped
