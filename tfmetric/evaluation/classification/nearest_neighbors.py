"""Classifies by neighbors or class means; a query far from all of them is unknown."""

from numbers import Integral, Real
from typing import Any

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric._renamed import renamed
from tfmetric.evaluation.checked_arrays import common_codes
from tfmetric.evaluation.classification.result import ClassificationResult
from tfmetric.evaluation.distances import nearest_order, pair_distances
from tfmetric.evaluation.distances.parallel_blocks import run_blocks
from tfmetric.evaluation.distances.smallest_in_rows import smallest
from tfmetric.evaluation.queries_and_gallery import FORMER_NAMES, Sides, check_sides
from tfmetric.typing import Array, Distance

_BLOCK_BYTES = 2**25
_MOST_ROWS = 256  # Larger blocks do not speed up the matrix product.


@renamed(**FORMER_NAMES)
def knn(
    embeddings: Array,
    labels: Array,
    gallery: Any = None,
    gallery_labels: Any = None,
    *,
    k: int = 5,
    distance: Distance = "euclidean",
    threshold: float | None = None,
    progress: bool = True,
) -> ClassificationResult:
    """Assigns each query to the class that most of its k nearest gallery examples have.

    Use it to judge a closed set, with test queries and the training examples as the gallery.
    Without a gallery each example is assigned by all others.

    Ties count against the model: at equal distance, to float32 precision, examples of other classes
    come first, and at equal votes another class wins, the nearest one if there are several. With
    k = 1 the accuracy is recall@1. A query is unknown if no gallery example has its class;
    without a gallery the only example of a class is unknown.

    Args:
        embeddings: (Q, D), the queries, finite.
        labels: (Q,) or (Q, 1), integers or strings.
        gallery: (M, D); None for the queries themselves.
        gallery_labels: (M,), with ``gallery``.
        k: Number of voting neighbors; a smaller gallery votes as a whole.
        distance: Name or function, see :func:`tfmetric.distances.get`.
        threshold: Answer "unknown" where even the nearest example is further than this; None for
            never. Choose it on other data; see :func:`tfmetric.evaluation.calibrate`.
        progress: Whether a progress bar is shown on a terminal.

    Returns:
        A :class:`ClassificationResult`; its ``distances`` are distances to the nearest example.

    Raises:
        ValueError: If shapes do not fit, embeddings are not finite, or the gallery is empty or
            equals the queries.

    Example:

    >>> result = knn([[0.1], [5.2], [99.0]], ["a", "b", "z"], [[0.0], [5.0]], ["a", "b"], k=1,
    ...              threshold=1.0)
    >>> result.answers
    ['a', 'b', None]
    >>> result.accuracy, result.unknown_detection_rate
    (1.0, 1.0)

    Reference: Cover, Hart: Nearest neighbor pattern classification, IEEE Trans. Inf. Theory 1967.
    """
    sides = check_sides(embeddings, labels, gallery, gallery_labels)
    return knn_of_sides(sides, k=k, distance=distance, threshold=threshold, progress=progress)


def knn_of_sides(
    sides: Sides, *, k: int, distance, threshold: float | None = None, progress: bool = True
) -> ClassificationResult:
    """Computes :func:`knn` on checked sides; queries and gallery may be SciPy sparse matrices."""
    if isinstance(k, bool) or not isinstance(k, Integral) or k < 1:
        raise ValueError(expected("k to be an integer above 0", k=k))
    _check(sides, threshold, 1 + sides.one_set)
    codes, gallery_codes = common_codes(sides.labels, sides.gallery_labels)
    total, count = sides.gallery.shape[0], sides.queries.shape[0]
    k = min(int(k), total - sides.one_set)
    block = nearest_order.ordering(distance, sides.queries, sides.gallery)
    predicted, far = np.empty(count, np.int64), np.empty(count, np.float32)
    sparse = not isinstance(sides.gallery, np.ndarray)

    def work(rows):
        found = block(rows)
        if sides.one_set:
            found[np.arange(len(rows)), rows] = np.inf
        order = _nearest(found, codes[rows], gallery_codes, k)
        nearest = order[:, 0]
        far[rows] = (
            found[np.arange(len(rows)), nearest]
            if sparse
            else pair_distances.paired(distance, sides.queries[rows], sides.gallery[nearest])
        )
        predicted[rows] = _elected(gallery_codes[order], codes[rows])

    step = min(_MOST_ROWS, max(1, _BLOCK_BYTES // (8 * (total + k * k))))
    blocks = [np.arange(start, min(start + step, count)) for start in range(0, count, step)]
    run_blocks(work, blocks, "Classifying", progress, None if block.threaded else 1)
    method = f"{k} nearest neighbors" if k > 1 else "the nearest neighbor"
    return _result(method, distance, sides, codes, gallery_codes, predicted, far, threshold)


@renamed(**FORMER_NAMES)
def nearest_class_mean(
    embeddings: Array,
    labels: Array,
    gallery: Any = None,
    gallery_labels: Any = None,
    *,
    distance: Distance = "euclidean",
    threshold: float | None = None,
    progress: bool = True,
) -> ClassificationResult:
    """Assigns each query to the class whose gallery examples have the nearest mean.

    Without a gallery each example is compared with the means of all others: it is excluded from the
    mean of its class. Ties, to float32 precision, count against the model.

    Args:
        embeddings: (Q, D), the queries, finite.
        labels: (Q,) or (Q, 1), integers or strings.
        gallery: (M, D); None for the queries themselves.
        gallery_labels: (M,), with ``gallery``.
        distance: Name or function, see :func:`tfmetric.distances.get`. Means are of the given
            embeddings, not normalised.
        threshold: Answer "unknown" where even the nearest mean is further than this.
        progress: Whether a progress bar is shown on a terminal.

    Returns:
        A :class:`ClassificationResult`; its ``distances`` are distances to the nearest mean.

    Raises:
        ValueError: If shapes do not fit, embeddings are not finite, or the gallery is empty or the
            queries once more.

    Example:

    >>> result = nearest_class_mean([[0.0], [1.0], [8.0], [9.0]], [0, 0, 1, 1])
    >>> result.accuracy
    1.0

    Reference: Mensink, Verbeek, Perronnin, Csurka: Distance-based image classification:
    generalizing to new classes at near-zero cost, TPAMI 2013.
    """
    sides = check_sides(embeddings, labels, gallery, gallery_labels)
    _check(sides, threshold, 1 + sides.one_set)
    codes, gallery_codes = common_codes(sides.labels, sides.gallery_labels)
    sizes = np.bincount(gallery_codes)
    means = class_means(sides.gallery, gallery_codes, len(sizes))
    count = len(sides.queries)
    predicted, far = np.empty(count, np.int64), np.empty(count, np.float32)

    def work(rows):
        part, own = sides.queries[rows].astype(np.float64), codes[rows]
        held = means
        if sides.one_set:
            # Exclude the query from its class's mean; a single example leaves no mean.
            rest = np.maximum(sizes[own] - 1, 1)[:, None]
            held = np.concatenate([means, means[own] + (means[own] - part) / rest])
        found = nearest_order.ordering(distance, part, held)(np.arange(len(rows)))
        here = np.arange(len(rows))
        if sides.one_set:
            without = found[here, len(means) + here]
            found = found[:, : len(means)]
            found[here, own] = np.where(sizes[own] > 1, without, np.inf)
        predicted[rows] = _first_of_another(found, own)
        chosen = predicted[rows]
        if sides.one_set:
            chosen = np.where(chosen == own, len(means) + here, chosen)
        far[rows] = pair_distances.paired(distance, part, held[chosen])

    step = max(64, _BLOCK_BYTES // (8 * (len(means) + sides.queries.shape[1])))
    blocks = [np.arange(start, min(start + step, count)) for start in range(0, count, step)]
    run_blocks(work, blocks, "Classifying", progress, threads=1)
    method = "the nearest class mean"
    return _result(method, distance, sides, codes, gallery_codes, predicted, far, threshold)


def class_means(embeddings, codes, count: int) -> np.ndarray:
    """Returns the mean embedding of each class 0, ..., count − 1, in float64 (count, D)."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=count)
    starts = np.cumsum(sizes) - sizes
    sums = np.zeros((count, embeddings.shape[1]))
    for code in range(count):  # One class at a time, so that only one is converted to float64.
        members = embeddings[order[starts[code] : starts[code] + sizes[code]]]
        sums[code] = members.sum(axis=0, dtype=np.float64)
    return sums / np.maximum(sizes, 1)[:, None]


def _check(sides, threshold, least):
    if sides.gallery.shape[0] < least:
        raise ValueError(
            expected(f"at least {least} gallery examples", gallery_shape=sides.gallery.shape)
        )
    number = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if threshold is not None and not (number and np.isfinite(threshold)):
        raise ValueError(expected("threshold to be a finite number or None", threshold=threshold))


def _nearest(found, own, gallery_codes, k):
    """Returns the k nearest examples (B, k) of each query, other classes first at a tie."""
    width = found.shape[1]
    flat = smallest(found, k)
    flat = np.arange(found.size) if flat is None else flat[0]
    row, column = np.divmod(flat, width)
    order = np.lexsort((gallery_codes[column] == own[row], found.ravel()[flat], row))
    starts = np.searchsorted(row, np.arange(len(found)))
    return column[order[starts[:, None] + np.arange(k)]]


def _elected(voters, own):
    """Class with most votes; ties prefer a class other than the query's, then the nearer."""
    votes = (voters[:, :, None] == voters[:, None, :]).sum(axis=2)
    first = np.argmax(2 * votes + (voters != own[:, None]), axis=1)
    return voters[np.arange(len(voters)), first]


def _first_of_another(found, own):
    """Returns the nearest class; ties prefer a class other than the query's."""
    least = found.min(axis=1, keepdims=True)
    another = np.arange(found.shape[1]) != own[:, None]
    return np.argmax(2 * (found == least) + another, axis=1)


def _result(method, distance, sides, codes, gallery_codes, predicted, far, threshold):
    _, query_classes = np.unique(sides.labels, return_inverse=True)
    actual = codes.copy()
    if sides.one_set:
        actual[np.bincount(gallery_codes)[codes] == 1] = -1
    if threshold is not None:
        predicted = np.where(far > threshold, -1, predicted)
    for array in (actual, predicted, far, query_classes):
        array.setflags(write=False)
    return ClassificationResult(
        method=method,
        distance=distances.get(distance).name,
        classes=tuple(np.unique(sides.gallery_labels).tolist()),
        actual=actual,
        predicted=predicted,
        distances=far,
        threshold=None if threshold is None else float(threshold),
        query_classes=query_classes,
    )
