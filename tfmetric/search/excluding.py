"""Leaves places out of a search that finds the nearest k of each query."""

from collections.abc import Callable

import numpy as np

_MOST_FOUND = 2**22

Found = tuple[np.ndarray, np.ndarray]
"""Places (B, k), int64, and distances (B, k), float32, nearest first."""


def nearest_without(
    nearest: Callable[[np.ndarray, int], Found],
    queries: int,
    count: int,
    k: int,
    row: np.ndarray,
    place: np.ndarray,
) -> Found:
    """Finds the k nearest of each query among the places that are not left out.

    A query is answered by a longer list, from which its places are removed: so the result is exact
    where the search is, and its order that of the search.

    Args:
        nearest: Function of the numbers of some queries (b,) and of k that returns their nearest.
        queries: B.
        count: Number of places that a search finds.
        k: Number of neighbors, clipped to the fewest places that are left for a query.
        row: (P,), queries of the places to leave out.
        place: (P,), these places, which a search finds; a pair may be given twice.
    """
    stride = int(place.max(initial=0)) + 1
    pairs = np.unique(row * stride + place)
    gone = np.bincount(pairs // stride, minlength=queries)
    k = min(k, count - int(gone.max(initial=0)))
    places, distances = np.empty((queries, k), np.int64), np.empty((queries, k), np.float32)
    # Rounded up to a power of two: queries of about as many are answered together.
    more = np.where(gone, 2 ** np.ceil(np.log2(np.maximum(gone, 1))).astype(np.int64), 0)
    for extra in np.unique(more).tolist() if k else ():
        reach = min(k + extra, count)
        every = np.flatnonzero(more == extra)
        step = max(1, _MOST_FOUND // reach)
        for some in (every[i : i + step] for i in range(0, len(every), step)):
            near, far = nearest(some, reach)
            key = some[:, None] * stride + near
            out = np.isin(key, pairs) & (near < stride)
            order = np.argsort(out, axis=1, kind="stable")[:, :k]
            places[some] = np.take_along_axis(near, order, axis=1)
            distances[some] = np.take_along_axis(far, order, axis=1)
    return places, distances
