"""Chooses and computes the evidence of a run from its model and its data."""

from __future__ import annotations

import numpy as np

from tfmetric.evaluation import embed
from tfmetric.report.evidence import Evidence
from tfmetric.visualization import Thumbnails, find_neighbors, thumbnails
from tfmetric.visualization.thumbnails import examples_of

# Enough examples for every picture, and a file of a few MB.
_EXAMPLES, _BYTES = 20_000, 2**27
# Recordings are kept for playing: the first seconds, at a rate with intelligible speech.
_SOUND_BYTES, _SOUND_SECONDS, _SOUND_RATE = 2**25, 3, 8000


def gather_evidence(
    model, data, *, embeddings=None, gallery=None, distance="euclidean", seed: int = 0
) -> Evidence:
    """Chooses and computes the data for a report's pictures.

    Args:
        model: The embedder; unused if ``embeddings`` are given.
        data: The evaluated ``LabeledData``. Above 20,000 examples, whole classes are drawn at
            random until there are as many.
        embeddings: (N, D) of ``data`` by the model, if known; None to compute them.
        gallery: The ``LabeledData`` that ``data`` is searched in, or None. Of more than 20,000
            examples so many are drawn at random.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        seed: Seed of that choice.
    """
    chosen = _whole_classes(data, seed)
    kept = data.subset(chosen)
    embeddings = embed(model, kept) if embeddings is None else np.asarray(embeddings)[chosen]
    found = _shown(kept, embeddings)
    pairs = _telling_finite_pairs(embeddings, kept.labels, distance, seed)
    found |= {"total": len(data), "pairs": pairs, "pair_inputs": None}
    if kept.element.kind == "image" and not kept.element.volume:
        inputs = kept.read(pairs.reshape(-1))
        found["pair_inputs"] = inputs.reshape(*pairs.shape, *kept.element_shape)
    if gallery is not None:
        some = _some(gallery, seed)
        found = _joined(found, _shown(some, embed(model, some)), kept.class_names)
        found |= {"searched": len(some), "searched_total": len(gallery)}
    shown = found["thumbnails"]
    if shown.values.nbytes > _BYTES:
        found["thumbnails"] = None
    return Evidence(**found)


def _shown(data, embeddings):
    """What is kept of each example, by the names of :class:`Evidence`."""
    sounds, rate = _sounds(data) if data.element.kind == "audio" else (None, 0)
    return {
        "embeddings": embeddings,
        "labels": data.labels,
        "class_names": np.array(data.class_names, dtype=np.str_),
        "ids": np.array(data.ids, dtype=np.str_),
        "groups": None if data.groups is None else np.array(data.groups).astype(np.str_),
        "thumbnails": thumbnails(data),
        "sounds": sounds,
        "sound_rate": rate,
    }


def _joined(judged, searched, names):
    """The judged examples and those that are searched, one after the other."""
    place = {str(name): label for label, name in enumerate(names)}
    others = [str(name) for name in searched["class_names"]]
    for name in others:  # A class that no query has.
        place.setdefault(name, len(place))
    labels = np.array([place[name] for name in others], np.int64)[searched["labels"]]
    both = {**judged, "class_names": np.array(list(place), dtype=np.str_)}
    both["labels"] = np.concatenate([judged["labels"], labels])
    for name in ("embeddings", "ids", "groups", "sounds"):
        sides = [judged[name], searched[name]]
        missing = any(side is None for side in sides)
        both[name] = None if missing else np.concatenate(sides)
    looks = [judged["thumbnails"], searched["thumbnails"]]
    values = np.concatenate([side.values for side in looks])
    return both | {"thumbnails": Thumbnails(looks[0].look, values)}


def evidence_of_embeddings(embeddings, labels, *, distance="euclidean", seed=0) -> Evidence:
    """Makes the evidence of embeddings without examples.

    Args:
        embeddings: (N, D) floats.
        labels: (N,) whole numbers.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        seed: Seed of the pairs.
    """
    embeddings = np.asarray(embeddings)
    names, labels = np.unique(labels, return_inverse=True)
    return Evidence(
        embeddings=embeddings,
        labels=labels.astype(np.int64),
        class_names=names.astype(np.str_),
        ids=np.arange(len(labels)).astype(np.str_),
        groups=None,
        thumbnails=None,
        total=len(labels),
        pairs=_telling_finite_pairs(embeddings, labels, distance, seed),
        pair_inputs=None,
    )


def _whole_classes(data, seed):
    if len(data) <= _EXAMPLES:
        return np.arange(len(data))
    order = np.random.default_rng(seed).permutation(data.classes)
    counts = np.bincount(data.labels)[order]
    number = max(2, int((np.cumsum(counts) <= _EXAMPLES).sum()))
    return np.flatnonzero(np.isin(data.labels, order[:number]))


def _some(data, seed):
    if len(data) <= _EXAMPLES:
        return data
    chosen = np.random.default_rng(seed).choice(len(data), _EXAMPLES, replace=False)
    return data.subset(np.sort(chosen))


def _sounds(data):
    """Returns the recordings as int8, and their low rate; None if they would be too large."""
    from scipy.signal import resample_poly

    rate = data.element.options["sampling_rate"]
    low = min(rate, _SOUND_RATE)
    if len(data) * low * _SOUND_SECONDS > _SOUND_BYTES:
        return None, 0
    sounds = np.zeros((len(data), low * _SOUND_SECONDS), np.int8)
    for row, samples in enumerate(examples_of(data, np.arange(len(data)))):
        samples = np.asarray(samples[: rate * _SOUND_SECONDS], np.float32)
        if len(samples):
            heard = resample_poly(samples, low, rate)[: sounds.shape[1]]
            loudest = max(float(np.abs(heard).max()), 1e-9)
            sounds[row, : len(heard)] = np.round(127 * heard / loudest)
    return sounds, low


def _telling_finite_pairs(embeddings, labels, distance, seed):
    places = np.flatnonzero(np.isfinite(embeddings).all(axis=1))
    pairs = _telling_pairs(embeddings[places], np.asarray(labels)[places], distance, seed)
    return places[pairs] if len(pairs) else pairs


def _telling_pairs(embeddings, labels, distance, seed):
    """Returns (P, 2) indexes of a found, a confused and a missed pair."""
    if len(labels) < 3:
        return np.zeros((0, 2), np.int64)
    rng = np.random.default_rng(seed)
    sample = np.sort(rng.choice(len(labels), min(300, len(labels)), replace=False))
    found = find_neighbors(embeddings, labels, sample, k=1, missing=1, distance=distance)
    first, right = found.indices[:, 0], found.right[:, 0]
    pairs = []
    for chosen in (np.flatnonzero(right), np.flatnonzero(~right)):
        if len(chosen):
            # A typical hit; the most convincing mistake.
            order = chosen[np.argsort(found.distances[chosen, 0], kind="stable")]
            place = order[len(order) // 2] if right[chosen[0]] else order[0]
            pairs.append((sample[place], first[place]))
    missed = [
        (ranks[0], place)
        for place, ranks in enumerate(found.missing_ranks)
        if len(ranks) and not right[place]
    ]
    if missed:
        _, place = max(missed)
        pairs.append((sample[place], found.missing[place][0]))
    return np.array(pairs, np.int64).reshape(-1, 2)
