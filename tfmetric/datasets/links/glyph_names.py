"""The built-in pairs: pictures of characters and the names that Unicode gives the characters."""

from __future__ import annotations

import unicodedata

import numpy as np

from tfmetric.datasets.glyphs import glyphs_examples
from tfmetric.datasets.links.rows import Rows
from tfmetric.datasets.options import ReadOptions

NAME = "glyph_names"


def glyph_name_rows() -> Rows:
    """Returns a row for each picture: `left` the picture, `right` the name of its character.

    Half of the characters are the part "test".
    """
    examples = glyphs_examples(ReadOptions())
    labels = np.asarray(examples.labels)
    names = [unicodedata.name(text[0], "") for text in examples.class_names or ()]
    named = np.array([bool(name) for name in names])
    rows = np.flatnonzero(named[labels])
    tested = np.zeros(len(names), bool)
    characters = np.flatnonzero(named)
    tested[np.random.default_rng(0).permutation(characters)[: len(characters) // 2]] = True
    right = [names[label] for label in labels[rows]]
    columns = {"left": examples.source.read(rows), "right": right}
    parts = np.where(tested[labels[rows]], "test", "train")
    return Rows("glyph names", columns, examples.source.ids(rows).tolist(), parts=parts)
