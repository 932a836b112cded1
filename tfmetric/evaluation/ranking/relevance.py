"""Reads which candidates are relevant to which queries, and which are to be left out."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np

from tfmetric._errors import expected


def read_links(
    name: str, given: Any, num_queries: int, num_candidates: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns links in the order of their queries, and the gain of each if the form holds gains.

    Args:
        name: Name of the argument, for errors.
        given: Links ``(M, 2)``; or a mapping from queries to their candidates, or to a mapping
            from candidates to gains. Queries and candidates are places.
        num_queries: Number of queries.
        num_candidates: Number of candidates.

    Returns:
        Links ``(M, 2)``, int64, sorted by query, and gains ``(M,)``, or None.

    Raises:
        ValueError: If a link leads to a place that does not exist, or is given twice.
    """
    pairs, gains = _pairs(name, {} if given is None else given)
    links = _integers(name, pairs)
    for column, (side, count) in enumerate((("query", num_queries), ("candidate", num_candidates))):
        bad = np.flatnonzero((links[:, column] < 0) | (links[:, column] >= count))
        if bad.size:
            raise ValueError(
                expected(
                    f"{name} to lead to one of {count:,} {_plural(side)}, from 0",
                    link=links[bad[0]].tolist(),
                    wrong=int(bad.size),
                )
            )
    order = np.lexsort((links[:, 1], links[:, 0]))
    links = links[order]
    twice = np.flatnonzero((links[1:] == links[:-1]).all(axis=1))
    if twice.size:
        raise ValueError(
            expected(
                f"each link of {name} once", link=links[twice[0]].tolist(), twice=int(twice.size)
            )
        )
    return links, None if gains is None else gains[order]


def read_shape(shape: Any) -> tuple[int, int]:
    """Returns ``(Q, N)``, two whole numbers of at least 0, or raises a ValueError."""
    sizes = tuple(shape) if np.iterable(shape) and not isinstance(shape, str) else ()
    whole = [isinstance(n, Integral) and not isinstance(n, bool) and int(n) >= 0 for n in sizes]
    if whole != [True, True]:
        raise ValueError(
            expected("shape as (number of queries, number of candidates)", shape=shape)
        )
    return int(sizes[0]), int(sizes[1])


def read_candidates(candidates: Any, num_candidates: int) -> np.ndarray:
    """Returns a mask ``(N,)`` of places of candidates, or of a mask.

    Raises:
        ValueError: If a place does not exist.
    """
    places = np.asarray(candidates)
    if places.dtype == bool and places.shape == (num_candidates,):
        return places
    whole = places.dtype.kind in "iu" or not places.size
    if not (whole and ((places >= 0) & (places < num_candidates)).all()):
        raise ValueError(
            expected(
                f"places of candidates below {num_candidates:,}, or a mask of all",
                shape=places.shape,
                dtype=str(places.dtype),
            )
        )
    chosen = np.zeros(num_candidates, bool)
    chosen[places.astype(np.int64)] = True
    return chosen


def read_gains(gains: Any, links: np.ndarray, given: Any) -> np.ndarray:
    """Returns the gain of each sorted link, from gains in the order of the given links.

    Args:
        gains: ``(M,)``, above 0, or None for 1 each.
        links: The links as :func:`read_links` sorts them.
        given: The links as they were given, an array.

    Raises:
        ValueError: If the shape does not fit, or a gain is not a finite number above 0.
    """
    if gains is None:
        return np.ones(len(links))
    array = np.asarray(gains)
    if array.shape != (len(links),) or array.dtype.kind not in "fiu":
        raise ValueError(
            expected(
                f"gains of shape ({len(links)},), one number for each link of relevant",
                gains_shape=array.shape,
                dtype=str(array.dtype),
            )
        )
    pairs = np.asarray(given, np.int64)
    return _checked(array.astype(np.float64)[np.lexsort((pairs[:, 1], pairs[:, 0]))])


def require_apart(relevant: np.ndarray, exclude: np.ndarray, num_candidates: int) -> None:
    """Refuses a link that is relevant and excluded."""
    codes = relevant[:, 0] * num_candidates + relevant[:, 1]
    both = np.isin(codes, exclude[:, 0] * num_candidates + exclude[:, 1])
    if both.any():
        raise ValueError(
            expected(
                "relevant links that are not excluded",
                link=relevant[both.argmax()].tolist(),
                both=int(both.sum()),
            )
        )


def _pairs(name, given):
    if not isinstance(given, Mapping):
        return given, None
    pairs: list[tuple[Any, Any]] = []
    gains: list[float] = []
    graded = {isinstance(candidates, Mapping) for candidates in given.values()}
    if len(graded) > 1:
        raise ValueError(
            expected(f"{name} with gains for all queries, or for none", **{name: "some of both"})
        )
    for query, candidates in given.items():
        if isinstance(candidates, (str, bytes)) or not np.iterable(candidates):
            raise ValueError(
                expected(
                    f"{name} as a mapping from queries to lists of candidates",
                    query=query,
                    candidates=candidates,
                )
            )
        pairs += [(query, candidate) for candidate in candidates]
        if isinstance(candidates, Mapping):
            gains += candidates.values()
    found = np.asarray(pairs) if pairs else np.zeros((0, 2), np.int64)
    return found, _checked(np.asarray(gains, np.float64)) if graded == {True} else None


def _integers(name, pairs):
    try:
        links = np.asarray(pairs)
    except ValueError:  # Rows of several lengths.
        links = np.zeros((), object)
    if links.ndim in (1, 2) and not links.size:
        return np.zeros((0, 2), np.int64)
    if links.ndim != 2 or links.shape[1] != 2 or links.dtype.kind not in "iu":
        raise ValueError(
            expected(
                f"{name} as whole numbers of shape (M, 2), a query and a candidate each, or as a"
                " mapping from queries to lists of candidates",
                **{f"{name}_shape": links.shape, "dtype": str(links.dtype)},
            )
        )
    return links.astype(np.int64)


def _plural(side):
    return {"query": "queries", "candidate": "candidates"}[side]


def _checked(gains: np.ndarray) -> np.ndarray:
    bad = ~(np.isfinite(gains) & (gains > 0))
    if bad.any():
        raise ValueError(
            expected(
                "finite gains above 0; leave out the links that are not relevant",
                gain=float(gains[bad][0]),
                wrong=int(bad.sum()),
            )
        )
    return gains
