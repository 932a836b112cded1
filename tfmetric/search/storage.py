"""Storage of an exact index's vectors: full, or a half, a quarter, a 32nd of the memory."""

import numpy as np

from tfmetric._errors import expected

STORAGES = ("float32", "float16", "int8", "binary")
_LARGEST_HALF = 65504.0


def encode(embeddings: np.ndarray, storage: str) -> dict[str, np.ndarray]:
    """Encodes vectors for storage.

    Args:
        embeddings: (N, D), finite, float32.
        storage: ``"float32"``: unchanged. ``"float16"``: relative error of each coordinate up to
            2⁻¹¹ (2⁻²⁵ absolute for the smallest). ``"int8"``: multiples of a 127th of the vector's
            largest coordinate, an error up to a 254th of it. ``"binary"``: one bit for each
            coordinate, 1 if it is above 0, in words of 64.

    Returns:
        ``vectors`` and, for int8, ``scales`` (N,).

    Raises:
        ValueError: If a coordinate is too large for float16.
    """
    if storage == "float32":
        return {"vectors": np.asarray(embeddings, np.float32)}
    if storage == "float16":
        largest = float(np.abs(embeddings).max(initial=0))
        if largest > _LARGEST_HALF:
            raise ValueError(
                expected("coordinates of at most 65504, as float16 can hold", largest=largest)
            )
        return {"vectors": embeddings.astype(np.float16)}
    if storage == "int8":
        # Divide by the largest first, because a float32 scale may be too small as a divisor.
        largest = np.abs(embeddings).max(axis=1, initial=0)
        whole = np.where(largest == 0, 1, largest).astype(np.float64)[:, None]
        return {
            "vectors": np.rint(embeddings / whole * 127).astype(np.int8),
            "scales": (largest / np.float64(127)).astype(np.float32),
        }
    width = -embeddings.shape[1] % 64
    bits = np.packbits(np.pad(embeddings > 0, ((0, 0), (0, width))), axis=1, bitorder="little")
    return {"vectors": np.ascontiguousarray(bits).view(np.uint64)}


def decode(vectors: np.ndarray, scales: np.ndarray | None, storage: str, dim: int) -> np.ndarray:
    """Decodes vectors to float32 (n, D); binary vectors to 1 and 0."""
    if storage == "float32":
        return vectors
    if storage == "binary":
        bits = np.unpackbits(vectors.view(np.uint8), axis=1, count=dim, bitorder="little")
        return bits.astype(np.float32)
    found = vectors.astype(np.float32)
    if storage == "int8" and scales is not None:
        found *= scales[:, None]
    return found
