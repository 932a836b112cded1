"""The definitions of retrieval, one query, one reference at a time."""

import math

import numpy as np

from support import oracles


def distance_of(name, x, y):
    x, y = x.astype("float64"), y.astype("float64")
    if name == "euclidean":
        return float(((x - y) ** 2).sum())
    if name == "manhattan":
        return float(np.abs(x - y).sum())
    if name == "inner_product":
        return float(-(x * y).sum())
    if name in ("snr", *oracles.OF_BITS):
        return float(oracles.distance(name, x, y))
    cosine = (x * y).sum() / max(1e-4, np.sqrt((x * x).sum())) / max(1e-4, np.sqrt((y * y).sum()))
    return max(float(1 - cosine), 1e-14)


def oracle(
    x,
    labels,
    gallery=None,
    gallery_labels=None,
    distance="euclidean",
    ks=(1, 5, 10),
    queries=None,
    ignored=lambda q, j: False,
    distractors=(),
):
    """(mean figures, number of queries left out); ``ignored(q, j)`` drops a reference."""
    own = gallery is None
    gallery = x if own else gallery
    gallery_labels = labels if own else gallery_labels
    at_k = ("recall", "precision", "map", "ndcg")
    figures = {f"{name}_at_{k}": [] for name in at_k for k in ks}
    figures |= {"r_precision": [], "map_at_r": [], "mrr": []}
    left_out = 0
    for q in range(len(x)) if queries is None else queries:
        row = []
        for j in range(len(gallery)):
            if (own and j == q) or ignored(q, j):
                continue
            one, other = labels[q].item(), gallery_labels[j].item()
            hit = one == other and one not in distractors
            d = np.float32(distance_of(distance, x[q], gallery[j]))
            row.append((d, hit))  # False sorts before True: at a tie the miss comes first.
        row.sort()
        hits = [hit for _, hit in row]
        r = sum(hits)
        if r == 0:
            left_out += 1
            continue
        precisions = [sum(hits[: i + 1]) / (i + 1) if hits[i] else 0.0 for i in range(len(hits))]
        gains = [1 / math.log2(i + 2) for i in range(len(hits))]
        for k in ks:
            figures[f"recall_at_{k}"].append(float(any(hits[:k])))
            figures[f"precision_at_{k}"].append(sum(hits[:k]) / k)
            figures[f"map_at_{k}"].append(sum(precisions[:k]) / min(k, r))
            found = sum(gain for gain, hit in zip(gains[:k], hits, strict=False) if hit)
            figures[f"ndcg_at_{k}"].append(found / sum(gains[: min(k, r)]))
        figures["r_precision"].append(sum(hits[:r]) / r)
        figures["map_at_r"].append(sum(precisions[:r]) / r)
        figures["mrr"].append(1 / (hits.index(True) + 1))
    means = {name: np.mean(values) if values else np.nan for name, values in figures.items()}
    return means, left_out
