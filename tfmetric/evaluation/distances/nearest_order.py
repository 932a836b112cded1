"""Orders a gallery by the distance to each query, a block of queries at a time, for counting ties.

Distances are computed in float64 and rounded to float32. Two distances equal in float32 are a tie,
so the rounding noise of the matrix product, which depends on a vector's position, does not decide a
ranking. Equal gallery examples get equal distances, so they always tie.
"""

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation.distances.approximation import Approximation
from tfmetric.evaluation.distances.converted_rows import ConvertedRows, tiles
from tfmetric.evaluation.distances.pair_distances import IN_NUMPY

_USER_BLOCK_BYTES = 2**26
# A product is rounded while still in the processor's cache.
_TILE_BYTES = 2**20
_PAIRS_BYTES = 2**23


def ordering(distance, queries, gallery, chosen=None, order=None):
    """Makes a function that orders the gallery for a block of queries.

    Args:
        distance: A name, function or :class:`tfmetric.distances.Distance`.
        queries: (Q, D), an array, or a SciPy sparse matrix for the cosine distance.
        gallery: (N, D), of the same type as ``queries``.
        chosen: Indexes of the queries; None for all in their order.
        order: Indexes of the gallery examples; None for all in their order.

    Returns:
        A function from an index array (B,) into the chosen queries to a fresh, finite float32 array
        (B, N). Each row orders the gallery as the distance does. The attribute ``threaded`` says
        whether several threads may call the function at once; ``approximation`` is an
        ``Approximation``, or None where there is none. The function raises a ValueError where a
        user's distance is not finite.
    """
    distance = distances.get(distance)
    chosen = np.arange(queries.shape[0]) if chosen is None else chosen
    order = np.arange(gallery.shape[0]) if order is None else order
    if not isinstance(gallery, np.ndarray):
        return _sparse(distance, queries[chosen], gallery[order])
    sides = (queries, chosen), (gallery, order)
    if distance.builtin in ("euclidean", "squared_euclidean"):
        block = _euclidean(*sides)
    elif distance.builtin == "cosine":
        block = _cosine(*sides)
    elif distance.builtin == "inner_product":
        block = _inner_product(*sides)
    elif distance.builtin == "manhattan":
        block = _manhattan(*sides)
    else:
        block = _users(distance, *sides)
    again, first = _repeats(gallery, order)

    def ordered(rows):
        found = block(rows)
        if len(again):
            found[:, again] = found[:, first]
        return found

    ordered.threaded = distance.builtin in IN_NUMPY
    ordered.approximation = None
    if isinstance(block, _Product) and gallery.shape[1] < 2**16:
        same = np.arange(len(order))
        same[again] = first
        ordered.approximation = block.approximation(same)
    return ordered


def _repeats(gallery, order):
    """Positions of gallery examples equal to an earlier example, and the earlier positions."""
    step = 1024
    hashes = np.empty(len(order), np.int64)
    for start in range(0, len(order), step):
        rows = _comparable(gallery[order[start : start + step]])
        hashes[start : start + len(rows)] = [hash(row.tobytes()) for row in rows]
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    first = first[inverse]
    again = np.flatnonzero(first != np.arange(len(order)))
    first = first[again]
    same = np.ones(len(again), bool)
    for start in range(0, len(again), step):  # Rows may differ despite equal hashes.
        part = slice(start, start + step)
        same[part] = (gallery[order[again[part]]] == gallery[order[first[part]]]).all(axis=1)
    return again[same], first[same]


def _comparable(rows):
    return rows + 0.0 if rows.dtype.kind == "f" else rows  # Turns −0.0 into 0.0.


def _scale(queries, gallery):
    """Returns a power of two that scales exactly and prevents squares from overflowing."""
    ends = [float(end(initial=0)) for x in (queries, gallery) for end in (x.max, x.min)]
    return 2.0 ** -np.frexp(max(map(abs, ends)))[1]


class _Product:
    """Computes blocks of left · rightᵀ, rounded to float32; values below ``floor`` become 0.

    Both sides are arrays or ConvertedRows in float64. The first ``width`` columns are vectors.
    Further columns add a number for each gallery example and for each query.

    Args:
        left: Function of a dtype and a number of further columns that returns the rows of the
            queries.
        right: The same for the gallery.
        width: The width of the vectors.
        columns: The further columns of both sides: pairs of a number or an array (Q,), and of a
            number or an array (N,).
        floor: Values below become 0; None for no floor.
    """

    def __init__(self, left, right, width, columns=(), floor=None):
        self._sides, self._width, self._columns, self._floor = (left, right), width, columns, floor
        self._left, self._right = (side(np.float64, len(columns)).held() for side in self._sides)

    def __call__(self, rows):
        part, count = self._left[rows], len(self._right)
        found = np.empty((len(rows), count), np.float32)
        step = max(256, _TILE_BYTES // (8 * max(len(rows), 1)))
        whole = np.empty((len(rows), step))
        for start, some in tiles(self._right, step):
            tile = whole if len(some) == step else None
            found[:, start : start + len(some)] = np.matmul(part, some.T, out=tile)
        return self._floored(found)

    def _floored(self, found):
        if self._floor == 0.0:
            np.maximum(found, 0.0, out=found)
        elif self._floor is not None:
            found *= found >= np.float32(self._floor)
        return found

    def approximation(self, same):
        """Float32 product; ``same`` is the first equal example of each gallery example."""
        left, right, width = self._left, self._right, self._width

        def exact(rows, columns):
            found = np.empty(len(rows), np.float32)
            step = max(1, _PAIRS_BYTES // (8 * (width + len(self._columns))))
            for start in range(0, len(rows), step):  # Identical embeddings make many pairs.
                part = slice(start, start + step)
                pairs = left[rows[part]], right[same[columns[part]]]
                found[part] = np.einsum("nd,nd->n", *pairs)
            return self._floored(found)

        # A constant added to a row does not change its order, so the last of two is left out.
        kept = 1 if len(self._columns) > 1 else 0
        terms = width + kept
        added = 0.0
        for of_queries, of_gallery in self._columns:
            added = added + np.abs(of_queries) * np.abs(of_gallery).max(initial=0)
        norms, others = (np.sqrt(side(np.float64, 0).squares()) for side in self._sides)
        # Each factor is rounded once, each product and sum once, and so is the score: section 3.1
        # of Higham, Accuracy and Stability of Numerical Algorithms, with the norms for the sum of
        # the absolute products. The last term covers values too small for float32.
        size = norms * others.max(initial=0) + added
        error = 1.01 * 2.0**-24 * (terms + 4) * size + 2.0**-100 * terms
        return Approximation(*(side(np.float32, kept).held() for side in self._sides), error, exact)


def _side(source, order, columns, **conversion):
    """Returns a function of a dtype and a number of further columns that converts rows."""
    return lambda dtype, kept: ConvertedRows(
        source, order, dtype, columns=columns[:kept], **conversion
    )


def _euclidean(queries, gallery):
    (left, chosen), (right, order) = queries, gallery
    if left.dtype == right.dtype == np.uint8 and right.shape[1] <= 1024:
        return _integers(queries, gallery)
    # Computes ‖q‖² + ‖r‖² − 2q·r as one product.
    scale = _scale(left, right)
    own, others = (ConvertedRows(*side, np.float64, scale).squares() for side in (queries, gallery))
    one = np.ones(1)
    return _Product(
        _side(left, chosen, (1.0, own), factor=-2.0 * scale),
        _side(right, order, (others, 1.0), factor=scale),
        left.shape[1],
        columns=((one, others), (own, one)),
        floor=0.0,
    )


def _integers(queries, gallery):
    """Computes squared distances of bytes.

    Sums of up to 1024 products of integers within ±128 are at most 2²⁴, so float32 is exact and
    takes a third of the time of float64. The shift does not change distances.
    """
    left, right = (ConvertedRows(*side, np.float32, shift=-128.0) for side in (queries, gallery))
    query_norms, gallery_norms = (x.squares().astype(np.float32) for x in (left, right))
    left, right = left.held(), right.held()

    def block(rows):
        part = left[rows]
        square = np.empty((len(rows), len(right)), np.float32)
        for start, some in tiles(right, len(right)):
            np.matmul(part, some.T, out=square[:, start : start + len(some)])
        square *= -2.0
        square += gallery_norms
        square += query_norms[rows][:, None]
        return square

    return block


def _cosine(queries, gallery):
    norms = (np.sqrt(ConvertedRows(*side, np.float64).squares()) for side in (queries, gallery))
    own, others = (np.maximum(norm, distances.NORM_FLOOR) for norm in norms)
    one = np.ones(1)
    return _Product(
        _side(*queries, (1.0,), factor=-1.0, divisor=own),
        _side(*gallery, (1.0,), divisor=others),
        queries[0].shape[1],
        columns=((one, one),),
        # The distance of parallel vectors differs from 0 only by float64 rounding.
        floor=1e-14,
    )


def _inner_product(queries, gallery):
    scale = _scale(queries[0], gallery[0])
    return _Product(
        _side(*queries, (), factor=-scale), _side(*gallery, (), factor=scale), queries[0].shape[1]
    )


def _manhattan(queries, gallery):
    from scipy.spatial.distance import cdist

    scale = _scale(queries[0], gallery[0])
    left, right = (ConvertedRows(*side, np.float64, scale).held() for side in (queries, gallery))

    def block(rows):
        part = left[rows]
        found = [cdist(part, some, "cityblock") for _, some in tiles(right, max(1, len(right)))]
        return np.concatenate(found or [np.zeros((len(rows), 0))], axis=1).astype(np.float32)

    return block


def _users(distance, queries, gallery):
    from keras import ops

    left, right = (ConvertedRows(*side, np.float32).held() for side in (queries, gallery))

    def block(rows):
        part = left[rows]
        step = max(1, _USER_BLOCK_BYTES // (4 * part.size or 1))
        found = [
            ops.convert_to_numpy(distance.pairwise(part, some)) for _, some in tiles(right, step)
        ]
        found = np.concatenate(found, axis=1).astype(np.float32)
        if not np.isfinite(found).all():
            raise ValueError(
                expected("a distance that is finite for every pair", first_query=int(rows[0]))
            )
        return found

    return block


def _sparse(distance, queries, gallery):
    if distance.builtin != "cosine":
        raise ValueError(expected("the cosine distance of sparse rows", distance=distance.name))
    from sklearn.preprocessing import normalize

    left, right = (normalize(x.astype(np.float64)).tocsr() for x in (queries, gallery))
    right = right.T.tocsc()

    def ordered(rows):
        found = (1.0 - (left[rows] @ right).toarray()).astype(np.float32)
        found[found < 1e-14] = 0.0
        return found

    ordered.threaded, ordered.approximation = True, None
    return ordered
