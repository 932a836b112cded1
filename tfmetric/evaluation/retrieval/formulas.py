"""The formulas of the built-in retrieval figures.

Each takes ``ranks`` (B, S), the ranks of the relevant examples of B queries in order from 1,
``relevant`` (B,), their number R, and k where the figure needs one. Each returns (B,) values.
"""

import numpy as np


def _precisions(ranks):
    return np.arange(1, ranks.shape[1] + 1) / ranks


def recall(ranks, relevant, k):
    """Returns whether a relevant example is among the first k."""
    return ranks[:, 0] <= k


def precision(ranks, relevant, k):
    """Returns the share of relevant examples among the first k."""
    return (ranks[:, :k] <= k).sum(axis=1) / k


def map(ranks, relevant, k):
    """Returns the average precision among the first k."""
    ranks = ranks[:, :k]
    found = np.where(ranks <= k, _precisions(ranks), 0.0).sum(axis=1)
    return found / np.minimum(k, relevant)


def ndcg(ranks, relevant, k):
    """Returns the discounted gain among the first k, with gain 1, over the best possible."""
    ranks = ranks[:, :k]
    best = np.minimum(k, relevant)
    ideal = np.cumsum(1 / np.log2(np.arange(2, best.max(initial=1) + 2)))
    within = ranks <= k
    gains = np.where(within, 1 / np.log2(np.where(within, ranks, 1) + 1.0), 0.0).sum(axis=1)
    return gains / ideal[best - 1]


def r_precision(ranks, relevant):
    """Returns the share of relevant examples among the first R."""
    return (ranks <= relevant[:, None]).sum(axis=1) / relevant


def map_at_r(ranks, relevant):
    """Returns the average precision among the first R."""
    within = ranks <= relevant[:, None]
    return np.where(within, _precisions(ranks), 0.0).sum(axis=1) / relevant


def mrr(ranks, relevant):
    """Returns 1 / rank of the first relevant example."""
    return 1.0 / ranks[:, 0]
