"""Draws a run's training curves and the neighbours of some queries."""

import numpy as np

from tfmetric._files import replacing
from tfmetric.evaluation.comparison.baselines import baseline_of
from tfmetric.evaluation.comparison.evaluate import fair_baseline
from tfmetric.evaluation.examples_and_labels import labels_of_both
from tfmetric.visualization import (
    find_neighbors,
    neighbor_gallery,
    thumbnails,
    training_curves,
)

NEIGHBOURS = 8


def some_queries(data, seed: int, number: int = 8) -> np.ndarray:
    """Returns indexes of one example of each of some classes with another example."""
    rng = np.random.default_rng(seed)
    counts = np.bincount(data.labels)
    classes = np.flatnonzero(counts > 1)
    chosen = rng.permutation(classes if len(classes) else data.classes)[:number]
    return np.array([rng.choice(np.flatnonzero(data.labels == label)) for label in chosen])


def names_of(data, indices) -> np.ndarray:
    """Returns class names of some examples, in the shape of the indexes."""
    return np.array(data.class_names, dtype=object)[data.labels[indices]]


def neighbor_picture(directory, name, test, embeddings, searched, distance, seed) -> None:
    """Draws ``neighbours.png``: the nearest examples of some test examples.

    Args:
        directory: Where to write it.
        name: Name of the data, for the title.
        test: The test part.
        embeddings: (N, D) of it.
        searched: (gallery, its embeddings), or (None, None) for the other test examples.
        distance: Name or function.
        seed: Chooses the queries.
    """
    queries, (gallery, others) = some_queries(test, seed), searched
    if gallery is None:
        found = find_neighbors(embeddings, test.labels, queries, NEIGHBOURS, 0, distance)
        gallery, indices, title = test, found.indices, "unseen classes"
    else:
        found = find_neighbors(
            np.concatenate([embeddings[queries], others]),
            np.concatenate([names_of(test, queries), names_of(gallery, slice(None))]).astype(str),
            np.arange(len(queries)),
            NEIGHBOURS,
            0,
            distance,
            gallery=len(queries) + np.arange(len(others)),
        )
        indices, title = found.indices - len(queries), "test examples, searched in the training"
    _draw(
        directory,
        f"{name}: {title}",
        (test, queries),
        (gallery, indices),
        names_of(gallery, indices),
        found.right,
    )


def answer_picture(directory, title, test, gallery, queries, answers) -> None:
    """Draws ``neighbours.png``: the answers of an exported model.

    Args:
        directory: Where to write it.
        title: The title.
        test: The data of the queries.
        gallery: The searched data.
        queries: (Q,) indexes.
        answers: ``ids`` and ``labels`` (Q, k), as returned by the export.
    """
    place = {key: index for index, key in enumerate(gallery.ids.tolist())}
    labels = np.array(answers["labels"], dtype=object)
    _draw(
        directory,
        title,
        (test, queries),
        (gallery, np.array([[place[key] for key in row] for row in answers["ids"]])),
        labels,
        labels == names_of(test, queries)[:, None],
    )


def training_picture(directory, name, history, watched, distance) -> None:
    """Draws ``training.png``: loss and figures by epoch, beside the baseline of the kind."""
    data, gallery = watched.data, watched.gallery
    labels, gallery_labels = labels_of_both(data, gallery)
    found, _, _ = fair_baseline(
        data,
        labels,
        gallery=gallery,
        gallery_labels=gallery_labels,
        distance=distance,
        ks=(1,),
        seed=0,
        progress=False,
    )
    lines = {}
    if found is not None:  # The baseline may need too much memory.
        title = baseline_of(data).title
        lines = {f"{title}, recall@1": found.recall_at[1], f"{title}, MAP@R": found.map_at_r}
    kind = "classes not trained on" if gallery is None else "the classes that it trains on"
    figure = training_curves(
        history,
        lines,
        closed_set=gallery is not None,
        title=f"{name}: judged on {len(data):,} examples of {kind}",
    )
    with replacing(directory / "training.png") as draft:
        figure.savefig(draft)


def _draw(directory, title, queries, neighbours, names, right):
    (data, asked), (searched, found) = queries, neighbours
    figure = neighbor_gallery(
        thumbnails(data, asked),
        thumbnails(searched, found.reshape(-1)),
        right,
        [_short(text) for text in names_of(data, asked)],
        [[_short(text) for text in row] for row in names],
        title=title,
    )
    with replacing(directory / "neighbours.png") as draft:
        figure.savefig(draft)


def _short(text):
    return text if len(text) <= 14 else text[:13] + "…"
