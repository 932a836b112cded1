"""Distances between vectors of bits, and between probabilities of bits."""

from keras import ops


def bits(*vectors):
    """Converts to values from 0 to 1: bits, also from −1 and 1, or probabilities of a 1."""
    return (ops.clip(x, 0.0, 1.0) for x in vectors)


def hamming_pairwise(x, y):
    x, y = bits(x, y)
    ones = ops.sum(x, axis=-1)[:, None] + ops.sum(y, axis=-1)[None, :]
    return ops.maximum(ones - 2.0 * ops.matmul(x, ops.transpose(y)), 0.0) / x.shape[-1]


def hamming_paired(x, y):
    x, y = bits(x, y)
    return ops.mean(x * (1.0 - y) + (1.0 - x) * y, axis=-1)


def hamming_factors(x):
    (x,) = bits(x)
    left = ops.concatenate([-2.0 * x, ops.ones_like(x[:, :1])], axis=1)
    return left, ops.concatenate([x, ops.sum(x, axis=-1, keepdims=True)], axis=1)


def _jaccard(both, ones):
    """Returns 1 − |x ∧ y| / |x ∨ y|, and 0 for two vectors without a 1."""
    either = ones - both
    found = either > 0
    return ops.where(found, 1.0 - both / ops.where(found, either, 1.0), 0.0)


def jaccard_pairwise(x, y):
    x, y = bits(x, y)
    ones = ops.sum(x, axis=-1)[:, None] + ops.sum(y, axis=-1)[None, :]
    return _jaccard(ops.matmul(x, ops.transpose(y)), ones)


def jaccard_paired(x, y):
    x, y = bits(x, y)
    return _jaccard(ops.sum(x * y, axis=-1), ops.sum(x, axis=-1) + ops.sum(y, axis=-1))
