"""Finds neighbors under distances that are not matrix products, and by differing bits."""

import numpy as np

from tfmetric._errors import expected
from tfmetric.search.scan import scan

_VALUES = 2**22


def nearest(queries, vectors, distance, k: int):
    """Finds the k nearest by a :class:`tfmetric.distances.Distance`; ties keep the added order.

    Returns:
        Places (B, k), int64, and distances (B, k), float32.

    Raises:
        ValueError: If a distance is not finite.
    """
    if distance.builtin == "manhattan":
        from scipy.spatial.distance import cdist

        wide = queries.astype(np.float64)

        def tile(where):
            with np.errstate(over="ignore"):
                return cdist(wide, vectors.read(where), "cityblock").astype(np.float32)
    else:
        tile = _of_function(queries, vectors, distance)
    _, column, value = scan(tile, len(queries), len(vectors), k)[0]
    return _table(column, value, len(queries), k)


def _of_function(queries, vectors, distance):
    from keras import ops

    def tile(where):
        right = vectors.read(where)
        step = max(1, _VALUES // max(queries.size, 1))
        found = [
            ops.convert_to_numpy(distance.pairwise(queries, right[start : start + step]))
            for start in range(0, len(right), step)
        ]
        found = np.concatenate(found, axis=1).astype(np.float32)
        if not np.isfinite(found).all():
            raise ValueError(
                expected("a distance that is finite for every pair", distance=distance.name)
            )
        return found

    return tile


def nearest_by_bits(words, others, k: int):
    """Finds the k with the fewest differing bits; ties keep the order of addition.

    Args:
        words: (B, W), uint64.
        others: (N, W), uint64.
        k: 1 to N.

    Returns:
        Places (B, k), int64, and numbers of bits (B, k).
    """
    narrow = words.shape[1] * 64 < 2**15
    columns = np.ascontiguousarray(others.T)

    def tile(where):
        count = None
        for own, other in zip(words.T, columns, strict=True):
            bits = np.bitwise_count(own[:, None] ^ other[where])
            if count is None:
                count = bits.astype(np.int16 if narrow else np.int32)
            else:
                count += bits
        return count

    _, column, value = scan(tile, len(words), len(others), k)[0]
    return column.reshape(-1, k), value.reshape(-1, k)


def _table(column, value, rows, k):
    # Exact values are cut to k for each row while searching.
    return column.reshape(rows, k), value.reshape(rows, k).astype(np.float32)
