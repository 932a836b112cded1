"""Draws queries with found and missed examples, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.datasets.labeled import LabeledData
from tfmetric.evaluation import retrieval
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.typing import Array, Distance
from tfmetric.values import labels as read_labels
from tfmetric.visualization._style import short
from tfmetric.visualization.maps import class_name
from tfmetric.visualization.neighbors import neighbor_gallery
from tfmetric.visualization.thumbnails import cells, thumbnails

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class FoundNeighbors:
    """The neighbours of some queries; all numbers are indexes into the same examples.

    Attributes:
        queries: (Q,) the queries.
        indices: (Q, k) their neighbours, nearest first.
        distances: (Q, k) their distances.
        right: (Q, k) whether a neighbour is of the query's class.
        missing: For each query the nearest examples of its class beyond its k neighbours.
        missing_ranks: For each query the ranks of these; 1 is the nearest neighbour.
    """

    queries: np.ndarray
    indices: np.ndarray
    distances: np.ndarray
    right: np.ndarray
    missing: tuple[np.ndarray, ...]
    missing_ranks: tuple[np.ndarray, ...]


def find_neighbors(
    embeddings: Array,
    labels: Array,
    queries: Any,
    k: int = 8,
    missing: int = 2,
    distance: Distance = "euclidean",
    gallery: Any = None,
) -> FoundNeighbors:
    """Finds the neighbours of some queries among all examples, for a picture.

    Args:
        embeddings: (N, D).
        labels: (N,).
        queries: (Q,) indexes of the queries: a few, because all their distances are held at once.
        k: Neighbours of each query; fewer if there are fewer examples.
        missing: Largest number of missed examples of its class.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        gallery: (G,) indexes of the examples to look among; None for all of them. A query is not
            its own neighbour.

    Returns:
        :class:`FoundNeighbors`.

    Raises:
        ValueError: If shapes do not fit, embeddings are not finite, or there is no such query.

    Example:

    >>> found = find_neighbors([[0.0], [1.0], [3.0]], [0, 1, 0], [0], k=1)
    >>> found.indices.tolist(), found.right.tolist(), found.missing[0].tolist()
    ([[1]], [[False]], [2])
    """
    embeddings = check_embeddings(embeddings).astype(np.float32)
    labels = read_labels(labels, len(embeddings))
    queries = np.asarray(queries, np.int64)
    if queries.size and not 0 <= queries.min() <= queries.max() < len(embeddings):
        raise ValueError(
            expected(
                f"queries to be indexes in 0..{len(embeddings) - 1}",
                min=int(queries.min()),
                max=int(queries.max()),
            )
        )
    among = np.arange(len(embeddings)) if gallery is None else np.asarray(gallery, np.int64)
    measure = distances.get(distance)
    measured = measure.pairwise(embeddings[queries], embeddings[among])
    rows = np.array(keras.ops.convert_to_numpy(measured))
    itself = queries[:, None] == among
    rows[itself] = np.inf
    # At equal distance other classes come first, as in the figures.
    same = labels[queries][:, None] == labels[among]
    order = np.lexsort((same, rows), axis=-1)[:, : len(among) - int(itself.any())]
    places = order[:, :k]
    later, ranks = [], []
    for row, sorted_row in enumerate(order):
        behind = k + np.flatnonzero(same[row, sorted_row[k:]])[:missing]
        later.append(among[sorted_row[behind]])
        ranks.append(behind + 1)
    return FoundNeighbors(
        queries=queries,
        indices=among[places],
        distances=np.take_along_axis(rows, places, axis=1),
        right=np.take_along_axis(same, places, axis=1),
        missing=tuple(later),
        missing_ranks=tuple(ranks),
    )


def hardest(result: Any, count: int = 8, per_class: int = 1) -> np.ndarray:
    """Returns the queries of lowest average precision; at ties, those with the latest first hit.

    Args:
        result: A ``RetrievalResult``.
        count: How many at most.
        per_class: How many of one class at most: one odd class should not fill the picture.

    Returns:
        (Q,) indexes of queries, the worst first.

    Example:

    >>> import tfmetric as tm
    >>> result = tm.evaluation.retrieval([[0.0], [0.1], [0.9], [3.0]], [0, 0, 1, 1])
    >>> hardest(result, count=1).tolist()
    [2]
    """
    found = result.per_query
    order = np.lexsort((-found.first_rank, result.values("map_at_r")))
    chosen: list[int] = []
    seen: dict[int, int] = {}
    for place in order:
        label = int(result.query_classes[place])
        if seen.get(label, 0) < per_class:
            seen[label] = seen.get(label, 0) + 1
            chosen.append(place)
        if len(chosen) == count:
            break
    return found.query[np.array(chosen, np.int64)]


def worst_queries(
    examples: Any,
    embeddings: Array,
    labels: Array,
    class_names: Sequence[str] | None = None,
    result: Any = None,
    count: int = 8,
    k: int = 6,
    missing: int = 2,
    distance: Distance = "euclidean",
    title: str | None = "The worst queries, one a class",
) -> Figure:
    """Draws the worst queries, with their neighbours and the missed examples.

    Wrong labels, exact look-alikes and details that the embedder ignores show up here first.

    Args:
        examples: (N, H, W, C) images of values 0..255, (N, F) vectors, or a ``LabeledData``, which
            reads the drawn examples only.
        embeddings: (N, D).
        labels: (N,).
        class_names: Names that integer labels index; None for the labels themselves.
        result: The ``RetrievalResult`` of these embeddings; None to compute it.
        count: Largest number of queries.
        k: Neighbours of each query.
        missing: Missed examples for each query.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        title: Title of the picture.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If no query has another example of its class.

    Example:

    >>> import numpy as np
    >>> images = np.zeros((4, 8, 8, 1), "uint8")
    >>> figure = worst_queries(images, [[0.0], [0.1], [0.9], [3.0]], [0, 0, 1, 1], count=1, k=2)
    >>> figure.axes[1].get_title()
    '0'
    """
    labels = np.asarray(labels).reshape(-1)
    if result is None:
        result = retrieval(embeddings, labels, distance=distance, ks=(1,))
    chosen = hardest(result, count)
    if not chosen.size:
        raise ValueError(
            expected("one query with another example of its class", queries=result.num_queries)
        )
    found = find_neighbors(embeddings, labels, chosen, k, missing, distance)

    def read(indices):
        indices = np.asarray(indices, np.int64)
        if isinstance(examples, LabeledData):
            return cells(thumbnails(examples, indices))
        return cells(examples)[indices]

    flat = read(found.indices.reshape(-1))
    names = [class_name(class_names, label) for label in labels]
    return neighbor_gallery(
        read(found.queries),
        flat.reshape(*found.indices.shape, *flat.shape[1:]),
        found.right,
        [short(names[i], 14) for i in found.queries],
        [[short(names[i], 14) for i in row] for row in found.indices],
        title=title,
        missing=[read(row) if len(row) else [] for row in found.missing],
        missing_titles=[[f"at rank {rank:,}" for rank in ranks] for ranks in found.missing_ranks],
    )
