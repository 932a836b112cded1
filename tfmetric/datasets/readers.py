"""The built-in readers, registered in the order in which messages list them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tfmetric.datasets.arrays import mapping_examples, npz_examples, pair_examples
from tfmetric.datasets.digits import digits_examples
from tfmetric.datasets.folder import folder_examples
from tfmetric.datasets.glyphs import glyphs_examples
from tfmetric.datasets.names import names_examples
from tfmetric.datasets.registry import register_builtin, register_reader
from tfmetric.datasets.tables import SUFFIXES, table_examples
from tfmetric.datasets.tfds import tfds_examples
from tfmetric.datasets.timeseries import timeseries_examples


def _file(*suffixes: str) -> Any:
    def matches(source: Any) -> bool:
        named = isinstance(source, (str, os.PathLike)) and os.path.isfile(source)
        return named and os.fspath(source).lower().endswith(suffixes)

    return matches


def register_all() -> None:
    """Registers the readers, once on import of the package."""
    register_builtin("digits", digits_examples)
    register_builtin("glyphs", glyphs_examples)
    register_builtin("names", names_examples)
    register_reader(
        "tfds",
        tfds_examples,
        lambda source: isinstance(source, str) and source.startswith("tfds:"),
        '"tfds:<name>"',
    )
    register_reader(
        "folder",
        folder_examples,
        lambda source: isinstance(source, (str, os.PathLike)) and os.path.isdir(source),
        "an existing folder of class folders",
    )
    register_reader(
        "table", table_examples, _file(*SUFFIXES), "an existing .csv, .tsv or .jsonl file"
    )
    register_reader("timeseries", timeseries_examples, _file(".ts"), "an existing .ts file")
    register_reader("npz", npz_examples, _file(".npz"), "an existing .npz file")
    register_reader(
        "mapping",
        mapping_examples,
        lambda source: isinstance(source, Mapping),
        "a mapping with the names of an .npz",
    )
    register_reader(
        "arrays",
        pair_examples,
        lambda source: isinstance(source, (tuple, list)),
        "arrays (x, y)",
    )
