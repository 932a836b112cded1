"""The rules that divide links between train and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tfmetric._errors import expected
from tfmetric.datasets.links.report import counted
from tfmetric.datasets.splitting import split_groups


@dataclass(frozen=True)
class LinkDivision:
    """Numbers of the links of each part.

    Attributes:
        train: `int64`, ascending.
        test: `int64`, ascending.
        words: The division, in words.
        history: Links of test elements that are in no part: known before the test.
        right_apart: Whether no right element has links in both parts.
        notes: Remarks for the user.
    """

    train: np.ndarray
    test: np.ndarray
    words: str
    history: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    right_apart: bool = False
    notes: tuple[str, ...] = ()


def divide_links(
    links: np.ndarray, time: np.ndarray | None, rule: str, test_fraction: float, seed: int
) -> LinkDivision:
    """Divides links between train and test.

    Args:
        links: `int64` `(M, 2)`, each once.
        time: `(M,)`, or `None`.
        rule: One of `RULES`.
        test_fraction: The share of the test, for the rules that draw.
        seed: Seed of the split.

    Raises:
        ValueError: If the rule needs times and there are none, or there is too little to divide.
    """
    return RULES[rule](links, time, test_fraction, seed)


def _side(place, name):
    def divide(links, time, fraction, seed):
        train, test = split_groups(links[:, place], fraction, seed)
        words = f"by {name} element, split_seed {seed}, {fraction:.0%} of them for the test"
        return LinkDivision(train, test, words, right_apart=name == "right")

    return divide


def _components(links, time, fraction, seed):
    component = components(links)
    count = np.bincount(component)
    if len(count) < 2:
        raise ValueError(
            expected(
                "links that fall into at least two unconnected parts for split='components';"
                " split='left' keeps left elements apart",
                components=len(count),
                links=len(links),
            )
        )
    # In a random order, each component goes to the test while there is room for all its links.
    room, in_test = fraction * len(links), np.zeros(len(count), bool)
    for place in np.random.default_rng(seed).permutation(len(count)).tolist():
        if count[place] <= room:
            in_test[place] = True
            room -= count[place]
    if not in_test.any():
        in_test[count.argmin()] = True
    chosen = in_test[component]
    words = (
        f"by component, split_seed {seed}: {int(in_test.sum()):,} of {len(count):,} unconnected"
        " parts for the test"
    )
    return LinkDivision(np.flatnonzero(~chosen), np.flatnonzero(chosen), words, right_apart=True)


def components(links: np.ndarray) -> np.ndarray:
    """Numbers the connected parts of the graph of links, from 0.

    Args:
        links: `int64` `(M, 2)` places.

    Returns:
        `int64` `(M,)`: the part that each link belongs to.

    >>> components(np.array([[0, 0], [1, 1], [2, 0], [2, 2]])).tolist()
    [0, 1, 0, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = (np.unique(column, return_inverse=True)[1].reshape(-1) for column in links.T)
    start = left.max() + 1
    size = start + right.max() + 1
    graph = coo_array((np.ones(len(links), bool), (left, start + right)), shape=(size, size))
    return connected_components(graph, directed=False)[1][left].astype(np.int64)


def _links(links, time, fraction, seed):
    count = len(links)
    if count < 2:
        raise ValueError(expected("at least two links, one for each part", links=count))
    size = int(np.clip(round(count * fraction), 1, count - 1))
    drawn = np.random.default_rng(seed).permutation(count)
    words = f"by link, split_seed {seed}, {fraction:.0%} of them for the test"
    return LinkDivision(np.sort(drawn[size:]), np.sort(drawn[:size]), words)


def _by_time(links, time, fraction, seed):
    order = np.unique(_required(time, "time"))
    if len(order) < 2:
        raise ValueError(expected("at least two different times, to cut between", times=len(order)))
    # All links of one time are on one side of the cut.
    wanted = np.sort(time)[min(int((1 - fraction) * len(links)), len(links) - 1)]
    cut = max(wanted, order[1])
    later = time >= cut
    train, test = np.flatnonzero(~later), np.flatnonzero(later)
    new = [len(np.setdiff1d(links[test, side], links[train, side])) for side in (0, 1)]
    notes = (
        f"new in the test, without a link before the cut: {counted(new[0], 'left element')},"
        f" {counted(new[1], 'right element')}",
    )
    return LinkDivision(train, test, f"by time: links from {cut} on are the test", notes=notes)


def _leave_last(links, time, fraction, seed):
    last, single = last_links(links, time)
    in_test = np.zeros(len(links), bool)
    in_test[last] = True
    words = "the last link of each left element is the test (at one time, the later in the source)"
    notes = _single_notes(single, "in train")
    return LinkDivision(np.flatnonzero(~in_test), np.flatnonzero(in_test), words, notes=notes)


def _users(links, time, fraction, seed):
    last, single = last_links(links, time)
    owners = links[last, 0]
    if len(owners) < 2:
        raise ValueError(
            expected("at least two left elements with two links", left_elements=len(owners))
        )
    _, test = split_groups(owners, fraction, seed)
    in_test = np.zeros(len(links), bool)
    in_test[last[test]] = True
    apart = np.isin(links[:, 0], owners[test])
    words = (
        f"by left element, split_seed {seed}, {fraction:.0%} of them for the test; the last link of"
        " each is the test, the others are seen"
    )
    return LinkDivision(
        np.flatnonzero(~apart),
        np.flatnonzero(in_test),
        words,
        history=np.flatnonzero(apart & ~in_test),
        notes=_single_notes(single, "in train"),
    )


def last_links(links: np.ndarray, time: np.ndarray | None) -> tuple[np.ndarray, int]:
    """Finds the last link of each left element with two or more.

    Links of one time count in the order in which they are given.

    Returns:
        `int64` numbers of the last links, ascending, and the number of left elements with one
        link only.
    """
    order = np.lexsort((np.arange(len(links)), _required(time, "leave_last"), links[:, 0]))
    _, start, count = np.unique(links[order, 0], return_index=True, return_counts=True)
    several = count > 1
    if not several.any():
        raise ValueError(
            expected("a left element with two links, to leave the last one out", links=len(links))
        )
    last = order[(start + count - 1)[several]]
    return np.sort(last), int((~several).sum())


def _single_notes(single, where):
    if not single:
        return ()
    return (
        f"{counted(single, 'left element')} with one link only, without a held-out one: {where}",
    )


def _required(time, rule):
    if time is None:
        raise ValueError(
            expected(f"links with times for split={rule!r}; name them by time=", time=None)
        )
    return time


Rule = Callable[[np.ndarray, "np.ndarray | None", float, int], LinkDivision]
RULES: dict[str, Rule] = {
    "left": _side(0, "left"),
    "right": _side(1, "right"),
    "components": _components,
    "links": _links,
    "time": _by_time,
    "leave_last": _leave_last,
    "users": _users,
}
