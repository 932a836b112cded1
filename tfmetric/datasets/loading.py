"""`load`: any labelled source as train and test data with disjoint classes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets import images
from tfmetric.datasets.arguments import require_fraction, require_seed
from tfmetric.datasets.arrays import as_elements, encode_labels, npz_examples, tuple_examples
from tfmetric.datasets.checks import cross_duplicates
from tfmetric.datasets.digits import digits_examples
from tfmetric.datasets.examples import Examples
from tfmetric.datasets.folder import folder_examples
from tfmetric.datasets.glyphs import glyphs_examples
from tfmetric.datasets.labeled import LabeledData
from tfmetric.datasets.report import DataReport, summarise
from tfmetric.datasets.sources import ArraySource
from tfmetric.datasets.splitting import (
    own_split,
    require_four_classes,
    require_learnable,
    split_classes,
)
from tfmetric.datasets.tables import csv_examples
from tfmetric.datasets.tfds import tfds_examples

_BUILTIN = {"digits": digits_examples, "glyphs": glyphs_examples}


def builtin_names() -> tuple[str, ...]:
    """The names of the data sets that need no files and no download.

    >>> builtin_names()
    ('digits', 'glyphs')
    """
    return tuple(sorted(_BUILTIN))


def load(
    source: Any,
    *,
    data_dir: str | os.PathLike | None = None,
    image_size: int | tuple[int, int] | None = None,
    color: str = "auto",
    test_fraction: float = 0.5,
    seed: int = 0,
    strict: bool = False,
    verify: str = "auto",
    download: bool = False,
    cache_bytes: int = images.CACHE_BYTES,
) -> tuple[LabeledData, LabeledData]:
    """Loads labelled examples, checks them, and splits them by class into train and test.

    Use it at the start of everything. The classes of the test part are never seen in training:
    that is what a learned metric is judged on. A split of the data's own is kept if no class is
    in both of its parts. `print(train.report)` shows what the check found; examples that had to
    be left out are warned of.

    Args:
        source: One of

            - `"glyphs"`: characters rendered from matplotlib's fonts, 2,133 classes, 32×32;
            - `"digits"`: scikit-learn's scans of handwritten digits, 10 classes, 8×8;
            - `"tfds:<name>"`: an image data set of tensorflow-datasets;
            - a folder with a folder of images for each class, or with `train/` and `test/`
              that hold such folders;
            - a `.csv` file with the columns `path,label[,split,group]`, paths relative to it;
            - an `.npz` file with `x, y[, group]` or `x_train, y_train, x_test, y_test`;
            - arrays `(x, y)` or `((x_train, y_train), (x_test, y_test))`, or a mapping with
              the names of an `.npz`.
        data_dir: Where tensorflow-datasets keeps its data; its own default if `None`.
        image_size: (height, width) in pixels, or one number for both; the aspect ratio is not
            kept. `None` keeps the images' own size if all share one, else 64×64 with a note.
        color: "grey" (1 channel), "rgb" (3), or "auto": grey if the files are stored so, or if
            the three channels are equal in a sample of them. Arrays stay as they are under "auto".
        test_fraction: The share of the classes for the test, if the data has no usable split;
            at least two classes go to each part.
        seed: Which split of the classes.
        strict: Raise an error for an example that cannot be used, instead of leaving it out.
        verify: "full" decodes every image file once, "quick" reads sizes, headers and endings and
            decodes what looks cut, "auto" is "full" up to 20,000 images.
        download: Let tensorflow-datasets download and prepare what is missing.
        cache_bytes: Image sets that decode to no more than this (512 MB) are kept in memory;
            bigger ones are read batch by batch.

    Returns:
        (train, test), two `LabeledData` with common `class_names`.

    Raises:
        ValueError: If the source is unknown, empty or malformed, if it has fewer than four
            classes to split, or if a part has fewer than two classes or no class of two examples.

    >>> train, test = load("digits")
    >>> train.num_classes, test.num_classes, train.element_shape
    (5, 5, (8, 8, 1))
    >>> set(train.labels) & set(test.labels)
    set()
    """
    _require_choice("color", color, images.COLORS)
    _require_choice("verify", verify, images.VERIFY)
    require_seed(seed)  # Before anything is read, as the fraction is.
    require_fraction(test_fraction)
    size = _image_size(image_size)
    files = {"image_size": size, "color": color, "verify": verify, "cache_bytes": cache_bytes}
    arrays = {"image_size": size, "color": color}
    if isinstance(source, (tuple, list, Mapping)):
        examples = tuple_examples(source, **arrays)
    elif not isinstance(source, (str, os.PathLike)):
        raise ValueError(expected(_KNOWN, source_type=type(source).__name__))
    elif source in _BUILTIN:
        examples = _resized(_BUILTIN[source](), **arrays)
    elif str(source).startswith("tfds:"):
        examples = tfds_examples(str(source)[5:], data_dir, download, **files)
    elif os.path.isdir(source):
        examples = folder_examples(source, **files)
    elif os.path.isfile(source) and str(source).lower().endswith(".csv"):
        examples = csv_examples(source, **files)
    elif os.path.isfile(source) and str(source).lower().endswith(".npz"):
        examples = npz_examples(source, **arrays)
    else:
        raise ValueError(expected(_KNOWN, source=os.fspath(source)))
    return _split(examples, test_fraction, seed, strict)


_KNOWN = (
    "a known source: "
    + ", ".join(f'"{name}"' for name in builtin_names())
    + ', "tfds:<name>", an existing folder of class folders, an existing .csv or .npz file, or'
    " arrays (x, y)"
)


def _split(examples: Examples, test_fraction, seed, strict):
    skipped = examples.skipped
    if skipped and strict:
        raise ValueError(
            expected(
                "only usable examples under strict=True",
                skipped=len(skipped),
                first=[f"{name}: {reason}" for name, reason in skipped[:5]],
            )
        )
    labels, names = examples.labels, examples.class_names
    if names is None:
        labels, names = encode_labels(labels)
    notes = list(examples.notes)
    own = own_split(labels, examples.parts)
    if own is not None:
        train, test = own
        rule = "the data's own, its classes are disjoint"
    else:
        if examples.parts is not None:
            notes.append(
                "the data's own train and test parts share classes, or one is empty: all examples"
                " were merged and the classes split anew"
            )
        require_four_classes([names[label] for label in np.unique(labels)])
        train, test = split_classes(labels, test_fraction, seed)
        rule = f"by class, seed {seed}, {test_fraction:.0%} of the classes for the test"
    require_learnable(labels[train], labels[test], names)
    twins = np.array(cross_duplicates(examples.source, train, test), np.int64).reshape(-1, 2)
    ids = examples.source.ids(twins.reshape(-1)).reshape(-1, 2).tolist()
    report = DataReport(
        source=examples.name,
        element_shape=examples.source.element.shape,
        dtype=examples.source.element.dtype,
        train=summarise(labels[train], names),
        test=summarise(labels[test], names),
        split=rule,
        check=examples.check,
        skipped=tuple(skipped),
        duplicates=tuple((a, b) for a, b in ids),
        notes=tuple(notes),
    )
    if skipped:
        warnings.warn(
            f"{len(skipped):,} unusable examples of {examples.name} were left out, the first is"
            f" {skipped[0][0]} ({skipped[0][1]}); print the report for more",
            stacklevel=3,
        )
    groups = examples.groups
    return tuple(
        LabeledData(
            examples.source,
            labels[part],
            names,
            None if groups is None else groups[part],
            part,
            report,
        )
        for part in (train, test)
    )


def _resized(examples, image_size, color):
    """A built-in set, whose images are in memory, at another size or colour."""
    if image_size is None and color != "rgb":
        return examples
    everything = np.arange(len(examples.source))
    array, _ = as_elements(examples.source.read(everything), image_size, color)
    ids = examples.source.ids(everything)
    examples.source = ArraySource(array, examples.name, ids)
    return examples


def _image_size(image_size):
    if image_size is None:
        return None
    size = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(size) != 2 or any(not isinstance(n, (int, np.integer)) or n < 1 for n in size):
        raise ValueError(
            expected(
                "image_size as a positive number of pixels or (height, width)",
                image_size=image_size,
            )
        )
    return tuple(int(n) for n in size)


def _require_choice(name, value, choices):
    if value not in choices:
        raise ValueError(
            expected(f"{name} as one of {', '.join(map(repr, choices))}", **{name: value})
        )
