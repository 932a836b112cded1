"""`load`: reads any labelled source as train and test data."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric._renamed import renamed
from tfmetric.datasets.arguments import require_choice, require_fraction, require_seed
from tfmetric.datasets.arrays import encode_labels
from tfmetric.datasets.checks import duplicates_of, first_twins
from tfmetric.datasets.dividing import RULES, Division, divide
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.options import CACHE_BYTES, ReadOptions
from tfmetric.datasets.registry import reader_of
from tfmetric.datasets.report import DataReport, summarise
from tfmetric.datasets.splitting import require_learnable


@renamed(seed="split_seed")
def load(
    source: Any,
    *,
    kind: str | None = None,
    split: str = "auto",
    split_seed: int = 0,
    test_fraction: float | None = None,
    label: str | None = None,
    text: str | None = None,
    path: str | None = None,
    group: str | None = None,
    columns: str | tuple[str, ...] | None = None,
    delimiter: str | None = None,
    data_dir: str | os.PathLike | None = None,
    image_size: int | tuple[int, int] | None = None,
    color: str = "auto",
    value_range: tuple[float, float] | None = None,
    sampling_rate: int | None = None,
    seconds: float | None = None,
    fields: Mapping[str, str | Mapping[str, Any]] | None = None,
    strict: bool = False,
    verify: str = "auto",
    download: bool = False,
    cache_bytes: int = CACHE_BYTES,
) -> tuple[LabeledData, LabeledData]:
    """Loads labelled examples of any kind, checks them, and splits them into train and test.

    Use it as the first step. By default training never sees the classes of the test part, because a
    learned metric is judged on new classes. `print(train.report)` shows the findings of the check;
    a warning reports omitted examples.

    Args:
        source: One of

            - `"glyphs"`: characters rendered from matplotlib's fonts, 2,133 classes, 32×32;
            - `"digits"`: scikit-learn's scans of handwritten digits, 10 classes, 8×8;
            - `"tfds:<name>"`: a data set of images or texts of tensorflow-datasets;
            - a folder with a folder of files for each class (images, recordings, `.txt`; with
              `kind="video"`, a folder of frames for each video), or with folders of parts
              (`train/`, `val/`, `test/`) that hold such folders;
            - a `.csv`, `.tsv` or `.jsonl` file with the columns `label` and `path` (relative to
              the file), or `text`, or numbers; and optionally `split` and `group`; with
              `kind="record"`, all other columns are fields;
            - an `.npz` file with `x, y[, group]`, or `x_train, y_train, x_test, y_test`, or the
              names of MedMNIST; examples of several lengths are concatenated, with an `offset`;
            - arrays `(x, y)` or `((x_train, y_train), (x_test, y_test))`, or a mapping with
              the names of an `.npz`; where x is a mapping of columns, examples are records;
            - any source registered by :func:`register_reader`.
        kind: "image", "text", "audio", "vector", "sequence", "video" or "record". By default files
            go by their suffix, strings are texts, `uint8` arrays `(N, height, width[, 1 or 3])` are
            images, numbers `(N, D)` are vectors, a mapping of columns is records; other arrays
            need it.
        split: The rule that divides the examples:

            - "classes": no class is in both parts;
            - "examples": every class is in both parts (a closed set, such as ten digits);
            - "groups": no group (writer, patient, speaker) is in both parts;
            - "as given": the data's own parts, even if they share classes;
            - "auto": the data's own parts if they share no class, else by classes.
        split_seed: Seed of the split, an integer from 0.
        test_fraction: The share for the test: 0.5 of the classes by default, 0.25 of each class or
            of the groups. At least two classes, or one group, go to each part.
        label: The column, array or feature that holds the labels; `label` or `y` by default.
        text: The column that holds texts; `text` by default.
        path: The column that holds paths of files; `path` by default.
        group: The column, array or feature that holds the groups; `group` by default.
        columns: The columns of numbers, the array or the feature that hold the example.
        delimiter: What separates the cells of a table: a comma by default, in `.tsv` a tab.
        data_dir: Where tensorflow-datasets keeps its data; its own default if `None`.
        image_size: The (height, width) of images in pixels, or one number for both; the aspect
            ratio is not kept. `None` keeps the images' own size if all share one, else 64×64 with a
            note.
        color: For images, "grey" (1 channel), "rgb" (3), or "auto": grey if the files are stored
            so, or if the three channels are equal in a sample of them. Arrays stay as they are
            under "auto".
        value_range: For images, the (lowest, highest) value that a pixel can have, such
            as (0, 1) for floats. Nothing is rescaled; models read it from `LabeledData.element`.
        sampling_rate: For audio, in hertz. Arrays need it: the rate that they have. Files are
            resampled to it; by default to the commonest rate among them.
        seconds: For audio, how much of each recording is kept, from its beginning.
        fields: For records, the kind of a field, or a mapping of its `kind` and the options of this
            kind: `{"curve": "sequence", "photo": {"kind": "image", "image_size": 32}}`. Other
            fields follow the rules for arrays; `image_size` and the like are for all fields whose
            kind takes them.
        strict: Raise an error for an example that cannot be used, instead of leaving it out.
        verify: "full" decodes every image file once, "quick" reads sizes, headers, endings and the
            checksums of PNG files and decodes what looks damaged, "auto" is "full" up to 20,000
            images. "quick" keeps no images in memory.
        download: Let tensorflow-datasets download and prepare what is missing.
        cache_bytes: Image sets that decode to no more than this (512 MB) are kept in memory;
            bigger ones are read batch by batch.

    Returns:
        (train, test), two `LabeledData` with common `class_names`. A validation part of the data's
        own is in neither; :func:`load_parts` returns it.

    Raises:
        ValueError: If the source is unknown, empty or malformed, if no kind fits, if an option is
            for another kind, if there are too few classes or groups to split, or if a part has
            fewer than two classes or no class of two examples.

    >>> train, test = load("digits")
    >>> train.num_classes, test.num_classes, train.element_shape
    (5, 5, (8, 8, 1))
    >>> set(train.labels) & set(test.labels)
    set()
    >>> train, test = load("digits", split="examples")
    >>> test.num_classes, test.split.closed_set
    (10, True)
    """
    options = dict(locals())
    parts = load_parts(options.pop("source"), **options)
    return parts["train"], parts["test"]


@renamed(seed="split_seed")
def load_parts(
    source: Any,
    *,
    split: str = "auto",
    split_seed: int = 0,
    test_fraction: float | None = None,
    strict: bool = False,
    **options: Any,
) -> dict[str, LabeledData]:
    """Loads labelled examples as :func:`load` does, with the data's own validation part.

    Use it if the data has a validation part for a search or early stopping.

    Args:
        source: As for :func:`load`.
        split: As for :func:`load`.
        split_seed: As for :func:`load`.
        test_fraction: As for :func:`load`.
        strict: As for :func:`load`.
        **options: The further arguments of :func:`load`.

    Returns:
        `{"train": ..., "test": ...}`, and "val" where the data has such a part and the split is as
        given.

    Raises:
        ValueError: As :func:`load` does.

    >>> sorted(load_parts("digits"))
    ['test', 'train']
    """
    require_choice("split", split, RULES)
    require_seed(split_seed, "split_seed")  # Checked before reading, like the fraction.
    if test_fraction is not None:
        require_fraction(test_fraction)
    checked = ReadOptions(**options)
    examples = reader_of(source).read(source, checked)
    if examples.skipped and strict:
        raise ValueError(
            expected(
                "only usable examples under strict=True",
                skipped=len(examples.skipped),
                first=[f"{name}: {reason}" for name, reason in examples.skipped[:5]],
            )
        )
    labels, names = examples.labels, examples.class_names
    if names is None:
        labels, names = encode_labels(labels)
    division = divide(
        labels, names, split, examples.parts, examples.groups, test_fraction, split_seed
    )
    train, test = division.train, division.test
    require_learnable(labels[train], labels[test], names, division.split.closed_set)
    report = _report(examples, labels, names, division)
    if examples.skipped:
        warnings.warn(
            f"{len(examples.skipped):,} unusable examples of {examples.name} were left out, the"
            f" first is {examples.skipped[0][0]} ({examples.skipped[0][1]}); print the report for"
            " more",
            stacklevel=5,
        )
    places = {"train": train, "test": test}
    if len(division.val):
        places["val"] = division.val
    groups = examples.groups
    return {
        part: LabeledData(
            examples.source,
            labels[rows],
            names,
            None if groups is None else groups[rows],
            rows,
            report,
        )
        for part, rows in places.items()
    }


def _report(examples: Examples, labels, names, division: Division) -> DataReport:
    train, test, source = division.train, division.test, examples.source
    first = first_twins(source)
    found = {
        name: tuple((a, b) for a, b in _ids(source, pairs))
        for name, pairs in duplicates_of(first, labels, train, test).items()
    }
    notes = (*examples.notes, *division.notes, *_copied(first, examples.parts, division))
    return DataReport(
        source=examples.name,
        element_shape=source.element.shape,
        dtype=source.element.dtype,
        element=source.element.to_dict(),
        train=summarise(labels[train], names),
        test=summarise(labels[test], names),
        split=division.split.words,
        division=division.split,
        check=examples.check,
        skipped=tuple(examples.skipped),
        duplicates=found["across"],
        notes=notes,
        repeated=found["within"],
        conflicts=found["conflicts"],
    )


def _ids(source, pairs):
    flat = np.array(pairs, np.int64).reshape(-1)
    return source.ids(flat).reshape(-1, 2).tolist()


def _copied(first, parts, division):
    """Returns a note if the data's own parts share examples and were merged."""
    if parts is None or division.split.rule == "as given":
        return ()
    train, test = np.unique(first[parts == "train"]), first[parts == "test"]
    count = int(np.isin(test, train).sum())
    if not count:
        return ()
    return (
        f"{count:,} of the {len(test):,} examples of the data's own test part are in its train",
    )
