"""Retrieval: does the neighbourhood of an example hold others of its class?"""

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_ks, common_codes
from tfmetric.evaluation.distances import nearest_order
from tfmetric.evaluation.queries_and_gallery import check_sides, comparable, shape_of
from tfmetric.evaluation.retrieval.ranks import Ranks, rank
from tfmetric.evaluation.retrieval.result import RetrievalResult
from tfmetric.values import labels as read_labels


def retrieval(
    embeddings,
    labels,
    reference_embeddings=None,
    reference_labels=None,
    distance="euclidean",
    ks=(1, 5, 10),
    queries=None,
    *,
    items=None,
    reference_items=None,
    cameras=None,
    reference_cameras=None,
    distractors=(),
    progress: bool = True,
) -> RetrievalResult:
    """Ranks the references for each query by distance and says how well classes are found.

    Without references every example is a query for all the others. Definitions, for a query with
    R references of its class, rel(i) being 1 where the i-th nearest is one of them and P(i) the
    share of them among the first i:

    * recall@k is 1 if any of the first k is a hit; over k it is the CMC curve;
    * precision@k is hits among the first k, over k, also where k exceeds R or the references;
    * MAP@k is (1/min(k,R)) Σ_{i≤k} P(i)·rel(i), so that a perfect order gives 1;
    * nDCG@k is Σ_{i≤k} rel(i)/log2(i+1), over Σ_{i≤min(k,R)} 1/log2(i+1);
    * R-precision is hits among the first R, over R; MAP@R is (1/R) Σ_{i≤R} P(i)·rel(i);
    * MRR is the mean of 1 / rank of the first hit.

    Queries with R = 0 are left out and counted. Ties count against the model: at equal distance,
    to float32 precision, a reference of another class comes first. A query is no reference of
    itself; it is left out by its index, so its exact duplicates stay.

    Protocols ignore some references of a query, which then are neither hits nor misses, as if they
    were not there. ``items``: other pictures of the same thing or frames of the same sequence,
    which are too easy to find. ``cameras``: pictures of the same class by the same camera, as in
    re-identification. Both may be given. References of classes that no query has are distractors,
    and are misses for all.

    It goes through the queries in blocks and never holds all distances.

    Args:
        embeddings: (N, D), the queries, finite.
        labels: (N,) or (N, 1), integers of any size or strings.
        reference_embeddings: (M, D), what is searched; None for the queries themselves.
        reference_labels: (M,), with ``reference_embeddings``.
        distance: Name, function or ``Distance``; see :func:`tfmetric.distances.get`.
        ks: The k of the figures at k; may exceed the number of references.
        queries: Indexes of the examples to query with; None for all. A sample of queries against
            all references is a fair estimate at a fraction of the time.
        items: (N,), integers or strings: references of the query's item are ignored, whatever
            their class. An example that shares its item with no other has a value of its own.
        reference_items: (M,), with ``reference_embeddings`` and ``items``.
        cameras: (N,), integers or strings: references of the query's class and camera are
            ignored. The rule of Market-1501, MARS and VeRi; theirs says "identity" for class.
        reference_cameras: (M,), with ``reference_embeddings`` and ``cameras``.
        distractors: Labels that count as no class, such as the 0 of Market-1501's background:
            examples with one are misses for every query and, where they are queries, left out.
        progress: Whether a bar is shown where it takes long, on a terminal.

    Returns:
        A :class:`RetrievalResult`. Without any query that has a relevant reference, its figures
        are NaN.

    Raises:
        ValueError: If shapes do not fit, or embeddings hold NaN or infinity (names the rows).

    Example:

    >>> result = retrieval([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1], ks=(1, 2))
    >>> result.recall_at
    {1: 1.0, 2: 1.0}
    >>> result.map_at_r
    1.0

    References:
        * Musgrave, Belongie, Lim: A metric learning reality check, ECCV 2020 (MAP@R).
        * Järvelin, Kekäläinen: Cumulated gain-based evaluation of IR techniques, ACM TOIS 2002,
          with gain 1 (nDCG).
        * Zheng et al.: Scalable person re-identification: a benchmark, ICCV 2015 (CMC, cameras).
    """
    sides = check_sides(embeddings, labels, reference_embeddings, reference_labels)
    embeddings, labels, references, reference_labels, one_set = sides
    ks = check_ks(ks)
    chosen = _check_queries(queries, len(embeddings))
    itself = chosen if one_set else None
    codes, reference_codes = common_codes(labels, reference_labels)
    codes = _without(distractors, codes, reference_labels)
    num_distractors = int((~np.isin(reference_codes, codes)).sum())
    codes = codes[chosen]
    ignored, ignoring = [], []
    count = len(references)
    if (columns := _columns("items", items, reference_items, labels, itself, count)) is not None:
        ignored.append(common_codes(columns[0][chosen], columns[1]))
        ignoring.append("references of the query's item")
    columns = _columns("cameras", cameras, reference_cameras, labels, itself, count)
    if columns is not None:
        ignored.append(
            _both((codes, reference_codes), common_codes(columns[0][chosen], columns[1]))
        )
        ignoring.append("references of the query's class and camera")
    # A query's relevant references then lie side by side.
    order = np.argsort(reference_codes, kind="stable")
    if itself is not None:
        itself = np.argsort(order)[itself]
    ignored = [(group, reference_group[order]) for group, reference_group in ignored]
    reference_codes = reference_codes[order]
    block = nearest_order.ordering(distance, embeddings[chosen], references[order])
    found = rank(block, codes, reference_codes, itself, ks, ignored, progress)
    query = chosen[found.query]
    classes = codes[found.query]
    for array in (query, classes):
        array.setflags(write=False)
    return RetrievalResult(
        ks=ks,
        distance=distances.get(distance).name,
        num_references=count,
        num_left_out=len(chosen) - len(query),
        per_query=Ranks(**{**vars(found), "query": query}),
        query_classes=classes,
        num_distractors=num_distractors,
        ignoring=tuple(ignoring),
        num_examples=len(embeddings),
    )


def _without(distractors, codes, reference_labels):
    """The codes of the queries, −1 for those whose label is no class."""
    distractors = np.atleast_1d(np.asarray(distractors))
    if not distractors.size:
        return codes
    distractors = read_labels(distractors, distractors.size, "distractors")
    if not comparable(distractors, reference_labels):
        raise ValueError(
            expected("distractors to be labels of the references", distractors=distractors.tolist())
        )
    none = common_codes(distractors, reference_labels)[0]
    return np.where(np.isin(codes, none), -1, codes)


def _columns(name, column, reference_column, labels, itself, count):
    """A column of the queries and that of the references, None where there is none."""
    apart = itself is None
    if column is None and reference_column is None:
        return None
    if (column is None) or (apart != (reference_column is not None)):
        raise ValueError(
            expected(
                f"{name} and reference_{name} with references apart, {name} alone with one set",
                **{name: shape_of(column), f"reference_{name}": shape_of(reference_column)},
            )
        )
    column = read_labels(column, len(labels), name)
    if not apart:
        return column, column
    reference_column = read_labels(reference_column, count, f"reference_{name}")
    if not comparable(column, reference_column):
        raise ValueError(
            expected(
                f"{name} and reference_{name} to be both integers or both strings",
                **{name: str(column.dtype), f"reference_{name}": str(reference_column.dtype)},
            )
        )
    return column, reference_column


def _both(one, other):
    """Groups of what is in the same group of both: pairs of codes as one code."""
    count = other[1].max(initial=0) + 1
    reference_pairs = one[1] * count + other[1]
    pairs = np.where((one[0] < 0) | (other[0] < 0), -1, one[0] * count + other[0])
    return common_codes(pairs, reference_pairs)


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
