"""Retrieval: measures whether an example's neighborhood holds others of its class."""

from typing import Any

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric._renamed import renamed
from tfmetric.evaluation.checked_arrays import check_ks, common_codes
from tfmetric.evaluation.distances import nearest_order
from tfmetric.evaluation.queries_and_gallery import (
    FORMER_NAMES,
    Sides,
    check_sides,
    comparable,
    count_found_again,
    shape_of,
)
from tfmetric.evaluation.retrieval.ranks import Ranks, rank
from tfmetric.evaluation.retrieval.result import RetrievalResult
from tfmetric.typing import Array, Distance
from tfmetric.values import labels as read_labels


@renamed(**FORMER_NAMES, reference_items="gallery_items", reference_cameras="gallery_cameras")
def retrieval(
    embeddings: Array,
    labels: Array,
    gallery: Any = None,
    gallery_labels: Any = None,
    *,
    distance: Distance = "euclidean",
    ks: Any = (1, 5, 10),
    queries: Any = None,
    items: Array | None = None,
    gallery_items: Any = None,
    cameras: Array | None = None,
    gallery_cameras: Any = None,
    distractors: Any = (),
    progress: bool = True,
) -> RetrievalResult:
    """Ranks the gallery for each query by distance and computes retrieval figures.

    Use it to judge an embedding: on classes never seen in training, or as queries against a gallery
    of training examples. Without a gallery every example is a query among all others.

    Definitions, for a query with R gallery examples of its class, with rel(i) = 1 if the i-th
    nearest is one of them and P(i) their share among the first i:

    * recall@k is 1 if any of the first k is a hit; over k it is the CMC curve;
    * precision@k is hits among the first k, over k, also where k exceeds R or the gallery;
    * MAP@k is (1/min(k,R)) Σ_{i≤k} P(i)·rel(i), so that a perfect order gives 1;
    * nDCG@k is Σ_{i≤k} rel(i)/log2(i+1), over Σ_{i≤min(k,R)} 1/log2(i+1);
    * R-precision is hits among the first R, over R; MAP@R is (1/R) Σ_{i≤R} P(i)·rel(i);
    * MRR is the mean of 1 / rank of the first hit.

    At k = 1 recall, precision, MAP and nDCG are one number. Queries with R = 0 are left out and
    counted. Ties count against the model: at equal distance, to float32 precision, a gallery
    example of another class comes first. Within one set a query is left out of its own neighbors by
    its index, so that its exact duplicates stay. A gallery equal to the queries raises an error;
    the notes of the result count rows that are in both.

    Protocols ignore some gallery examples of a query, which are then neither hits nor misses.
    ``items``: other pictures of the same thing or frames of the same sequence, which are too easy
    to find. ``cameras``: pictures of the same class by the same camera, as in re-identification.
    Both may be given. Gallery examples of classes without a query are distractors, and misses for
    all queries.

    The function processes queries in blocks and never holds all distances.

    Args:
        embeddings: (N, D), the queries, finite.
        labels: (N,) or (N, 1), integers of any size or strings.
        gallery: (M, D), the searched embeddings; None for the queries themselves.
        gallery_labels: (M,), with ``gallery``.
        distance: Name, function or ``Distance``; see :func:`tfmetric.distances.get`.
        ks: The k of the figures at k; may exceed the size of the gallery.
        queries: Indexes of the examples to query with; None for all. A sample of queries against
            the whole gallery is a fair estimate at a fraction of the time.
        items: (N,), integers or strings: gallery examples of the query's item are ignored, for
            every class. An example that shares its item with no other needs a unique value.
        gallery_items: (M,), with ``gallery`` and ``items``.
        cameras: (N,), integers or strings: gallery examples of the query's class and camera are
            ignored. The rule of Market-1501, MARS and VeRi; theirs says "identity" for class.
        gallery_cameras: (M,), with ``gallery`` and ``cameras``.
        distractors: Labels that are no classes: their examples are searched but never query.
        progress: Whether a progress bar is shown on a terminal.

    Returns:
        A :class:`RetrievalResult`. Where no query has a relevant gallery example its figures are
        NaN.

    Raises:
        ValueError: If shapes do not fit, embeddings hold NaN or infinity (names the rows), or the
            gallery is the queries once more.

    Example:

    >>> result = retrieval([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1], ks=(1, 2))
    >>> result.recall_at
    {1: 1.0, 2: 1.0}
    >>> retrieval([[0.2], [0.9]], [0, 1], [[0.0], [1.0]], [0, 1], ks=1).map_at_r
    1.0

    References:
        * Musgrave, Belongie, Lim: A metric learning reality check, ECCV 2020 (MAP@R).
        * Järvelin, Kekäläinen: Cumulated gain-based evaluation of IR techniques, ACM TOIS 2002,
          with gain 1 (nDCG).
        * Zheng et al.: Scalable person re-identification: a benchmark, ICCV 2015 (CMC, cameras).
    """
    sides = check_sides(embeddings, labels, gallery, gallery_labels)
    notes: tuple[str, ...] = ()
    if not sides.one_set and (again := count_found_again(sides.queries, sides.gallery)):
        notes = (
            f"{again:,} of {len(sides.queries):,} queries have an identical row in the gallery; "
            "where that is the query itself, pass items and gallery_items to leave it out",
        )
    return rank_sides(
        sides,
        distance=distance,
        ks=ks,
        queries=queries,
        items=(items, gallery_items),
        cameras=(cameras, gallery_cameras),
        distractors=distractors,
        progress=progress,
        notes=notes,
    )


def rank_sides(
    sides: Sides,
    *,
    distance,
    ks,
    queries=None,
    items: tuple[Any, Any] = (None, None),
    cameras: tuple[Any, Any] = (None, None),
    distractors=(),
    progress: bool = True,
    notes: tuple[str, ...] = (),
) -> RetrievalResult:
    """Computes :func:`retrieval` on checked sides, which may be SciPy sparse matrices."""
    labels, one_set, total = sides.labels, sides.one_set, sides.queries.shape[0]
    ks = check_ks(ks)
    chosen = _check_queries(queries, total)
    itself = chosen if one_set else None
    codes, gallery_codes = common_codes(labels, sides.gallery_labels)
    codes = _without(distractors, codes, sides.gallery_labels)
    num_distractors = int((~np.isin(gallery_codes, codes)).sum())
    codes = codes[chosen]
    ignored, ignoring = [], []
    count = sides.gallery.shape[0]
    if (columns := _columns("items", items, labels, itself, count)) is not None:
        ignored.append(common_codes(columns[0][chosen], columns[1]))
        ignoring.append("gallery examples of the query's item")
    if (columns := _columns("cameras", cameras, labels, itself, count)) is not None:
        ignored.append(
            _pairs_of_codes((codes, gallery_codes), common_codes(columns[0][chosen], columns[1]))
        )
        ignoring.append("gallery examples of the query's class and camera")
    # The relevant gallery examples of a query are then adjacent.
    order = np.argsort(gallery_codes, kind="stable")
    if itself is not None:
        itself = np.argsort(order)[itself]
    ignored = [(group, gallery_group[order]) for group, gallery_group in ignored]
    gallery_codes = gallery_codes[order]
    block = nearest_order.ordering(distance, sides.queries, sides.gallery, chosen, order)
    found = rank(block, codes, gallery_codes, itself, ks, ignored, progress)
    query = chosen[found.query]
    classes = codes[found.query]
    for array in (query, classes):
        array.setflags(write=False)
    return RetrievalResult(
        ks=ks,
        distance=distances.get(distance).name,
        num_gallery=count,
        num_left_out=len(chosen) - len(query),
        per_query=Ranks(**{**vars(found), "query": query}),
        query_classes=classes,
        num_distractors=num_distractors,
        ignoring=tuple(ignoring),
        num_examples=total,
        one_set=one_set,
        notes=notes,
    )


def _without(distractors, codes, gallery_labels):
    """Returns the codes of the queries with −1 where the label is a distractor's."""
    distractors = np.atleast_1d(np.asarray(distractors))
    if not distractors.size:
        return codes
    distractors = read_labels(distractors, distractors.size, "distractors")
    if not comparable(distractors, gallery_labels):
        raise ValueError(
            expected("distractors to be labels of the gallery", distractors=distractors.tolist())
        )
    none = common_codes(distractors, gallery_labels)[0]
    return np.where(np.isin(codes, none), -1, codes)


def _columns(name, both, labels, itself, count):
    """Checks a column of the queries and the column of the gallery; None where there is none."""
    column, gallery_column = both
    apart = itself is None
    if column is None and gallery_column is None:
        return None
    if (column is None) or (apart != (gallery_column is not None)):
        raise ValueError(
            expected(
                f"{name} and gallery_{name} with a gallery, {name} alone with one set",
                **{name: shape_of(column), f"gallery_{name}": shape_of(gallery_column)},
            )
        )
    column = read_labels(column, len(labels), name)
    if not apart:
        return column, column
    gallery_column = read_labels(gallery_column, count, f"gallery_{name}")
    if not comparable(column, gallery_column):
        raise ValueError(
            expected(
                f"{name} and gallery_{name} to be both integers or both strings",
                **{name: str(column.dtype), f"gallery_{name}": str(gallery_column.dtype)},
            )
        )
    return column, gallery_column


def _pairs_of_codes(one, other):
    """Combines two codes: equal where both are equal, −1 where either is −1."""
    count = other[1].max(initial=0) + 1
    gallery_pairs = one[1] * count + other[1]
    pairs = np.where((one[0] < 0) | (other[0] < 0), -1, one[0] * count + other[0])
    return common_codes(pairs, gallery_pairs)


def _check_queries(queries, count):
    if queries is None:
        return np.arange(count)
    chosen = np.asarray(queries)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise ValueError(expected("queries to be indexes of shape (Q,)", shape=chosen.shape))
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < count):
        raise ValueError(
            expected(f"queries to be in 0..{count - 1}", min=chosen.min(), max=chosen.max())
        )
    return chosen.astype(np.int64)
