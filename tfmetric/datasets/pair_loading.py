"""`load_pairs`: reads links between two sides, such as images and their captions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tfmetric._errors import expected
from tfmetric.datasets.arguments import require_choice, require_fraction, require_seed
from tfmetric.datasets.links.sides import Kind, side_of_rows
from tfmetric.datasets.links.sources import RowOptions, read_rows
from tfmetric.datasets.relation import Relation
from tfmetric.datasets.relation_loading import Wanted, assembled

RULES = ("auto", "as given", "left", "right", "components", "links")


def load_pairs(
    source: Any,
    *,
    left: str | Sequence[str] = "left",
    right: str | Sequence[str] = "right",
    score: str | None = None,
    left_id: str | None = None,
    right_id: str | None = None,
    kind: Kind = None,
    left_kind: Kind = None,
    right_kind: Kind = None,
    split: str = "auto",
    test_fraction: float = 0.25,
    split_seed: int = 0,
    delimiter: str | None = None,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
    strict: bool = False,
) -> tuple[Relation, Relation]:
    """Loads pairs of any two kinds, checks them, and divides them into train and test.

    Use it for images and captions, questions and answers, sentence pairs with a grade. Each row is
    a link of its left and its right element. Equal elements are one element: those of one id, or,
    without ids, equal texts and equal contents, so that a loss knows accidental hits.
    `print(train.report)` shows the findings of the check; a warning reports omitted rows.

    Args:
        source: One of

            - a `.csv`, `.tsv` or `.jsonl` file with a column for each side; paths of files are
              relative to the table's folder;
            - a mapping of columns, a data frame, or a list of mappings; a column is texts, or any
              array or list that `datasets.from_arrays` takes;
            - `"tfds:<name>"`, whose features are the columns;
            - `"glyph_names"`, built in: pictures of characters and the names that Unicode gives
              them, such as "GREEK SMALL LETTER ALPHA WITH TONOS"; half of the characters are the
              test;
            - a mapping of parts to any of these: `{"train": "train.csv", "test": "test.csv"}`.

            A column `split` ("train", "val", "test") holds the data's own parts.
        left: The column of the left elements (the queries), or the columns that are the fields of a
            record.
        right: The column or columns of the right elements (the candidates).
        score: The column of grades, numbers, for losses on graded pairs.
        left_id: The column of the ids of the left elements.
        right_id: The column of the ids of the right elements.
        kind: The kind of both sides, as for `datasets.load`, or a mapping of the `kind` and its
            options: `{"kind": "image", "image_size": 64}`. By default cells of a table that end
            like files of a kind are such files, cells that are numbers are vectors, and strings
            are texts.
        left_kind: The kind of the left side, in place of `kind`.
        right_kind: The kind of the right side, in place of `kind`.
        split: The rule that divides the links:

            - "as given": the data's own parts;
            - "left", "right", "components" or "links": as :meth:`Relation.split` has them;
            - "auto": "as given" where the data has parts; else "components", so that no element is
              in both parts; or "left", if common elements connect most of the links.
        test_fraction: The share of the test.
        split_seed: Seed of the split, an integer from 0.
        delimiter: What separates the cells of a table: a comma by default, in `.tsv` a tab.
        data_dir: Where tensorflow-datasets keeps its data.
        download: Let tensorflow-datasets download and prepare what is missing.
        strict: Raise an error for a row or element that cannot be used, instead of leaving it out.

    Returns:
        (train, test), two `Relation` whose sides have common `class_names`.

    Raises:
        ValueError: If the source is unknown, a column does not exist, a score is no number, no
            kind fits, or there is too little to divide.

    >>> rows = {
    ...     "question": ["how old are you", "what is your age", "where is it", "who are you"],
    ...     "answer": ["forty", "forty", "over there", "a friend"],
    ... }
    >>> train, test = load_pairs(rows, left="question", right="answer")
    >>> train
    <Relation: 3 links of 3 left (texts) and 2 right elements (texts)>
    >>> test.right.read().tolist()
    ['a friend']
    """
    require_choice("split", split, RULES)
    require_fraction(test_fraction)
    require_seed(split_seed, "split_seed")
    sides = {"left": left, "right": right}
    names = {name: (one,) if isinstance(one, str) else tuple(one) for name, one in sides.items()}
    if not all(names.values()):
        raise ValueError(expected("a column for each side", left=left, right=right))
    ids = {"left_id": left_id, "right_id": right_id}
    others = [name for name in (score, *ids.values()) if name is not None]
    wanted = tuple(dict.fromkeys((*names["left"], *names["right"], *others)))
    rows = read_rows(source, RowOptions(delimiter, data_dir, download, wanted))
    rows.require(**ids, score=score)
    for side, columns in names.items():
        for column in columns:
            rows.require(**{side: column})
    rows = rows.with_values(wanted)
    scores = None if score is None else rows.numbers(score)
    return assembled(
        rows,
        side_of_rows(rows, "left", left, left_id, kind if left_kind is None else left_kind),
        side_of_rows(rows, "right", right, right_id, kind if right_kind is None else right_kind),
        scores,
        None,
        Wanted(split, test_fraction, split_seed, strict),
    )
