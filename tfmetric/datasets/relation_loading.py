"""Puts rows and the elements of both sides together to the parts of a relation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.links.checks import link_codes
from tfmetric.datasets.links.parts import Linked, parts_of
from tfmetric.datasets.links.report import RelationReport, count_links, counted
from tfmetric.datasets.links.rows import Rows
from tfmetric.datasets.links.sides import Side
from tfmetric.datasets.links.splits import LinkDivision, components, divide_links
from tfmetric.datasets.part_names import with_a_test
from tfmetric.datasets.relation import Relation


@dataclass(frozen=True)
class Wanted:
    """How links are divided.

    Attributes:
        split: A rule of `Relation.split`, "as given" or "auto".
        test_fraction: The share of the test.
        seed: Seed of the split.
        strict: Whether a row or element that cannot be used is an error.
    """

    split: str
    test_fraction: float
    seed: int
    strict: bool


def assembled(
    rows: Rows,
    left: Side,
    right: Side,
    score: np.ndarray | None,
    time: np.ndarray | None,
    wanted: Wanted,
    notes: tuple[str, ...] = (),
) -> tuple[Relation, Relation]:
    """Makes the train and the test part of the relation of these rows.

    Args:
        rows: The rows, each a link.
        left: The left elements.
        right: The right elements.
        score: The score of each row, or `None`.
        time: The time of each row, or `None`.
        wanted: How links are divided.
        notes: Decisions taken so far.
    """
    skipped = (*rows.skipped, *left.skipped, *right.skipped)
    if skipped and wanted.strict:
        raise ValueError(
            expected(
                "only usable rows under strict=True",
                skipped=len(skipped),
                first=[f"{name}: {reason}" for name, reason in skipped[:5]],
            )
        )
    links = np.stack([left.place, right.place], axis=1)
    rule = _rule(wanted.split, links, rows.parts)
    parts, merged = (None, ()) if rule != "as given" else _train_and_test(rows.parts)
    chosen, again = _distinct(links, score, time, parts)
    merged += again
    if not len(chosen):
        raise ValueError(expected("at least one link of two usable elements", rows=len(rows)))
    unusable = int((links < 0).any(1).sum())
    if unusable:
        merged = (*merged, f"{counted(unusable, 'link')} of elements that were left out")
    columns = (None if column is None else column[chosen] for column in (score, time))
    whole = Linked(left.data, right.data, links[chosen], *columns)
    whole, unlinked = whole.without_unlinked()
    merged += tuple(
        f"{counted(count, f'{side} element')} without a link left out"
        for side, count in zip(("left", "right"), unlinked, strict=True)
        if count
    )
    if parts is not None:
        division = _as_given(whole.links, parts[chosen])
    else:
        division = divide_links(whole.links, whole.time, rule, wanted.test_fraction, wanted.seed)
        if rows.parts is not None:
            merged = (*merged, f'the data\'s own parts were merged and split anew by "{rule}"')
    train, test = (Relation(**part) for part in parts_of(whole, division))
    report = RelationReport(
        source=rows.name,
        left=whole.left.element.describe(),
        right=whole.right.element.describe(),
        parts={
            name: count_links(part.links, len(part.right), len(part.seen))
            for name, part in (("train", train), ("test", test))
        },
        split=division.words,
        skipped=skipped,
        notes=(*notes, *left.notes, *right.notes, *merged, *division.notes),
    )
    if skipped:
        warnings.warn(
            f"{len(skipped):,} unusable rows or elements of {rows.name} were left out, the first is"
            f" {skipped[0][0]} ({skipped[0][1]}); print the report for more",
            stacklevel=4,
        )
    return replace(train, report=report), replace(test, report=report)


def _rule(split, links, parts):
    if split == "as given" and parts is None:
        raise ValueError(
            expected('data with parts of its own, in a column split, for split="as given"')
        )
    if split != "auto":
        return split
    return "as given" if parts is not None else _usual(links[(links >= 0).all(1)])


def _distinct(links, score, time, parts):
    """Returns the numbers of the rows that stand for the distinct links, and notes.

    A link that is given several times counts once in a part: at its first time, without times at
    its first row.
    """
    codes = links[:, 0] * (links[:, 1].max(initial=0) + 1) + links[:, 1]
    if parts is not None:
        codes = codes * 3 + np.unique(parts, return_inverse=True)[1].reshape(-1)
    moments = np.zeros(len(links)) if time is None else time
    order = np.lexsort((np.arange(len(links)), moments))
    usable = (links >= 0).all(1) & (True if parts is None else parts != "")
    order = order[usable[order]]
    _, first, code = np.unique(codes[order], return_index=True, return_inverse=True)
    chosen, code = order[first], code.reshape(-1)
    again = len(order) - len(chosen)
    notes = []
    if again:
        where = "at its first time" if time is not None else "as its first row has it"
        notes.append(
            f"{counted(again, 'row')} with a link that an earlier row has; it counts {where}"
        )
    if score is not None:
        differ = len(np.unique(code[score[chosen[code]] != score[order]]))
        if differ:
            notes.append(f"{counted(differ, 'link')} with several scores; the first counts")
    return np.sort(chosen), tuple(notes)


def _usual(links):
    """By component, unless one component has most of the links."""
    count = np.bincount(components(links))
    return "components" if len(count) > 1 and 2 * count.max() <= len(links) else "left"


def _train_and_test(parts):
    """Returns the parts, "" for rows in neither, and notes."""
    found = sorted(set(parts.tolist()))
    parts, notes = with_a_test(parts)
    if not {"train", "test"} <= set(parts.tolist()):
        raise ValueError(
            expected('links in a train and a test part for split="as given"', parts=found)
        )
    val = int((parts == "val").sum())
    if val:
        notes = (*notes, f"the validation part, {counted(val, 'row')}, is in neither part")
    return np.where(parts == "val", "", parts), notes


def _as_given(links, parts):
    train, test = (np.flatnonzero(parts == part) for part in ("train", "test"))
    codes = link_codes(links, int(links[:, 1].max()) + 1)
    both = int(np.isin(codes[test], codes[train]).sum())
    notes = (f"{counted(both, 'link')} of the test part in train too",) if both else ()
    shared = np.intersect1d(links[train, 1], links[test, 1]).size
    words = "the data's own"
    if shared:
        shown = counted(shared, "right element")
        words += f"; {shown} with links in both parts: all are candidates"
    return LinkDivision(train, test, words, right_apart=not shared, notes=notes)
