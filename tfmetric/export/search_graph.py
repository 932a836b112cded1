"""The gallery search of a SavedModel, in plain TensorFlow ops.

The search has two steps. A scan scores the gallery in chunks, by a matrix product or by differing
bits, and keeps a few more candidates than requested. Then the candidates are sorted by distances
from direct differences, ties by their place in the gallery. So the order does not depend on the
rounding of the matrix product, which changes with the number of queries in a request.
"""

import numpy as np

from tfmetric import distances
from tfmetric.export.gallery_storage import SQUARES, scores, vectors

_SLACK = 32
# Bits give only an approximate order, so this many times more candidates are kept.
_BINARY_FACTOR = 8
_LANE = 256
_SCORES_PER_CHUNK = 2**22
_VALUES_PER_CHUNK = 2**24
_GALLERY_PER_CHUNK = 2**22
_FAR = np.float32(np.inf)


def search(queries, k, parts, count: int, distance):
    """Finds the k nearest of the gallery.

    Args:
        queries: (B, D) float32 tensor.
        k: int32 scalar tensor, 1 to ``count``.
        parts: From :func:`tfmetric.export.gallery_storage.prepare`, as tensors.
        count: N, the size of the gallery without its padding.
        distance: As there.

    Returns:
        Indexes into the gallery (B, k), int32, and distances (B, k), float32, nearest first.
    """
    import tensorflow as tf

    # Read variables once and gather from tensors, because each gather from a variable copies it
    # whole.
    parts = {name: tf.convert_to_tensor(part) for name, part in parts.items()}
    queries = queries - parts["centre"]
    if distance.builtin == "cosine":
        queries = distances.l2_normalize(queries)
    binary = parts["gallery"].dtype == tf.int64
    wanted = tf.minimum(tf.minimum(k, count // 8 + 1) * _BINARY_FACTOR if binary else k, count)
    wanted = tf.minimum(tf.maximum(wanted, k) + _SLACK, count)
    candidates = _scan(queries, wanted, parts, count, distance)
    # Sort by place first, so that a stable sort by distance breaks ties by place.
    candidates = -tf.math.top_k(-candidates, k=wanted).values
    exact = _exact(queries, vectors(parts, candidates), distance)
    nearest = tf.math.top_k(-exact, k=k)  # Ties keep the first value first.
    return tf.gather(candidates, nearest.indices, batch_dims=1), -nearest.values


def _exact(queries, found, distance):
    """Computes distances (B, K) from (B, D) to (B, K, D)."""
    import tensorflow as tf

    if distance.builtin == "cosine":  # Both are unit vectors here.
        return 1.0 - tf.reduce_sum(queries[:, None, :] * found, axis=-1)
    return distance.paired(queries[:, None, :], found)


def _scan(queries, wanted, parts, count, distance):
    """Returns indexes (B, wanted) of the candidates."""
    import tensorflow as tf

    batch = tf.shape(queries)[0]
    total = parts["gallery"].shape[0]
    binary = parts["gallery"].dtype == tf.int64
    product = distance.builtin in (*SQUARES, "cosine", "inner_product")
    per_query, budget = 1, _SCORES_PER_CHUNK
    if not (product or binary):
        per_query, budget = queries.shape[-1], _VALUES_PER_CHUNK
    # Never decode the whole gallery at once, which would undo the saving of memory.
    most = max(_GALLERY_PER_CHUNK // (queries.shape[-1] * _LANE), 1)
    lanes = tf.clip_by_value(budget // (tf.maximum(batch, 1) * per_query * _LANE), 1, most)
    size = tf.minimum(lanes * _LANE, total)

    def step(start, best, where):
        end = tf.minimum(start + size, total)
        found = scores(queries, parts, start, end, distance, product)
        if binary:  # Padding has valid bits, so mask it here.
            found = tf.where(tf.range(start, end) < count, found, _FAR)
        top = tf.math.top_k(-found, k=tf.minimum(wanted, end - start))
        # The running best comes first, because top_k keeps the lower index at a tie.
        best = tf.math.top_k(tf.concat([best, top.values], axis=1), k=wanted)
        where = tf.concat([where, start + top.indices], axis=1)
        return end, best.values, tf.gather(where, best.indices, batch_dims=1)

    _, _, where = tf.while_loop(
        lambda start, best, where: start < total,
        step,
        (0, tf.fill((batch, wanted), -_FAR), tf.zeros((batch, wanted), tf.int32)),
        shape_invariants=(
            tf.TensorShape(()),
            tf.TensorShape((None, None)),
            tf.TensorShape((None, None)),
        ),
        parallel_iterations=1,
    )
    return where
