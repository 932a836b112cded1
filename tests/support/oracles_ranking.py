"""Papers' formulas of losses on a ranking or on histograms, as naive float64 loops.

Each takes the distances of one anchor to all others and the indices of its positives and
negatives, and returns (total, count, active); or a whole :class:`support.loss_suite.View`.
"""

import numpy as np


def _share(value, node):
    """What a value, in units of a bin, gives to a node: the triangular kernel."""
    return max(0.0, 1 - abs(value - node))


def fast_ap(d, positives, negatives, num_bins=10):
    if not positives:
        return 0.0, 0, 0
    place = d * num_bins / 2.0
    seen_positives = seen = average = 0.0
    for node in range(num_bins + 1):
        here = sum(_share(place[p], node) for p in positives)
        seen_positives += here
        seen += here + sum(_share(place[n], node) for n in negatives)
        if here:
            average += here * seen_positives / seen
    value = 1 - average / len(positives)
    return value, 1, int(value > 1e-7)


def _sigmoid(t):
    return (1 + np.tanh(t / 2)) / 2


def _soft_rank(s, i, among, temperature):
    return 1 + sum(_sigmoid((s[j] - s[i]) / temperature) for j in among if j != i)


def smooth_ap(d, positives, negatives, temperature=0.01):
    if not positives:
        return 0.0, 0, 0
    shares = [
        _soft_rank(-d, i, positives, temperature)
        / _soft_rank(-d, i, positives + negatives, temperature)
        for i in positives
    ]
    value = 1 - np.mean(shares)
    return value, 1, int(value > 1e-7)


def recall_at_k(d, positives, negatives, ks=(1, 2, 4, 8), rank_temperature=1.0, temperature=0.01):
    if not positives:
        return 0.0, 0, 0
    ranks = [_soft_rank(-d, i, positives + negatives, temperature) for i in positives]
    recalls = [
        sum(_sigmoid((k - rank) / rank_temperature) for rank in ranks) / min(k, len(positives))
        for k in ks
    ]
    value = 1 - np.mean(recalls)
    return value, 1, int(value > 0)


def histogram(view, num_bins=100):
    """The positive pairs are those among the others; on two sides those of both sides."""
    number = len(view.other_x)
    place = (2 - view.distances("cosine")) * num_bins / 2.0
    among = type(view)(
        view.other_labels,
        view.other_x,
        view.other_labels,
        view.other_x,
        list(range(number)),
        view.match,
    )
    among = view if set(view.own) == {-1} else among
    other_place = (2 - among.distances("cosine")) * num_bins / 2.0
    pairs = [other_place[i, j] for i in range(len(among.x)) for j in among.positives(i)]
    if not pairs:
        return [(0.0, 0, 0) for _ in view.x]
    below = np.cumsum([np.mean([_share(s, node) for s in pairs]) for node in range(num_bins + 1)])
    rows = []
    for a in range(len(view.x)):
        terms = [
            sum(_share(place[a, n], node) * below[node] for node in range(num_bins + 1))
            for n in view.negatives(a)
        ]
        rows.append((sum(terms), len(terms), sum(term > 1e-9 for term in terms)))
    return rows
