"""Measures the recall of a gallery stored in fewer bits."""

from typing import Any

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.export import gallery_storage, search_graph
from tfmetric.typing import Array, Distance


def storage_recall(
    embeddings: Array,
    storage: str,
    distance: Distance = "euclidean",
    k: int = 10,
    queries: Any = None,
    sample: int = 200,
    seed: int = 0,
) -> dict:
    """Compares a smaller gallery with the exact gallery.

    ``export.save(gallery_storage=...)`` calls this and writes the result to the metadata.

    Args:
        embeddings: (N, D), the gallery.
        storage: ``"float32"``, ``"int8"`` or ``"binary"``.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        k: Number of compared neighbors, fewer for a smaller gallery.
        queries: (Q, D); None for a sample of the gallery, where each query excludes itself.
        sample: How many of the gallery are asked for.
        seed: Of the sample.

    Returns:
        A dictionary: ``storage``; ``recall``, the share of the k exact neighbors among the k found,
        ties counting as found; ``k``; ``queries``, their number; ``bytes`` of the stored gallery;
        ``float32_bytes`` of the exact gallery.

    Raises:
        ValueError: If there are fewer than two embeddings, or an argument does not fit.

    Example:

    >>> import numpy as np
    >>> gallery = np.random.default_rng(0).normal(size=(300, 16)).astype("float32")
    >>> found = storage_recall(gallery, "int8")
    >>> found["recall"] > 0.9, found["bytes"] < found["float32_bytes"] / 2
    (True, True)
    """
    import tensorflow as tf

    gallery_storage.check(storage)
    distance = distances.get(distance)
    embeddings = check_embeddings(embeddings, "embeddings").astype(np.float32)
    if len(embeddings) < 2:
        raise ValueError(expected("two embeddings or more", embeddings_shape=embeddings.shape))
    if not (isinstance(k, (int, np.integer)) and k > 0):
        raise ValueError(expected("k to be an integer above 0", k=k))
    own = None
    if queries is None:
        rng = np.random.default_rng(seed)
        own = np.sort(rng.choice(len(embeddings), min(sample, len(embeddings)), replace=False))
        queries = embeddings[own]
    queries = check_embeddings(queries, "queries").astype(np.float32)
    k = min(int(k), len(embeddings) - (own is not None))
    found, sizes = {}, {}
    for name in {"float32": None, storage: None}:
        parts = gallery_storage.prepare(embeddings, distance, name)
        sizes[name] = sum(array.nbytes for array in parts.values())
        parts = {part: tf.constant(array) for part, array in parts.items()}
        wanted = tf.constant(min(k + 1, len(embeddings)))
        found[name], _ = search_graph.search(queries, wanted, parts, len(embeddings), distance)
    exact, near = (_without(found[name].numpy(), own, k) for name in ("float32", storage))
    far = _distances(queries, embeddings[exact[:, -1:]], distance)
    right = _distances(queries, embeddings[near], distance) <= far
    return {
        "storage": storage,
        "recall": float(right.mean()),
        "k": k,
        "queries": len(queries),
        "bytes": sizes[storage],
        "float32_bytes": sizes["float32"],
    }


def _without(found, own, k):
    if own is None:
        return found[:, :k]
    # The query itself is sorted to the end and dropped.
    order = np.argsort(found == own[:, None], axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)[:, :k]


def _distances(queries, vectors, distance):
    return np.asarray(distance.paired(queries[:, None], vectors))
