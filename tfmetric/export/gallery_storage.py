"""Stores a gallery in a SavedModel with 32, 8 or 1 bits for each value.

``float32`` keeps the vectors.

``int8`` divides the range of each dimension into 255 steps: a quarter of the memory. ``binary``
keeps for each value whether it exceeds the mean: a thirty-second of the memory. Both decode to
approximate vectors, and distances refer to these. Reference: the search by bits, then by the query
itself against the decoded vectors, is the asymmetric comparison of Gordo, Perronnin, Gong,
Lazebnik: Asymmetric distances for binary embeddings, TPAMI 2014.
"""

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.typing import Distance

STORAGES = ("float32", "int8", "binary")
SQUARES = ("euclidean", "squared_euclidean")
_LANE = 256
_WORD = 64
_FAR = np.float32(np.inf)


def check(storage: str) -> str:
    """Returns the name of a storage.

    Raises:
        ValueError: If it is none.
    """
    if storage not in STORAGES:
        raise ValueError(
            expected(f"gallery_storage to be one of {', '.join(STORAGES)}", storage=storage)
        )
    return storage


def prepare(
    embeddings: np.ndarray, distance: Distance, storage: str = "float32"
) -> dict[str, np.ndarray]:
    """Encodes the gallery for the search.

    Args:
        embeddings: (N, D), float32.
        distance: The :class:`tfmetric.distances.Distance` of the search.
        storage: ``"float32"``, ``"int8"`` or ``"binary"``.

    Returns:
        ``gallery``: (M, ...), the encoded vectors, padded to a multiple of 256, so that all use the
            same code of the matrix product. ``centre``: (1, D), subtracted from the queries first.
            ``penalty``: (M,), the term of each score that does not depend on the query, infinite
            for padding; not for bits. ``scale`` and ``offset``: (1, D), which decode int8 and bits
            to vectors.
    """
    centre = np.zeros((1, embeddings.shape[1]), np.float32)
    gallery = embeddings
    if distance.builtin in SQUARES:
        # Centring minimises the cancellation in ‖g‖² − 2q·g.
        centre = embeddings.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        gallery = embeddings - centre
    elif distance.builtin == "cosine":
        gallery = np.asarray(distances.l2_normalize(embeddings))
    parts = {"centre": centre}
    if storage == "binary":
        return {**parts, **_bits(gallery)}
    if storage == "int8":
        parts.update(_steps(gallery))
        gallery = parts["gallery"]
    penalty = np.zeros(len(gallery), np.float32)
    if distance.builtin in SQUARES:
        kept = gallery if storage == "float32" else gallery * parts["scale"] + parts["offset"]
        penalty = np.einsum("nd,nd->n", kept, kept)
    parts["gallery"] = _pad(gallery)
    parts["penalty"] = _pad(penalty, _FAR)
    return parts


def _pad(array, value=0):
    widths = [(0, -len(array) % _LANE)] + [(0, 0)] * (array.ndim - 1)
    return np.pad(array, widths, constant_values=value) if widths[0][1] else array


def _steps(gallery):
    low, high = gallery.min(axis=0, keepdims=True), gallery.max(axis=0, keepdims=True)
    scale = np.maximum((high - low) / 254, np.finfo(np.float32).tiny).astype(np.float32)
    offset = ((high + low) / 2).astype(np.float32)
    codes = np.empty(gallery.shape, np.int8)
    for start in range(0, len(gallery), 65536):  # Avoids a second gallery of floats.
        part = gallery[start : start + 65536]
        codes[start : start + 65536] = np.clip(np.rint((part - offset) / scale), -127, 127)
    return {"gallery": codes, "scale": scale, "offset": offset}


def _bits(gallery):
    offset = gallery.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    scale = np.zeros_like(offset)
    words = -(-gallery.shape[1] // _WORD)
    codes = np.zeros((len(gallery), words), np.int64)
    for start in range(0, len(gallery), 65536):
        part = gallery[start : start + 65536] - offset
        scale += np.abs(part).sum(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        bits = np.packbits(part > 0, axis=1, bitorder="little")
        bits = np.pad(bits, ((0, 0), (0, words * _WORD // 8 - bits.shape[1])))
        codes[start : start + 65536] = np.ascontiguousarray(bits).view("<i8")
    return {"gallery": _pad(codes), "scale": scale / len(gallery), "offset": offset}


def vectors(parts, indices):
    """Decodes the vectors at these places, (B, K) to (B, K, D)."""
    import tensorflow as tf

    found = tf.gather(parts["gallery"], indices)
    return found if "scale" not in parts else _restored(found, parts)


def _restored(found, parts):
    import tensorflow as tf

    if found.dtype == tf.int8:
        values = tf.cast(found, tf.float32)
    else:
        places = tf.range(_WORD, dtype=tf.int64)
        bits = tf.bitwise.bitwise_and(tf.bitwise.right_shift(found[..., None], places), 1)
        shape = tf.concat([tf.shape(found)[:-1], [found.shape[-1] * _WORD]], axis=0)
        values = 2.0 * tf.cast(tf.reshape(bits, shape), tf.float32) - 1.0
        values = values[..., : parts["scale"].shape[-1]]
    return values * parts["scale"] + parts["offset"]


def packed(queries, parts):
    """Computes the bits of queries, (B, D) to (B, words)."""
    import tensorflow as tf

    words = parts["gallery"].shape[-1]
    bits = tf.cast(queries > parts["offset"], tf.int64)
    bits = tf.pad(bits, [[0, 0], [0, words * _WORD - queries.shape[-1]]])
    bits = tf.reshape(bits, (-1, words, _WORD))
    places = tf.range(_WORD, dtype=tf.int64)
    # Each bit has its place, so the sum is an "or"; it may overflow into the sign.
    return tf.reduce_sum(tf.bitwise.left_shift(bits, places), axis=-1)


def scores(queries, parts, start, end, distance, product):
    """Scores (B, end − start) that order a part of the gallery for each query, smallest first."""
    import tensorflow as tf

    part = parts["gallery"][start:end]
    if part.dtype == tf.int64:
        codes = packed(queries, parts)
        different = [
            tf.raw_ops.PopulationCount(
                x=tf.bitwise.bitwise_xor(codes[:, None, w], part[None, :, w])
            )
            for w in range(part.shape[-1])
        ]
        return tf.cast(tf.add_n([tf.cast(d, tf.int32) for d in different]), tf.float32)
    penalty = parts["penalty"][start:end]
    if not product:
        part = part if "scale" not in parts else _restored(part, parts)
        return penalty + distance.pairwise(queries, part)
    if "scale" in parts:  # Scaling the queries is less work; the offset is constant within a row.
        queries, part = queries * parts["scale"], tf.cast(part, tf.float32)
    factor = 2.0 if distance.builtin in SQUARES else 1.0
    return penalty - factor * tf.matmul(queries, part, transpose_b=True)
