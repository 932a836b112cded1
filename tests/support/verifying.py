"""Embeddings to verify, and the definitions of verification in naive loops."""

import itertools

import numpy as np

DISTANCES = ["euclidean", "squared_euclidean", "cosine", "inner_product", "manhattan"]
FARS = (1e-1, 1e-2, 1e-3, 1e-4)


def distance_of(name, x, y):
    x, y = x.astype("float64"), y.astype("float64")
    if name == "euclidean":
        return np.float32(np.sqrt(np.float32(((x - y) ** 2).sum())))
    if name == "squared_euclidean":
        return np.float32(((x - y) ** 2).sum())
    if name == "manhattan":
        return np.float32(np.abs(x - y).sum())
    if name == "inner_product":
        return np.float32(-(x * y).sum())
    return np.float32(1 - (x * y).sum() / np.sqrt((x * x).sum()) / np.sqrt((y * y).sum()))


def all_pairs(x, labels, gallery=None, gallery_labels=None, distance="euclidean"):
    found = []
    for i in range(len(x)):
        if gallery is None:
            others = [(j, x[j], labels[j]) for j in range(i + 1, len(x))]
        else:
            others = [(j, r, gallery_labels[j]) for j, r in enumerate(gallery)]
        for j, other, label in others:
            found.append((i, j, distance_of(distance, x[i], other), labels[i] == label))
    return found


def oracle(distances, same):
    """The definitions, one threshold at a time."""
    distances, same = np.asarray(distances, float), np.asarray(same, bool)
    genuine, impostor = distances[same], distances[~same]
    if not len(genuine) or not len(impostor):
        return None
    wins = sum(float((impostor > g).sum() + (impostor == g).sum() / 2) for g in genuine)
    points = [(0.0, 1.0)]
    for t in sorted(set(distances.tolist())):
        points.append(((impostor <= t).mean(), (genuine > t).mean()))
    eer = None
    for (f0, n0), (f1, n1) in itertools.pairwise(points):
        if eer is None and f1 >= n1:
            share = (n0 - f0) / ((n0 - f0) + (f1 - n1))
            eer = f0 + share * (f1 - f0)
    figures = {"auc": wins / len(genuine) / len(impostor), "eer": eer}
    for far in FARS:
        allowed = [1 - n for f, n in points if f <= far + 1e-15]
        figures[f"tar_at_far_{far:g}"] = max(allowed) if len(impostor) * far >= 1 else np.nan
    return figures


def check(result, distances, same):
    want = oracle(distances, same)
    assert result.num_positives == sum(same)
    assert result.num_negatives == len(same) - sum(same)
    got = result.figures()
    if want is None:
        assert all(np.isnan(value) for value in got.values())
        return
    for name, value in want.items():
        np.testing.assert_allclose(got[name], value, atol=1e-12, err_msg=name)
    for far in FARS:
        np.testing.assert_allclose(
            got[f"fnmr_at_fmr_{far:g}"], 1 - want[f"tar_at_far_{far:g}"], atol=1e-12
        )


def normal(count, width=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width)).astype("float32")


def classes(count, number, seed=1):
    return np.random.default_rng(seed).integers(0, number, count)


def clustered(count, number, width=6, seed=0, spread=0.7):
    labels = classes(count, number, seed + 1)
    return normal(number, width, seed)[labels] + spread * normal(count, width, seed + 2), labels
