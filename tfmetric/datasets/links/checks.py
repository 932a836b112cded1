"""Checks links, their scores and their times."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmetric._errors import expected


def checked_links(
    links: Any, num_left: int, num_right: int, name: str = "links", empty: bool = False
) -> np.ndarray:
    """Reads links as places on both sides.

    Args:
        links: `(M, 2)` integers: the place of the left and of the right element.
        num_left: The number of left elements.
        num_right: The number of right elements.
        name: Name in error messages.
        empty: Whether there may be no link.

    Returns:
        `int64` `(M, 2)`.

    Raises:
        ValueError: If the shape or the type is wrong, a place does not exist, or a link is given
            twice.
    """
    found = np.asarray(links)
    if found.size == 0 and empty:
        return np.zeros((0, 2), np.int64)
    if found.ndim != 2 or found.shape[1] != 2 or found.dtype.kind not in "iu" or not len(found):
        raise ValueError(
            expected(
                f"{name} as integers of shape (number of links, 2), at least one: the place of the"
                " left and of the right element",
                shape=found.shape,
                dtype=str(found.dtype),
            )
        )
    for column, (side, count) in enumerate((("left", num_left), ("right", num_right))):
        places = found[:, column]
        wrong = np.flatnonzero((places < 0) | (places >= count))
        if len(wrong):
            raise ValueError(
                expected(
                    f"{name} to places of the {side} side, 0 to {count - 1}",
                    place=places[wrong[0]].item(),
                    link=int(wrong[0]),
                    number=len(wrong),
                )
            )
    found = found.astype(np.int64)
    codes = link_codes(found, num_right)
    order = np.argsort(codes, kind="stable")
    twice = np.flatnonzero(np.diff(codes[order]) == 0)
    if len(twice):
        first, again = (int(order[twice[0] + step]) for step in (0, 1))
        raise ValueError(
            expected(
                f"each pair once in {name}; np.unique({name}, axis=0) merges them",
                pair=tuple(found[again].tolist()),
                rows=(first, again),
                number=len(twice),
            )
        )
    return found


def link_codes(links: np.ndarray, num_right: int) -> np.ndarray:
    """Returns one `int64` number for each link, different for different links.

    >>> link_codes(np.array([[0, 1], [2, 0]]), 5).tolist()
    [1, 10]
    """
    return links[:, 0] * num_right + links[:, 1]


def checked_score(score: Any, count: int) -> np.ndarray | None:
    """Reads one finite score for each link as `float32`; `None` stays `None`."""
    if score is None:
        return None
    found = np.asarray(score)
    if found.shape != (count,) or found.dtype.kind not in "fiub":
        raise ValueError(
            expected(
                f"one number for each of {count:,} links as score",
                shape=found.shape,
                dtype=str(found.dtype),
            )
        )
    found = found.astype(np.float32)
    _require_known(np.isfinite(found), "finite numbers as score", "score", found)
    return found


def checked_time(time: Any, count: int) -> np.ndarray | None:
    """Reads one time for each link: integers, floats or `datetime64`; `None` stays `None`."""
    if time is None:
        return None
    found = np.asarray(time)
    if found.shape != (count,) or found.dtype.kind not in "fiuM":
        raise ValueError(
            expected(
                f"one time for each of {count:,} links: numbers or numpy.datetime64",
                shape=found.shape,
                dtype=str(found.dtype),
            )
        )
    if found.dtype.kind in "fM":
        known = ~np.isnat(found) if found.dtype.kind == "M" else np.isfinite(found)
        _require_known(known, "a known time for each link", "time", found)
    return found


def _require_known(known, words, name, values):
    wrong = np.flatnonzero(~known)
    if len(wrong):
        first = int(wrong[0])
        given = {name: values[first].item(), "link": first, "number": len(wrong)}
        raise ValueError(expected(words, **given))
