"""Exact neighbours by matrix products: a float32 product finds candidates, float64 decides.

The error of the product has a known bound, which leaves a few more candidates than requested. Their
distances are computed in float64 by direct difference, rounded to float32, and sorted; ties keep
the order of addition. So other queries of the call do not change the answer. If float32 leaves too
many candidates, as in a collapsed embedding, the product is computed in float64, centred on a
vector of the index.
"""

import numpy as np

from tfmetric.search.scan import scan
from tfmetric.search.vectors import Vectors, floored

DISTANCES = ("cosine", "euclidean", "inner_product", "squared_euclidean")
_MOST_BEYOND = 1024
_FEW = 4  # Up to this many queries, dot products are faster than a matrix product.
_PAIR_VALUES = 2**20
_LARGEST = 1e15  # Squares of larger values may overflow float32.


def nearest(queries: np.ndarray, vectors: Vectors, distance: str, k: int):
    """Finds the k nearest vectors of each query.

    Args:
        queries: (B, D), float32.
        vectors: Of the index, with norms.
        distance: One of ``DISTANCES``.
        k: 1 to N.

    Returns:
        Places (B, k), int64, and distances (B, k), float32.
    """
    norms = np.sqrt(np.einsum("nd,nd->n", queries, queries, dtype=np.float64))
    largest = float(max(vectors.largest, norms.max(initial=0)))
    places = np.empty((len(queries), k), np.int64)
    found = np.empty((len(queries), k), np.float32)
    left = np.arange(len(queries))
    for product in (_single, _double):
        if product is _single and largest > _LARGEST:
            continue
        tile, allowance = product(queries[left], norms[left], vectors, distance, k)
        most = 2 * k + _MOST_BEYOND if product is _single else None
        triples, crowded = scan(tile, len(left), len(vectors), k, allowance, most)
        row, column, _ = triples
        places_here, found_here = among(
            queries[left], norms[left], vectors, distance, k, row, column, ~crowded
        )
        done = left[~crowded]
        places[done], found[done] = places_here, found_here
        left = left[crowded]
        if not len(left):
            break
    return places, found


def among(queries, norms, vectors, distance, k, row, column, counted):
    """Finds the k nearest among candidates, by distances computed pair by pair.

    Args:
        queries: (B, D).
        norms: (B,), their lengths.
        vectors: Of the index.
        distance: As for :func:`nearest`.
        k: At most the candidates of a query.
        row: (P,), queries of the candidates, in order.
        column: (P,), places of the candidates.
        counted: (B,), which queries have candidates.

    Returns:
        Places and distances, (queries that have candidates, k).
    """
    exact = np.empty(len(row), np.float32)
    step = max(1, _PAIR_VALUES // max(queries.shape[1], 1))
    for start in range(0, len(row), step):
        pairs = slice(start, start + step)
        some, others = row[pairs], column[pairs]
        left, right = queries[some].astype(np.float64), vectors.read(others).astype(np.float64)
        with np.errstate(over="ignore"):  # A squared distance may exceed float32.
            exact[pairs] = _paired(left, right, norms[some], vectors.norms[others], distance)
    order = np.lexsort((column, exact, row))
    counts = np.bincount(row, minlength=len(queries))[counted]
    first = (np.cumsum(counts) - counts)[:, None] + np.arange(k)
    chosen = order[first]
    return column[chosen], exact[chosen]


def _paired(left, right, left_norms, right_norms, distance):
    if distance == "inner_product":
        return 0.0 - np.einsum("nd,nd->n", left, right)
    if distance == "cosine":
        product = np.einsum("nd,nd->n", left, right)
        found = 1.0 - product / (floored(left_norms) * floored(right_norms))
        return found * (found >= 1e-14)  # Parallel vectors: only rounding.
    difference = left - right
    square = np.einsum("nd,nd->n", difference, difference)
    return np.sqrt(square) if distance == "euclidean" else square


def _single(queries, norms, vectors, distance, k):
    """Tiles of the float32 product, minus a constant for each row, and their error bound."""
    left, base, size = -queries, np.zeros(len(queries)), norms * vectors.largest
    scale = shift = None
    if distance == "cosine":
        left = -(queries / floored(norms)[:, None]).astype(np.float32)
        scale = vectors.inverses
        base, size = base + 1, base + 1
    elif distance != "inner_product":
        left = np.float32(-2) * queries
        shift = vectors.squares
        base, size = norms**2, (norms + vectors.largest) ** 2

    buffer = np.empty((0, 0), np.float32)

    def tile(where):
        nonlocal buffer
        right = vectors.read(where)
        if buffer.shape != (len(left), len(right)):
            buffer = np.empty((len(left), len(right)), np.float32)
        product = buffer
        if len(left) > _FEW:
            np.matmul(left, right.T, out=product)
        else:
            for own, row in zip(left, product, strict=True):
                np.vecdot(right, own, out=row)
        if scale is not None:
            product *= scale[where]
        if shift is not None:
            product += shift[where]
        return product

    # Section 3.1 of Higham, Accuracy and Stability of Numerical Algorithms: each product and sum is
    # rounded once. The last term covers values too small for float32.
    width = queries.shape[1]
    error = 1.01 * 2.0**-24 * (width + 8) * size + 2.0**-100 * width
    return tile, _allowance(error, base)


def _double(queries, norms, vectors, distance, k):
    """Returns the same in float64, centred on a vector of the index."""
    queries = queries.astype(np.float64)
    duplicate = vectors.copies >= k  # k equal vectors come before it, so it is never found.
    centre = np.zeros(queries.shape[1])
    if distance in ("euclidean", "squared_euclidean"):
        centre = vectors.read(np.argsort(vectors.norms)[len(vectors) // 2]).astype(np.float64)
    left = queries - centre
    lengths = np.sqrt(np.einsum("nd,nd->n", left, left))
    if distance == "cosine":
        left /= floored(norms)[:, None]

    def tile(where):
        right = vectors.read(where).astype(np.float64) - centre
        if distance == "cosine":
            product = -left @ (right / floored(vectors.norms[where])[:, None]).T
        elif distance == "inner_product":
            product = -left @ right.T
        else:
            product = -2 * left @ right.T
            product += np.einsum("nd,nd->n", right, right)
        product[:, duplicate[where]] = np.nan
        return product

    width = queries.shape[1]
    if distance == "cosine":
        base, size = np.ones(len(queries)), np.ones(len(queries))
    elif distance == "inner_product":
        base, size = np.zeros(len(queries)), norms * vectors.largest
    else:
        reach = max(
            float(np.abs(vectors.read(slice(start, start + 4096)) - centre).max(initial=0))
            for start in range(0, len(vectors), 4096)
        )
        base, size = lengths**2, (lengths + reach * width**0.5) ** 2
    # Values that float32 rounds to 0 are ties; under a root the bound is squared.
    tiniest = 1e-88 if distance == "euclidean" else 2.0**-148
    return tile, _allowance(1.01 * 2.0**-53 * (width + 8) * size + tiniest, base)


def _allowance(error, base):
    """Returns two errors plus the largest difference of distances equal in float32."""

    def allowance(kth, rows=slice(None)):
        return 2 * error[rows] + 2.0**-22 * np.abs(kth + base[rows])

    return allowance
