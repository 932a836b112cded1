"""Finds the candidates nearest to each query that are not linked to it, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tfmetric._errors import expected
from tfmetric.distances import NORM_FLOOR

# Candidates compared at a time; with a block of 1,024 queries a tile of scores has 16 MB.
TILE = 4096
# Numbers in the embeddings of the candidates whose scores are computed anew at a time.
_NUMBERS = 2**22
_LARGEST = float(np.finfo(np.float32).max)


def _unit(rows: np.ndarray) -> np.ndarray:
    norms = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    return rows / np.maximum(norms, NORM_FLOOR).astype(np.float32)[:, None]


# Scores are greater for more similar embeddings. Each function prepares rows for a product.
SIMILARITIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "cosine": _unit,
    "inner_product": lambda rows: rows,
}


class Unlinked:
    """Tells which candidates are linked to a query, by their ids.

    A candidate is linked where any candidate of its id is linked to any query of the query's id.
    """

    def __init__(self, links: np.ndarray, query_ids: np.ndarray, candidate_ids: np.ndarray):
        """Sorts the links.

        Args:
            links: `int64` `(M, 2)`, places of all known links.
            query_ids: `int64` `(Q,)`.
            candidate_ids: `int64` `(N,)`.
        """
        _, self._query = np.unique(query_ids, return_inverse=True)
        ids, self._candidate = np.unique(candidate_ids, return_inverse=True)
        codes = np.unique(self._query[links[:, 0]] * len(ids) + self._candidate[links[:, 1]])
        self._owner, self._linked = np.divmod(codes, len(ids))
        # Each tile in the order of its ids, so that the places of an id are a run.
        self._order = [
            start + np.argsort(self._candidate[start : start + TILE], kind="stable")
            for start in range(0, len(candidate_ids), TILE)
        ]

    def linked(self, queries: np.ndarray, tile: int) -> tuple[np.ndarray, np.ndarray]:
        """Lists the linked pairs of some queries and the candidates of a tile.

        Args:
            queries: `int64` `(B,)` places.
            tile: The number of the tile.

        Returns:
            Rows in `queries`, and columns in the tile.
        """
        rows, ids = self._of(queries)
        order = self._order[tile]
        held = self._candidate[order]
        low, high = (np.searchsorted(held, ids, side) for side in ("left", "right"))
        count = high - low
        column = np.arange(count.sum()) + np.repeat(low - (np.cumsum(count) - count), count)
        return np.repeat(rows, count), order[column] - tile * TILE

    def _of(self, queries):
        """Rows in `queries` and the ids of their candidates, pair by pair."""
        owner = self._query[queries]
        low, high = (np.searchsorted(self._owner, owner, side) for side in ("left", "right"))
        count = high - low
        place = np.arange(count.sum()) + np.repeat(low - (np.cumsum(count) - count), count)
        return np.repeat(np.arange(len(queries)), count), self._linked[place]


def nearest_unlinked(
    queries: np.ndarray,
    places: np.ndarray,
    candidates: np.ndarray,
    depth: int,
    *,
    distance: str,
    unlinked: Unlinked,
    own: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the most similar unlinked candidates of a block of queries.

    Args:
        queries: `(B, D)` embeddings of the block.
        places: `int64` `(B,)`, the places of these queries.
        candidates: `(N, D)` embeddings, also as a memory map.
        depth: The number of candidates to find, R.
        distance: A key of `SIMILARITIES`.
        unlinked: Tells the linked pairs.
        own: Whether the query of a place is the candidate of the same place, so no candidate.

    Returns:
        Places `int64` `(B, R)` and scores `float64` `(B, R)`, the most similar first, equal scores
        in the order of the places; −1 and −inf where there are no more candidates.

    Raises:
        ValueError: If an embedding is NaN or infinite.
    """
    prepare, size = SIMILARITIES[distance], len(queries)
    queries = np.asarray(queries, np.float32)
    _check_finite("queries", queries, places)
    left = prepare(queries)
    longest = float(np.abs(left).max(initial=0)) * left.shape[1]
    best = np.full((size, depth), -np.inf, np.float32)
    found = np.full((size, depth), -1, np.int64)
    for tile, rows in enumerate(_tiles(candidates)):
        _check_finite("candidates", rows, np.arange(tile * TILE, tile * TILE + len(rows)))
        right = prepare(rows)
        if longest * float(np.abs(right).max(initial=0)) > _LARGEST:
            raise ValueError(
                expected("embeddings whose inner products are within float32", tile=tile)
            )
        scores = left @ right.T
        scores[unlinked.linked(places, tile)] = -np.inf
        if own:
            inside = np.flatnonzero(places // TILE == tile)
            scores[inside, places[inside] - tile * TILE] = -np.inf
        best, found = _merged(best, found, scores, tile * TILE)
    return _in_order(left, candidates, prepare, best, found)


def paired_scores(
    queries: np.ndarray, candidates: np.ndarray, places: np.ndarray, distance: str
) -> np.ndarray:
    """The score of each query with each of its candidates, in float64.

    Args:
        queries: `(B, D)` embeddings.
        candidates: `(N, D)` embeddings.
        places: `int64` `(B, H)`, places of candidates.
        distance: A key of `SIMILARITIES`.

    Returns:
        `float64` `(B, H)`.
    """
    prepare = SIMILARITIES[distance]
    return _products(prepare(np.asarray(queries, np.float32)), candidates, prepare, places)


def _tiles(candidates) -> Iterator[np.ndarray]:
    for start in range(0, len(candidates), TILE):
        yield np.asarray(candidates[start : start + TILE], np.float32)


def _check_finite(side, rows, places):
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(wrong):
        raise ValueError(expected(f"finite embeddings of the {side}", row=int(places[wrong[0]])))


def _merged(best, found, scores, start):
    """Puts the scores of a tile that are among the best in place of the lowest so far."""
    depth, width = best.shape[1], scores.shape[1]
    if width > depth and start == 0:  # Nearly all exceed nothing.
        column = np.argpartition(scores, width - depth, axis=1)[:, width - depth :]
        best = np.take_along_axis(scores, column, axis=1)
        return best, np.where(np.isneginf(best), -1, column)
    flat = np.flatnonzero(scores > best.min(axis=1)[:, None])
    if not len(flat):
        return best, found
    row, column = np.divmod(flat, width)
    count = np.bincount(row, minlength=len(best))
    slot = depth + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    more = ((0, 0), (0, int(count.max())))
    best = np.pad(best, more, constant_values=-np.inf)
    found = np.pad(found, more, constant_values=-1)
    best[row, slot], found[row, slot] = scores[row, column], start + column
    kept = np.argpartition(best, best.shape[1] - depth, axis=1)[:, best.shape[1] - depth :]
    best, found = (np.take_along_axis(x, kept, axis=1) for x in (best, found))
    return best, found


def _in_order(left, candidates, prepare, best, found):
    """Computes the scores anew in float64, so that equal candidates tie, and sorts by them."""
    scores = _products(left, candidates, prepare, np.maximum(found, 0))
    scores[found < 0] = -np.inf
    order = np.lexsort((found, -scores), axis=1)
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _products(left, candidates, prepare, places):
    found = np.empty(places.shape)
    step = max(1, _NUMBERS // max(1, places.shape[1] * left.shape[1]))
    for start in range(0, len(left), step):
        part = slice(start, start + step)
        rows = np.asarray(candidates[places[part].ravel()], np.float32)
        rows = prepare(rows).reshape(*places[part].shape, -1)
        found[part] = np.einsum("bd,bhd->bh", left[part], rows, dtype=np.float64)
    return found
