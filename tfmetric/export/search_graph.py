"""The gallery search of a SavedModel, in plain TensorFlow ops.

Two steps. A scan goes through the gallery in chunks, scores each by one matrix product and keeps
the best candidates, a few more than asked for. Then the distances of the candidates are computed
by direct difference, and by them, and at a tie by their place in the gallery, they are sorted.
So the order does not depend on the rounding of the matrix product, which changes with the number
of queries in a request.
"""

import numpy as np

from tfmetric import distances

_SLACK = 32
_LANE = 256
_SCORES_PER_CHUNK = 2**22
_VALUES_PER_CHUNK = 2**24
_FAR = np.float32(np.inf)


def prepare(embeddings: np.ndarray, distance) -> dict[str, np.ndarray]:
    """What the search keeps of the gallery.

    Args:
        embeddings: (N, D), float32.
        distance: The :class:`tfmetric.distances.Distance` of the search.

    Returns:
        ``gallery``: (M, D), the vectors as they are compared, padded with zeros to a multiple of
        256, so that each goes through the same code of the matrix product. ``penalty``: (M,), the
        term of each one's score that is apart from the query, infinite for the padding.
        ``centre``: (1, D), what is taken off the queries first.
    """
    count, width = embeddings.shape
    centre = np.zeros((1, width), np.float32)
    gallery = embeddings
    if distance.builtin in ("euclidean", "squared_euclidean"):
        # Around its centre the cancellation in ‖g‖² − 2q·g is as small as it can be.
        centre = embeddings.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        gallery = embeddings - centre
        penalty = np.einsum("nd,nd->n", gallery, gallery)
    else:
        if distance.builtin == "cosine":
            gallery = np.asarray(distances.l2_normalize(embeddings))
        penalty = np.zeros(count, np.float32)
    padding = -count % _LANE
    return {
        "gallery": np.pad(gallery, ((0, padding), (0, 0))),
        "penalty": np.pad(penalty, (0, padding), constant_values=_FAR),
        "centre": centre,
    }


def search(queries, k, gallery, penalty, centre, count: int, distance):
    """The k nearest of the gallery.

    Args:
        queries: (B, D) float32 tensor.
        k: int32 scalar tensor, 1 to ``count``.
        gallery: From :func:`prepare`, as tensors.
        penalty: From :func:`prepare`.
        centre: From :func:`prepare`.
        count: N, the size of the gallery without its padding.
        distance: As in :func:`prepare`.

    Returns:
        Indexes into the gallery (B, k), int32, and distances (B, k), float32, nearest first.
    """
    import tensorflow as tf

    queries = queries - centre
    if distance.builtin == "cosine":
        queries = distances.l2_normalize(queries)
    wanted = tf.minimum(k + _SLACK, count)
    candidates = _scan(queries, wanted, gallery, penalty, distance)
    # In the order of the gallery, so that a stable sort by distance breaks ties by it.
    candidates = -tf.math.top_k(-candidates, k=wanted).values
    exact = _exact(queries, tf.gather(gallery, candidates), distance)
    nearest = tf.math.top_k(-exact, k=k)  # At equal values the first stands first.
    return tf.gather(candidates, nearest.indices, batch_dims=1), -nearest.values


def _exact(queries, vectors, distance):
    """Distances (B, K) from (B, D) to (B, K, D)."""
    import tensorflow as tf

    if distance.builtin == "cosine":  # Both are unit vectors by now.
        return 1.0 - tf.reduce_sum(queries[:, None, :] * vectors, axis=-1)
    return distance.paired(queries[:, None, :], vectors)


def _scan(queries, wanted, gallery, penalty, distance):
    """Indexes (B, wanted) of the candidates."""
    import tensorflow as tf

    batch = tf.shape(queries)[0]
    total, width = gallery.shape
    product = distance.builtin in ("euclidean", "squared_euclidean", "cosine", "inner_product")
    per_query, budget = (1, _SCORES_PER_CHUNK) if product else (width, _VALUES_PER_CHUNK)
    lanes = tf.maximum(budget // (tf.maximum(batch, 1) * per_query * _LANE), 1)
    size = tf.minimum(lanes * _LANE, total)
    factor = 2.0 if distance.builtin in ("euclidean", "squared_euclidean") else 1.0

    def scores(start, end):
        part = gallery[start:end]
        if product:
            return penalty[start:end] - factor * tf.matmul(queries, part, transpose_b=True)
        return penalty[start:end] + distance.pairwise(queries, part)

    def step(start, best, where):
        end = tf.minimum(start + size, total)
        top = tf.math.top_k(-scores(start, end), k=tf.minimum(wanted, end - start))
        # The running best stands first: at a tie top_k keeps the lower index.
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
