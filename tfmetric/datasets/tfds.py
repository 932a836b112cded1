"""Image data sets prepared by tensorflow-datasets, read on demand."""

from __future__ import annotations

import os
from contextlib import contextmanager

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.images import image_source
from tfmetric.datasets.progress import progress
from tfmetric.datasets.records import example_fields, record_spans
from tfmetric.datasets.splitting import own_split
from tfmetric.datasets.stores import SpanStore, mapped

_SHOWN = 80  # Characters of a name that is no name.
_MERGED = ("train", "validation", "test")


def tfds_examples(
    name: str, data_dir: str | os.PathLike | None, download: bool, **options
) -> Examples:
    """Reads the image and label features of a prepared data set.

    The data set's own train and test are kept if no class is in both. Otherwise all examples of
    train, validation and test are merged, to be split by class. Examples with a negative label
    (unlabeled ones) are left out.
    """
    builder = _prepared_builder(name, data_dir, download)
    keys = _feature_keys(builder)
    splits = [split for split in _MERGED if split in builder.info.splits]
    splits = splits or list(builder.info.splits)
    files, columns = _index(builder, splits, keys)
    parts = np.array(splits)[columns["part"]]
    use = columns["label"] >= 0
    notes = []
    if not use.all():
        notes.append(f"{(~use).sum():,} examples without a label were left out")
    own = own_split(columns["label"], np.where(use, parts, "")) is not None
    if own and "validation" in splits:
        use &= parts != "validation"
        notes.append("the split 'validation' was left out")
    store = SpanStore(builder.info.name, files, columns["file"], columns["start"], columns["size"])
    found = image_source(store.subset(np.flatnonzero(use)), **options)
    source, keep, skipped, more, check = found
    rows = np.flatnonzero(use)[keep]
    groups = None
    if keys[2]:
        groups = np.array(builder.info.features[keys[2]].names)[columns["group"][rows]]
    return Examples(
        name=f"tfds:{name}",
        source=source,
        labels=columns["label"][rows],
        groups=groups,
        parts=parts[rows],
        class_names=tuple(builder.info.features[keys[1]].names),
        skipped=tuple(skipped),
        notes=(*notes, *more),
        check=check,
    )


@contextmanager
def _quiet():
    """Keeps remarks on folders of other versions and configurations off stderr."""
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _prepared_builder(name, data_dir, download):
    import tensorflow_datasets as tfds

    where = os.fspath(data_dir) if data_dir is not None else None
    try:
        with _quiet():
            builder = tfds.builder(name, data_dir=where)
    except (ValueError, AssertionError) as error:
        # Its own messages run to pages: the whole name grammar, or every data set there is.
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


def _feature_keys(builder):
    """The names of the image, the label and the group feature (or None)."""
    from tensorflow_datasets.core import features

    items = dict(builder.info.features.items())
    images = [key for key, value in items.items() if type(value) is features.Image]
    classes = [key for key, value in items.items() if isinstance(value, features.ClassLabel)]
    image = "image" if "image" in images else (images[0] if len(images) == 1 else None)
    label = "label" if "label" in classes else (classes[0] if len(classes) == 1 else None)
    if image is None or label is None:
        raise ValueError(
            expected(
                "a data set with one image and one class label an example; load others with"
                " tensorflow-datasets and pass arrays",
                name=builder.info.name,
                images=images,
                class_labels=classes,
            )
        )
    others = [key for key in classes if key != label]
    return image, label, (others[0] if others else None)


def _index(builder, splits, keys):
    """Where each image lies, and its label and group: {column: (N,) int64}."""
    image, label, group = keys
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
                    if image in found:
                        first, last = found[image]
                        # A zero is written as an absent value by some writers.
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
