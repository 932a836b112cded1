"""Reads data sets of images or texts prepared by tensorflow-datasets, on demand."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.options import ReadOptions
from tfmetric.datasets.part_names import part_of
from tfmetric.datasets.progress import progress
from tfmetric.datasets.reading import examples_of_files
from tfmetric.datasets.records import example_fields, record_spans
from tfmetric.datasets.stores import SpanStore, mapped

_SHOWN = 80  # Characters that a name cannot contain.


def tfds_examples(source: str, options: ReadOptions) -> Examples:
    """Reads the image or text feature and the label feature of a prepared data set.

    Examples with a negative label (unlabeled ones) are left out. Splits with other names than
    train, validation and test are read only if none of these exists.
    """
    name = source.removeprefix("tfds:")
    builder = prepared_builder(name, options.data_dir, options.download)
    keys, kind = _feature_keys(builder, options)
    splits = [split for split in builder.info.splits if part_of(split)]
    known = bool(splits)
    splits = splits or list(builder.info.splits)
    files, columns = _index(builder, splits, keys)
    use = np.flatnonzero(columns["label"] >= 0)
    notes = []
    if len(use) < len(columns["label"]):
        count = len(columns["label"]) - len(use)
        notes.append(f"{count:,} examples without a label were left out")
    store = SpanStore(builder.info.name, files, columns["file"], columns["start"], columns["size"])
    groups = None
    if keys[2]:
        groups = np.array(builder.info.features[keys[2]].names)[columns["group"][use]]
    parts = np.array([part_of(split) or split for split in splits])[columns["part"][use]]
    return examples_of_files(
        store.subset(use),
        columns["label"][use],
        kind=kind,
        name=source,
        options=options,
        groups=groups,
        parts=parts if known else None,
        class_names=tuple(builder.info.features[keys[1]].names),
        notes=notes,
    )


@contextmanager
def _quiet():
    """Hides remarks on folders of other versions and configurations."""
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def prepared_builder(name: str, data_dir: str | os.PathLike | None, download: bool) -> Any:
    """Returns the builder of a prepared data set.

    Args:
        name: The name of the data set, with its configuration and version.
        data_dir: Folder of tensorflow-datasets; its own default if `None`.
        download: Whether missing data may be downloaded.

    Raises:
        ValueError: If there is no such data set, or it is not prepared.
    """
    import tensorflow_datasets as tfds

    where = os.fspath(data_dir) if data_dir is not None else None
    try:
        with _quiet():
            builder = tfds.builder(name, data_dir=where)
    except (ValueError, AssertionError) as error:
        # The messages of tensorflow-datasets are pages long.
        raise ValueError(
            expected(
                "the name of a data set of tensorflow-datasets after tfds:, as in tfds:omniglot,"
                " tfds:name/config or tfds:name:version",
                name=name[:_SHOWN],
            )
        ) from error
    with _quiet():
        prepared = builder.is_prepared()
    if not prepared:
        if not download:
            raise ValueError(
                expected(
                    f"the data set {name!r} to be prepared in data_dir; it would have to be"
                    " downloaded: pass download=True, or the data_dir that has it",
                    data_dir=os.fspath(builder.data_dir_root),
                )
            )
        builder.download_and_prepare()
    if builder.info.file_format.value != "tfrecord":
        raise ValueError(
            expected(
                "a data set prepared in the file format tfrecord, the default of"
                " tensorflow-datasets",
                file_format=builder.info.file_format.value,
            )
        )
    return builder


def _feature_keys(builder, options):
    """Returns the names of the example, label and group (or None) features, and the kind."""
    from tensorflow_datasets.core import features

    items = dict(builder.info.features.items())
    found = {
        "image": [key for key, value in items.items() if type(value) is features.Image],
        "text": [key for key, value in items.items() if type(value) is features.Text],
    }
    classes = [key for key, value in items.items() if isinstance(value, features.ClassLabel)]
    kind = options.kind or ("image" if found["image"] else "text")
    wanted = options.columns[0] if options.columns else options.text
    example = _only(found.get(kind, []), wanted, kind)
    label = _only(classes, options.label, "label")
    if example is None or label is None:
        raise ValueError(
            expected(
                "a data set with one image or text and one class label for each example (name "
                "them by"
                " columns= and label=); load others with tensorflow-datasets and pass arrays",
                name=builder.info.name,
                images=found["image"],
                texts=found["text"],
                class_labels=classes,
            )
        )
    others = [key for key in classes if key != label]
    return (example, label, _only(others, options.group, others[0] if others else "")), kind


def _only(names, wanted, usual):
    """Returns the requested name, the usual name, or the only name; None without any."""
    if wanted is not None:
        return wanted if wanted in names else None
    return usual if usual in names else (names[0] if len(names) == 1 else None)


def _index(builder, splits, keys):
    """Returns each example's location, label and group: {column: (N,) int64}."""
    example, label, group = keys
    wanted = frozenset(key for key in keys if key)
    files, rows = [], []
    total = sum(builder.info.splits[split].num_examples for split in splits)
    with progress(total, "Reading labels") as advance:
        for part, split in enumerate(splits):
            for path in builder.info.splits[split].filepaths:
                files.append(os.fspath(path))
                data = mapped(files[-1])
                before = len(rows)
                for start, stop in record_spans(data, files[-1]):
                    found = example_fields(data, start, stop, wanted)
                    if example in found:
                        first, last = found[example]
                        # Some writers omit a zero.
                        rows.append(
                            (
                                len(files) - 1,
                                first,
                                last - first,
                                part,
                                found.get(label, 0),
                                found.get(group, 0),
                            )
                        )
                advance(len(rows) - before)
    table = np.array(rows, np.int64).reshape(-1, 6)
    names = ("file", "start", "size", "part", "label", "group")
    return files, {name: table[:, i] for i, name in enumerate(names)}
