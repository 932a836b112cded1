"""Distances that are comparable with a threshold, of all pairs of two blocks or pair by pair.

Distances are computed in float64 and returned as float32. Values are comparable between all pairs,
unlike those of ``nearest_order``, which only order the gallery of one query. Two pairs of the same
vectors have the same distance, and equal vectors have distance 0, so a collapsed embedding gives
only ties.
"""

from collections.abc import Callable

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected

# Below this share of ‖x‖² + ‖y‖² a squared distance is rounding of the matrix product, since
# float32 embeddings do not distinguish such vectors.
_NOISE = 1e-13
_DIFFERENCE_VALUES = 2**22
# These are computed in NumPy on several threads, every other distance by its Keras functions.
IN_NUMPY = ("euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan")


def between(distance, left: np.ndarray, right: np.ndarray) -> Callable:
    """Returns a function from two slices to the distances of that block, new float32 (B, M)."""
    distance = distances.get(distance)
    if distance.builtin in ("euclidean", "squared_euclidean"):
        block = _euclidean(left, right, distance.builtin == "squared_euclidean")
    elif distance.builtin == "cosine":
        block = _cosine(left, right)
    elif distance.builtin == "inner_product":
        block = _inner_product(left, right)
    elif distance.builtin == "manhattan":
        block = _manhattan(left, right)
    else:
        block = _users(distance, left, right)

    def checked(rows: slice, columns: slice):
        with np.errstate(over="ignore", invalid="ignore"):
            return check_finite(block(rows, columns))

    return checked


def paired(distance, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns the distances of the i-th rows of both arrays, float32 (P,)."""
    distance = distances.get(distance)
    step = max(1, _DIFFERENCE_VALUES // max(left.shape[1], 1))
    parts = [
        _of_pairs(distance, left[start : start + step], right[start : start + step])
        for start in range(0, len(left), step)
    ]
    return check_finite(np.concatenate(parts) if parts else np.zeros(0, np.float32))


def check_finite(found: np.ndarray) -> np.ndarray:
    """Returns finite distances, and 0.0 for −0.0.

    Raises:
        ValueError: If a distance is NaN or too large for float32.
    """
    if found.size and not (np.isfinite(found.min()) and np.isfinite(found.max())):
        count = int((~np.isfinite(found)).sum())
        raise ValueError(
            expected(
                "a distance that is finite in float32 for every pair", pairs_where_it_is_not=count
            )
        )
    return np.add(found, np.float32(0.0), out=found)


def _of_pairs(distance, x, y):
    if distance.builtin not in IN_NUMPY:
        from keras import ops

        x, y = x.astype(np.float32), y.astype(np.float32)
        found = np.array(ops.convert_to_numpy(distance.paired(x, y)), np.float32)
        return _check_shape(found, (len(x),))
    x, y = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        if distance.builtin == "cosine":
            return _to_cosine(np.einsum("nd,nd->n", _unit(x), _unit(y)))
        if distance.builtin == "inner_product":
            return -np.einsum("nd,nd->n", x, y).astype(np.float32)
        if distance.builtin == "manhattan":
            return np.abs(x - y).sum(axis=1).astype(np.float32)
        scale = _scale(x, y)
        difference = (x - y) * scale
        return _to_euclidean(
            np.einsum("nd,nd->n", difference, difference),
            scale,
            distance.builtin == "squared_euclidean",
        )


def _scale(*arrays):
    """A power of two that scales exactly and keeps squares from overflowing or vanishing."""
    largest = max(float(np.abs(x).max(initial=0)) for x in arrays)
    return 2.0 ** -np.frexp(largest)[1] if largest > 1e15 or 0 < largest < 1e-15 else 1.0


def _to_euclidean(square, scale, squared):
    if squared:
        return (square / scale**2).astype(np.float32)
    # Take the root of the float32, so that blocks and pairs round alike.
    found = square.astype(np.float32)
    np.sqrt(found, out=found)
    return found if scale == 1.0 else (found / scale).astype(np.float32)


def _euclidean(left, right, squared):
    scale = _scale(left, right)
    centre = _round_centre(left, right)
    columns_side = _with_norms(right, scale, centre)
    rows_side = columns_side if left is right else _with_norms(left, scale, centre)
    largest = rows_side[:, -1].max(initial=0) + columns_side[:, -1].max(initial=0)

    def block(rows, columns):
        # The norms are part of the product, which saves three passes over each block.
        part, others = rows_side[rows], columns_side[columns]
        turned = np.concatenate([-2.0 * part[:, :-2], part[:, -1:], part[:, -2:-1]], axis=1)
        square = turned @ others.T
        if square.size and square.min() < _NOISE * largest:
            square[square < _NOISE * (part[:, -1:] + others[:, -1])] = 0.0
        return _to_euclidean(square, scale, squared)

    return block


def _with_norms(x, scale, centre):
    """Returns rows (x, 1, ‖x‖²) in float64, scaled and centred."""
    wide = np.ones((len(x), x.shape[1] + 2))
    vectors = wide[:, :-2]
    vectors[:] = x
    vectors *= scale
    vectors -= centre * scale
    np.einsum("nd,nd->n", vectors, vectors, out=wide[:, -1])
    return wide


def _round_centre(left, right):
    """Returns the mean in multiples of a power of two near the spread: whole numbers stay whole.

    The shift does not change distances, but smaller norms reduce the cancellation in
    ‖x‖² + ‖y‖² − 2x·y."""
    if not (len(left) and len(right)):
        return 0.0
    mean = right.mean(axis=0, dtype=np.float64)
    spread = max(
        float(np.abs(side - mean).max(initial=0))
        for x in (left, right)
        for side in (x.min(axis=0), x.max(axis=0))
    )
    if not np.isfinite(spread):
        return 0.0
    step = 2.0 ** np.frexp(spread)[1] if spread > 0 else 1.0
    return np.round(mean / step) * step


def _cosine(left, right):
    columns_side = _unit(right.astype(np.float64))
    rows_side = columns_side if left is right else _unit(left.astype(np.float64))
    return lambda rows, columns: _to_cosine(rows_side[rows] @ columns_side[columns].T)


def _to_cosine(cosines):
    np.subtract(1.0, cosines, out=cosines)
    # The distance of parallel vectors differs from 0 only by float64 rounding.
    cosines[cosines < _NOISE] = 0.0
    return cosines.astype(np.float32)


def _unit(x):
    scale = np.maximum(np.abs(x).max(axis=1, keepdims=True, initial=0), 1e-300)
    x = np.where(scale > 1e15, x / scale, x)
    return x / np.maximum(np.sqrt((x**2).sum(axis=1, keepdims=True)), distances.NORM_FLOOR)


def _inner_product(left, right):
    left, right = left.astype(np.float64), right.astype(np.float64)
    return lambda rows, columns: -(left[rows] @ right[columns].T).astype(np.float32)


def _manhattan(left, right):
    from scipy.spatial.distance import cdist

    left, right = left.astype(np.float64), right.astype(np.float64)
    return lambda rows, columns: cdist(left[rows], right[columns], "cityblock").astype(np.float32)


def _users(distance, left, right):
    from keras import ops

    left, right = left.astype(np.float32), right.astype(np.float32)

    def block(rows, columns):
        part, others = left[rows], right[columns]
        step = max(1, _DIFFERENCE_VALUES // (part.size or 1))
        found = [
            ops.convert_to_numpy(distance.pairwise(part, others[start : start + step]))
            for start in range(0, len(others), step)
        ]
        if not found:
            return np.zeros((len(part), 0), np.float32)
        found = np.array(np.concatenate(found, axis=1), np.float32)
        return _check_shape(found, (len(part), len(others)))

    return block


def _check_shape(found, shape):
    if found.shape != shape:
        raise ValueError(
            expected(
                f"a distance function that reduces the last axis, here to shape {shape}",
                shape=found.shape,
            )
        )
    return found
