"""Batches that break losses: ordinary, lopsided, and degenerate."""

import numpy as np


def _random(labels, dim=5, seed=0, scale=1.0):
    labels = np.asarray(labels)
    x = np.random.default_rng(seed).normal(size=(len(labels), dim)) * scale
    return labels, x.astype("float32")


def _unit(labels, **kwargs):
    labels, x = _random(labels, **kwargs)
    return labels, x / np.linalg.norm(x, axis=1, keepdims=True)


def _duplicates():
    labels, x = _random([0, 0, 1, 1, 2, 2], seed=3)
    return np.concatenate([labels, labels]), np.concatenate([x, x])


def _zero_vectors():
    labels, x = _random([0, 0, 1, 1, 2, 2], seed=4)
    x[[0, 3]] = 0
    return labels, x


def _integers():
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    x = np.array([[0, 0], [3, 4], [0, 5], [5, 0], [0, 10], [6, 8], [0, 3], [4, 3], [8, 6]])
    return labels, x.astype("float32")


ORDINARY = {
    "four-by-four": _unit(np.repeat(np.arange(4), 4)),
    "lopsided": _random([0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 4], seed=1),
    "interleaved": _random(np.arange(20) % 3, dim=3, seed=2),
    "two-classes": _random([5] * 7 + [9] * 6, dim=8, seed=5, scale=0.3),
    "int64-labels": _random(np.array([2**24, 2**24 + 1, 2**24, 2**24 + 1, -7, -7, 2**31 - 1])),
}
DEGENERATE = {
    "no-positives": _random(np.arange(6)),
    "no-negatives": _random([3] * 6),
    "batch-of-one": _random([1]),
    "batch-of-two": _random([1, 1]),
    "lone-classes": _random([0, 0, 1, 2, 3]),
    "zero-vectors": _zero_vectors(),
    "integers": _integers(),
    "huge": _random([0, 0, 1, 1, 2], scale=1e20),
    "tiny": _random([0, 0, 1, 1, 2], scale=1e-20),
}
DUPLICATES = {
    "duplicates": _duplicates(),
    "collapsed": (np.array([0, 0, 1, 1, 2, 2]), np.full((6, 4), 0.37, "float32")),
    "all-zero": (np.array([0, 0, 1, 1, 2, 2]), np.zeros((6, 4), "float32")),
}
