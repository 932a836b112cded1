"""Distances from queries to references, a block of queries at a time, made for counting ties.

Distances are computed in float64 and rounded to float32, so two that agree to float32 precision
are a tie, and the noise of the matrix product, which depends on where in the product a vector
stands, does not decide a ranking. Identical references get the same distance, so they always tie.
"""

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation.distances.approximation import Approximation
from tfmetric.evaluation.distances.pair_distances import IN_NUMPY

_USER_BLOCK_BYTES = 2**26
# A product is rounded while it is still in the processor's cache.
_TILE_BYTES = 2**20
_PAIRS_BYTES = 2**23


def ordering(distance, queries: np.ndarray, references: np.ndarray):
    """Makes a function that orders the references for a block of queries.

    Args:
        distance: A name, function or :class:`tfmetric.distances.Distance`.
        queries: (Q, D).
        references: (N, D).

    Returns:
        A function from an index array (B,) into the queries to a fresh, finite float32 array
        (B, N). Each row orders the references as the distance does. Its attribute ``threaded``
        says whether it may be called from several threads at once; ``approximation`` is an
        ``Approximation``, or None where there is none. It raises a ValueError where a user's
        distance is not finite.
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

    ordered.threaded = distance.builtin in IN_NUMPY
    ordered.approximation = None
    if isinstance(block, _Product) and references.shape[1] < 2**16:
        same = np.arange(len(references))
        same[again] = first
        ordered.approximation = block.approximation(same)
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


def _scale(queries, references):
    """A power of two, by which numbers are multiplied exactly; squares then do not overflow."""
    largest = max(float(np.abs(x).max(initial=0)) for x in (queries, references))
    return 2.0 ** -np.frexp(largest)[1]


def _rescaled(queries, references):
    scale = _scale(queries, references)
    return queries.astype(np.float64) * scale, references.astype(np.float64) * scale


class _Product:
    """Blocks of left · rightᵀ, rounded to float32; below ``floor`` all is 0.

    The first ``width`` columns are vectors; what is beyond adds a number for each reference and
    one for each query, if both are there, or one for each query.
    """

    def __init__(self, left, right, width, floor=None):
        self._left, self._right, self._width, self._floor = left, right, width, floor

    def __call__(self, rows):
        part, right = self._left[rows], self._right
        found = np.empty((len(rows), len(right)), np.float32)
        step = max(256, _TILE_BYTES // (8 * max(len(rows), 1)))
        tile = np.empty((len(rows), step))
        for start in range(0, len(right), step):
            some = right[start : start + step].T
            product = tile[:, : some.shape[1]] if some.shape[1] == step else None
            found[:, start : start + step] = np.matmul(part, some, out=product)
        return self._floored(found)

    def _floored(self, found):
        if self._floor == 0.0:
            np.maximum(found, 0.0, out=found)
        elif self._floor is not None:
            found *= found >= np.float32(self._floor)
        return found

    def approximation(self, same):
        """The product in float32; ``same`` is for each reference the first that is equal."""
        left, right, width = self._left, self._right, self._width

        def exact(rows, columns):
            found, step = (
                np.empty(len(rows), np.float32),
                max(1, _PAIRS_BYTES // (8 * left.shape[1])),
            )
            for start in range(0, len(rows), step):  # Of embeddings all alike there are many pairs.
                part = slice(start, start + step)
                pairs = left[rows[part]], right[same[columns[part]]]
                found[part] = np.einsum("nd,nd->n", *pairs)
            return self._floored(found)

        # What is added to a row as a whole does not change its order.
        terms = width + 1 if left.shape[1] > width + 1 else width
        added = np.abs(left[:, width:]) @ np.abs(right[:, width:]).max(axis=0, initial=0)
        norms, others = (np.sqrt(_squares(x[:, :width])) for x in (left, right))
        # Each factor is rounded once, each product and sum once, and so is the score: section 3.1
        # of Higham, Accuracy and Stability of Numerical Algorithms, with the norms for the sum of
        # the absolute products. The last term is for what is too small for float32.
        size = norms * others.max(initial=0) + added
        error = 1.01 * 2.0**-24 * (terms + 4) * size + 2.0**-100 * terms
        parts = (np.ascontiguousarray(x[:, :terms], np.float32) for x in (left, right))
        return Approximation(*parts, error, exact)


def _squares(x):
    return np.einsum("nd,nd->n", x, x)


def _euclidean(queries, references):
    if queries.dtype == references.dtype == np.uint8 and references.shape[1] <= 1024:
        # Sums of up to 1024 products of integers within ±128 are at most 2²⁴: exact in float32,
        # at a third of the time of float64. Distances do not change under the shift.
        queries, references = (x.astype(np.float32) - 128 for x in (queries, references))
        return _integers(queries, references)
    # ‖q‖² + ‖r‖² − 2q·r as one product.
    width = queries.shape[1]
    left, right = (np.ones((len(x), width + 2)) for x in (queries, references))
    scale = _scale(queries, references)
    np.multiply(queries, scale, out=left[:, :width], dtype=np.float64)
    np.multiply(references, scale, out=right[:, :width], dtype=np.float64)
    left[:, -1], right[:, -2] = (_squares(x[:, :width]) for x in (left, right))
    left[:, :width] *= -2.0
    return _Product(left, right, width, floor=0.0)


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
    return _Product(left, right, queries.shape[1], floor=1e-14)


def _unit(x):
    return x / np.maximum(np.sqrt((x**2).sum(axis=1, keepdims=True)), distances.NORM_FLOOR)


def _inner_product(queries, references):
    queries, references = _rescaled(queries, references)
    return _Product(-queries, references, queries.shape[1])


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
