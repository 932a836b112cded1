"""Reads features of a data set of tensorflow-datasets as columns."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.part_names import part_of
from tfmetric.datasets.progress import progress
from tfmetric.datasets.tfds import prepared_builder


def tfds_rows(
    name: str, data_dir: str | os.PathLike | None, download: bool, wanted: tuple[str, ...]
) -> tuple[dict[str, Any], np.ndarray | None]:
    """Reads features of all examples.

    Args:
        name: The name of the data set, with its configuration and version.
        data_dir: Folder of tensorflow-datasets.
        download: Whether missing data may be downloaded.
        wanted: The features to read. Class labels become their names; a list of labels or texts
            becomes one text.

    Returns:
        The values of each feature, and the part of each example: "train", "val" or "test"; `None`
        without such parts.

    Raises:
        ValueError: If a feature does not exist or the data set is not prepared.
    """
    builder = prepared_builder(name, data_dir, download)
    features = dict(builder.info.features.items())
    absent = [key for key in wanted if key not in features]
    if absent:
        raise ValueError(
            expected("features of the data set", absent=absent, features=list(features))
        )
    splits = [split for split in builder.info.splits if part_of(split)]
    named = {part_of(split) for split in splits}
    every = splits if len(named) > 1 else list(builder.info.splits)
    columns: dict[str, list[Any]] = {key: [] for key in wanted}
    parts: list[str] = []
    total = sum(builder.info.splits[split].num_examples for split in every)
    with progress(total, "Reading rows") as advance:
        for split in every:
            for example in _examples(builder, split, wanted):
                for key in wanted:
                    columns[key].append(_value(example[key], features[key]))
                parts.append(split)
                advance(1)
    read = {key: _column(values) for key, values in columns.items()}
    return read, np.array([part_of(split) for split in parts]) if len(named) > 1 else None


def _examples(builder, split, wanted):
    import tensorflow_datasets as tfds

    dataset = builder.as_dataset(split=split, shuffle_files=False)
    dataset = dataset.map(lambda example: {key: example[key] for key in wanted})
    return tfds.as_numpy(dataset)


def _value(value, feature):
    single = getattr(feature, "feature", feature)  # What a sequence is made of.
    names = getattr(single, "names", None)
    if np.ndim(value) and (names is not None or value.dtype.kind == "O"):
        return ", ".join(_value(one, single) for one in value)
    if names is not None:
        return names[int(value)]
    return value.decode() if isinstance(value, bytes) else value


def _column(values):
    return values if values and isinstance(values[0], str) else np.asarray(values)
