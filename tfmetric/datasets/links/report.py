"""The findings of the check of a relation, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

_LISTED = 5


@dataclass(frozen=True)
class LinkCounts:
    """Counts of one part of a relation.

    Attributes:
        links: The number of links.
        left: Left elements with a link.
        right: Right elements with a link.
        candidates: All right elements.
        seen: Links known before the part.
        most: The most links of one right element.
    """

    links: int
    left: int
    right: int
    candidates: int
    seen: int
    most: int


@dataclass(frozen=True)
class RelationReport:
    """The findings of `datasets.load_pairs` and `load_interactions`; `print` it.

    Attributes:
        source: The loaded source.
        left: One left element, in words.
        right: One right element, in words.
        parts: The counts of each part.
        split: The division of the links, in words.
        skipped: (place, reason) of each link or element that was left out.
        notes: Decisions taken without the user's request.
    """

    source: str
    left: str
    right: str
    parts: Mapping[str, LinkCounts]
    split: str
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain dictionaries, lists, numbers and text, ready for JSON."""
        plain = asdict(self)
        plain["skipped"] = [list(item) for item in self.skipped]
        plain["notes"] = list(self.notes)
        return plain

    def __str__(self):
        lines = [f"{self.source}:", f"  left:  {self.left}", f"  right: {self.right}"]
        lines += [_part_line(name, part) for name, part in self.parts.items()]
        lines += [f"  split: {self.split}"]
        lines += [f"  skipped: {len(self.skipped):,}" if self.skipped else "  skipped: none"]
        lines += [f"    {where}: {reason}" for where, reason in self.skipped[:_LISTED]]
        if len(self.skipped) > _LISTED:
            lines.append(f"    ... and {len(self.skipped) - _LISTED:,} more in the report's fields")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def count_links(links: np.ndarray, candidates: int, seen: int) -> LinkCounts:
    """Counts one part."""
    right = np.bincount(links[:, 1])
    return LinkCounts(
        links=len(links),
        left=len(np.unique(links[:, 0])),
        right=int((right > 0).sum()),
        candidates=candidates,
        seen=seen,
        most=int(right.max()),
    )


def counted(count: int, word: str) -> str:
    """Returns a number with its noun.

    >>> counted(1, "link"), counted(1200, "link")
    ('1 link', '1,200 links')
    """
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def _part_line(name, part):
    line = (
        f"  {name + ':':<6} {part.links:,} links of {part.left:,} left and {part.right:,} right"
        f" elements, at most {part.most:,} of one right element"
    )
    if part.candidates > part.right:
        line += f"; {part.candidates:,} candidates in all"
    return line + (f"; {part.seen:,} links seen before" if part.seen else "")
