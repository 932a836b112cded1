"""Distances from queries to references, a block of queries at a time, made for counting ties.

Distances are computed in float64 and rounded to float32, so two that agree to float32 precision
are a tie, and the noise of the matrix product, which depends on where in the product a vector
stands, does not decide a ranking. Identical references get the same distance, so they always tie.
"""

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected

_USER_BLOCK_BYTES = 2**26
# A product is rounded while it is still in the processor's cache.
_TILE_BYTES = 2**20


def ordering(distance, queries: np.ndarray, references: np.ndarray):
    """Makes a function that orders the references for a block of queries.

    Args:
        distance: A name, function or :class:`tfmetric.distances.Distance`.
        queries: (Q, D).
        references: (N, D).

    Returns:
        A function from an index array (B,) into the queries to a fresh, finite float32 array
        (B, N). Each row orders the references as the distance does. Its attribute ``threaded``
        says whether it may be called from several threads at once. It raises a ValueError where
        a user's distance is not finite.
    """
    distance = distances.get(distance)
    if distance.builtin in ("euclidean", "squared_euclidean"):
        block = _euclidean(queries, references)
    elif distance.builtin == "cosine":
        block = _cosine(queries, references)
    elif distance.builtin == "inner_product":
        block = _inner_product(queries, references)
    elif distance.builtin == "manhattan":
        block = _manhattan(queries, references)
    else:
        block = _users(distance, queries, references)
    again, first = _repeats(references)

    def ordered(rows):
        found = block(rows)
        if len(again):
            found[:, again] = found[:, first]
        return found

    ordered.threaded = distance.builtin is not None
    return ordered


def _repeats(references):
    """References that are equal to an earlier one, and which one that is."""
    rows = references + 0.0 if references.dtype.kind == "f" else references  # −0.0 becomes 0.0.
    rows = np.ascontiguousarray(rows)
    if rows.shape[1] == 0:
        rows = np.zeros((len(rows), 1), np.float32)
    bytes_of_rows = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
    _, first, inverse = np.unique(bytes_of_rows, return_index=True, return_inverse=True)
    first = first[inverse]
    again = np.flatnonzero(first != np.arange(len(rows)))
    return again, first[again]


def _rescaled(queries, references):
    """Both in float64, times one power of two: exact, and squares cannot overflow float32."""
    largest = max(float(np.abs(x).max(initial=0)) for x in (queries, references))
    scale = 2.0 ** -np.frexp(largest)[1]
    return queries.astype(np.float64) * scale, references.astype(np.float64) * scale


def _product(queries, references, floor=None):
    """Blocks of queries · referencesᵀ, rounded to float32; below ``floor`` all is 0."""

    def block(rows):
        part = queries[rows]
        found = np.empty((len(rows), len(references)), np.float32)
        step = max(256, _TILE_BYTES // (8 * max(len(rows), 1)))
        tile = np.empty((len(rows), step))
        for start in range(0, len(references), step):
            right = references[start : start + step].T
            product = tile[:, : right.shape[1]] if right.shape[1] == step else None
            found[:, start : start + step] = np.matmul(part, right, out=product)
        if floor == 0.0:
            np.maximum(found, 0.0, out=found)
        elif floor is not None:
            found *= found >= np.float32(floor)
        return found

    return block


def _euclidean(queries, references):
    if queries.dtype == references.dtype == np.uint8 and references.shape[1] <= 1024:
        # Sums of up to 1024 products of integers within ±128 are at most 2²⁴: exact in float32,
        # at a third of the time of float64. Distances do not change under the shift.
        queries, references = (x.astype(np.float32) - 128 for x in (queries, references))
        return _integers(queries, references)
    queries, references = _rescaled(queries, references)
    query_norms = np.einsum("nd,nd->n", queries, queries)[:, None]
    reference_norms = np.einsum("nd,nd->n", references, references)[:, None]
    # ‖q‖² + ‖r‖² − 2q·r as one product.
    left = np.concatenate([-2.0 * queries, np.ones_like(query_norms), query_norms], axis=1)
    right = np.concatenate([references, reference_norms, np.ones_like(reference_norms)], axis=1)
    return _product(left, right, floor=0.0)


def _integers(queries, references):
    query_norms = np.einsum("nd,nd->n", queries, queries)[:, None]
    reference_norms = np.einsum("nd,nd->n", references, references)

    def block(rows):
        square = queries[rows] @ references.T
        square *= -2.0
        square += reference_norms
        square += query_norms[rows]
        return square

    return block


def _cosine(queries, references):
    queries, references = (_unit(x.astype(np.float64)) for x in (queries, references))
    left = np.concatenate([-queries, np.ones_like(queries[:, :1])], axis=1)
    right = np.concatenate([references, np.ones_like(references[:, :1])], axis=1)
    # Parallel vectors of different lengths differ from 0 by float64 rounding only.
    return _product(left, right, floor=1e-14)


def _unit(x):
    return x / np.maximum(np.sqrt((x**2).sum(axis=1, keepdims=True)), distances.NORM_FLOOR)


def _inner_product(queries, references):
    queries, references = _rescaled(queries, references)
    return _product(-queries, references)


def _manhattan(queries, references):
    from scipy.spatial.distance import cdist

    queries, references = _rescaled(queries, references)
    return lambda rows: cdist(queries[rows], references, "cityblock").astype(np.float32)


def _users(distance, queries, references):
    from keras import ops

    queries, references = (x.astype(np.float32) for x in (queries, references))

    def block(rows):
        part = queries[rows]
        step = max(1, _USER_BLOCK_BYTES // (4 * part.size or 1))
        found = [
            ops.convert_to_numpy(distance.pairwise(part, references[start : start + step]))
            for start in range(0, len(references), step)
        ]
        found = np.concatenate(found, axis=1).astype(np.float32)
        if not np.isfinite(found).all():
            raise ValueError(
                expected("a distance that is finite for every pair", first_query=int(rows[0]))
            )
        return found

    return block
