"""Draws embeddings on a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmetric import _optional
from tfmetric._errors import expected
from tfmetric.typing import Array
from tfmetric.visualization._style import (
    GREY,
    MARKS,
    SERIES,
    finish,
    new_figure,
    short,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_THIN = (5, 6, 7)  # Marks of small area: crosses and the star.
_METHODS = ("pca", "tsne", "umap")
_TITLES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


def project(embeddings: Array, method: str = "pca", seed: int = 0) -> np.ndarray:
    """Lays embeddings out on a plane.

    Args:
        embeddings: (N, D), finite.
        method: ``"pca"``: the plane of largest variance, exact and fast; distances on it are
            meaningful. ``"tsne"`` (scikit-learn) and ``"umap"`` (umap-learn, the extra ``viz``):
            keep neighbours together; sizes of clusters and gaps are not meaningful.
        seed: Seed of the methods that have one.

    Returns:
        (N, 2), float32.

    Raises:
        ValueError: If the embeddings are not (N, D) and finite, or the method is unknown.
        ImportError: If umap-learn is needed and not installed.

    Example:

    >>> project([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, 3.0]]).round(3).tolist()
    [[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]]

    References: van der Maaten, Hinton: Visualizing data using t-SNE, JMLR 2008; McInnes, Healy,
    Melville: UMAP, 2018.
    """
    embeddings = np.asarray(embeddings, np.float32)
    if embeddings.ndim != 2 or not len(embeddings) or not np.isfinite(embeddings).all():
        raise ValueError(expected("finite embeddings (N, D)", shape=embeddings.shape))
    if method not in _METHODS:
        raise ValueError(expected(f"method to be one of {', '.join(_METHODS)}", method=method))
    # Equal embeddings need no layout, and squares must not overflow.
    if (embeddings == embeddings[0]).all():
        return np.zeros((len(embeddings), 2), np.float32)
    largest = np.abs(embeddings).max()
    if largest > 1e9:
        embeddings = embeddings / largest
    # The other methods need more points than neighbours; PCA suits so few points.
    if method == "pca" or len(embeddings) < 8:
        return _pca(embeddings)
    if method == "tsne":
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits

        perplexity = min(30.0, (len(embeddings) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
        # With few points its threads mostly wait for each other.
        with threadpool_limits(1 if len(embeddings) < 5000 else None):
            return tsne.fit_transform(embeddings)
    umap = _optional.require("umap", "viz")
    neighbours = min(15, len(embeddings) - 1)
    return umap.UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(embeddings)


def embedding_map(
    embeddings: Array,
    labels: Array,
    class_names: Sequence[str] | None = None,
    images: Any = None,
    method: str = "pca",
    classes: int = 8,
    title: str | None = None,
    seed: int = 0,
) -> Figure:
    """Draws embeddings on a plane, coloured and marked by class, or as their images.

    Only a few colours are distinct: the ``classes`` largest classes have a colour and a mark each,
    all others are small grey dots.

    Args:
        embeddings: (N, D); or (N, 2), which are drawn as they are.
        labels: (N,) class of each.
        class_names: Names that integer labels index; None for the labels themselves.
        images: (N, H, W, 1 or 3) values 0..255, drawn without overlap as far as they fit; None for
            marks only.
        method: Layout, see :func:`project`.
        classes: Number of coloured classes.
        title: Title of the picture; None for the method.
        seed: Seed of the layout.

    Returns:
        A ``matplotlib.figure.Figure``.

    Raises:
        ValueError: If the shapes do not fit together.

    Example:

    >>> figure = embedding_map([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], ["a", "a", "b"])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['a', 'b']
    """
    points, labels = _points(embeddings, labels, method, seed)
    figure = new_figure(6.0, 4.6)
    axes = figure.subplots()
    shown = largest_classes(labels, classes)
    rest = ~np.isin(labels, shown)
    if rest.any():
        number = len(np.unique(labels[rest]))
        label = f"{number} other class{'es' if number > 1 else ''}"
        axes.scatter(*points[rest].T, s=6, color="#b6bcc2", linewidths=0, label=label)
    for place, value in enumerate(shown):
        axes.scatter(
            *points[labels == value].T,
            s=34 if place % len(MARKS) in _THIN else 22,
            color=SERIES[place % len(SERIES)],
            marker=MARKS[place % len(MARKS)],
            linewidths=0.4,
            edgecolors="white",
            label=short(class_name(class_names, value), 18),
        )
    if images is not None:
        _thumbnails(axes, points, np.asarray(images), labels, shown)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.06)
    axes.set_aspect("equal", adjustable="datalim")
    # Given points keep the caller's axes; a layout has no units.
    named = np.shape(embeddings)[1] != 2
    axes.set_xlabel(f"{_TITLES[method]}: axes without unit, near means similar", fontsize=8)
    axes.xaxis.label.set_visible(named)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="outside right upper")
    return finish(
        figure, title or f"{len(points):,} embeddings of {len(np.unique(labels)):,} classes"
    )


def class_name(class_names, label) -> str:
    """Returns the name of a label: looked up in the names if given, else the label as text."""
    return str(label if class_names is None else class_names[int(label)])


def largest_classes(labels, number: int) -> np.ndarray:
    """Returns the classes with most examples, in order at ties."""
    values, counts = np.unique(labels, return_counts=True)
    return values[np.sort(np.argsort(-counts, kind="stable")[:number])]


def _points(embeddings, labels, method, seed):
    embeddings, labels = np.asarray(embeddings, np.float32), np.asarray(labels)
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            expected(
                "embeddings (N, D) and labels (N,)",
                embeddings_shape=embeddings.shape,
                labels_shape=labels.shape,
            )
        )
    if embeddings.shape[1] == 2:
        return embeddings, labels
    return project(embeddings, method, seed), labels


def _pca(embeddings):
    centred = embeddings - embeddings.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :2]
    # Fix the sign of an eigenvector, so that the picture is reproducible.
    axes = axes * np.where(axes.sum(0) < 0, 1, -1)
    points = centred @ axes
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1]))).astype(np.float32)


def _thumbnails(axes, points, images, labels, shown):
    """Draws the first image of each cell of a grid."""
    from matplotlib.colors import Normalize
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    low, high = points.min(axis=0), points.max(axis=0)
    cells = np.floor((points - low) / np.maximum(high - low, 1e-9) * (13, 11)).astype(int)
    _, first = np.unique(cells, axis=0, return_index=True)
    for index in first:
        image = images[index]
        image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
        picture = OffsetImage(
            image.astype(np.uint8),
            zoom=20 / max(image.shape[:2]),
            cmap="gray",
            norm=Normalize(0, 255),
        )
        place = np.flatnonzero(shown == labels[index])
        colour = SERIES[place[0] % len(SERIES)] if place.size else GREY
        axes.add_artist(
            AnnotationBbox(
                picture,
                points[index],
                pad=0.08,
                bboxprops={"edgecolor": colour, "linewidth": 1.2 if place.size else 0.5},
            )
        )
