"""Judges how the candidates of a whole catalogue are ranked for each query."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings, check_ks
from tfmetric.evaluation.distances import nearest_order
from tfmetric.evaluation.ranking.link_ranks import rank_links
from tfmetric.evaluation.ranking.relevance import (
    read_gains,
    read_links,
    read_shape,
    require_apart,
)
from tfmetric.evaluation.ranking.result import RankingResult
from tfmetric.typing import Array, Distance


def ranking(
    query_embeddings: Array,
    candidate_embeddings: Array,
    relevant: Any,
    *,
    exclude: Any = None,
    gains: Any = None,
    ks: Any = (1, 5, 10, 50),
    distance: Distance = "cosine",
    popularity: Any = None,
    progress: bool = True,
) -> RankingResult:
    """Ranks all candidates for each query by distance and computes figures of ranking.

    Use it to judge two towers, a recommender or a search, where links say which candidates are
    relevant to which query. Where classes say so, use :func:`tfmetric.evaluation.retrieval`.

    Definitions, for a query with R relevant candidates, with rel(i) = 1 if the i-th is one of them,
    g(i) its gain, and P(i) the share of relevant ones among the first i:

    * recall@k is the share of the R that are among the first k;
    * hit rate@k is 1 if any of the first k is relevant, which
      :func:`tfmetric.evaluation.retrieval` calls recall@k, as metric learning does;
    * precision@k is the number of relevant ones among the first k, over k;
    * MAP@k is (1/min(k,R)) Σ_{i≤k} P(i)·rel(i), and MAP is (1/R) Σ_i P(i)·rel(i);
    * MRR@k is 1 / rank of the first relevant one, 0 beyond k, and MRR has no such limit;
    * nDCG@k is Σ_{i≤k} g(i)/log2(i+1) over that of the best order. The gain is linear: give
      2^grade − 1 for the exponential form.

    All candidates are ranked, never a sample, whose figures say little about those of the catalogue
    (Krichene and Rendle). Excluded links, such as items that a user has already seen, are taken out
    of the ranking of that query. Ties count against the model: at equal distance, to float32
    precision, irrelevant candidates come first and then lower gains. Queries without a relevant
    candidate are left out and counted.

    Queries go in blocks, so the ``(Q, N)`` distances are never held.

    Args:
        query_embeddings: ``(Q, D)``, finite.
        candidate_embeddings: ``(N, D)``, finite: the catalogue.
        relevant: Links ``(M, 2)`` of places, a query and a candidate each, such as
            ``relation.links``; or a mapping ``{query: [candidate, ...]}``, or ``{query: {candidate:
            gain}}``.
        exclude: Links that are not ranked, in the same form without gains, such as
            ``relation.seen``.
        gains: ``(M,)``, above 0, the gain of each link for nDCG; 1 by default.
        ks: The k of the figures at k; may exceed the size of the catalogue.
        distance: Name, function or ``Distance``; see :func:`tfmetric.distances.get`.
        popularity: ``(N,)``, the number of training links of each candidate; the result then says
            how popular the recommended candidates are, and judges cold ones apart.
        progress: Whether a progress bar is shown on a terminal.

    Returns:
        A :class:`RankingResult`. Its figures are NaN where no query has a relevant candidate.

    Raises:
        ValueError: If shapes do not fit, embeddings hold NaN or infinity, a link leads to no query
            or candidate, is given twice, or is both relevant and excluded.

    Example:

    >>> users, items = [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.1], [0.9, 0.0], [0.2, 1.0]]
    >>> result = ranking(users, items, {0: [0], 1: [2]}, exclude={0: [1]}, ks=(1, 2))
    >>> result.recall_at
    {1: 1.0, 2: 1.0}
    >>> result.num_excluded
    1

    References:
        * Järvelin, Kekäläinen: Cumulated gain-based evaluation of IR techniques, ACM TOIS 2002.
        * Krichene, Rendle: On sampled metrics for item recommendation, KDD 2020.
    """
    queries = check_embeddings(query_embeddings, "query_embeddings")
    candidates = check_embeddings(candidate_embeddings, "candidate_embeddings")
    if queries.shape[1] != candidates.shape[1]:
        raise ValueError(
            expected(
                "query_embeddings and candidate_embeddings of the same width",
                query_embeddings_shape=queries.shape,
                candidate_embeddings_shape=candidates.shape,
            )
        )
    return ranking_of_vectors(
        queries,
        candidates,
        relevant,
        exclude=exclude,
        gains=gains,
        ks=ks,
        distance=distance,
        popularity=popularity,
        progress=progress,
    )


def ranking_of_vectors(
    queries,
    candidates,
    relevant,
    *,
    exclude=None,
    gains=None,
    ks,
    distance,
    popularity=None,
    progress: bool = True,
) -> RankingResult:
    """Computes :func:`ranking` of checked vectors, which may be SciPy sparse matrices."""
    block = nearest_order.ordering(distance, queries, candidates)
    return _ranked(
        block,
        (queries.shape[0], candidates.shape[0]),
        relevant,
        exclude,
        gains,
        ks,
        popularity,
        scored_by=f"{distances.get(distance).name} distance",
        threaded=getattr(block, "threaded", False),
        progress=progress,
    )


def ranking_of_scores(
    scores: Any,
    relevant: Any,
    *,
    shape: tuple[int, int] | None = None,
    exclude: Any = None,
    gains: Any = None,
    ks: Any = (1, 5, 10, 50),
    popularity: Any = None,
    progress: bool = True,
) -> RankingResult:
    """Computes the figures of :func:`ranking` from scores in place of embeddings.

    Use it for models that are no embeddings: baselines such as
    :func:`tfmetric.evaluation.ease_scores`, a reranker, a search engine.

    Args:
        scores: ``(Q, N)``, finite, larger is better; or a function from places of queries ``(B,)``
            to the scores ``(B, N)``, which is called for a block of queries at a time.
        relevant: As in :func:`ranking`.
        shape: ``(Q, N)``, with a function.
        exclude: As in :func:`ranking`.
        gains: As in :func:`ranking`.
        ks: As in :func:`ranking`.
        popularity: As in :func:`ranking`.
        progress: As in :func:`ranking`.

    Returns:
        A :class:`RankingResult`.

    Raises:
        ValueError: As :func:`ranking`; or if a score is NaN or infinite.

    Example:

    >>> ranking_of_scores([[0.3, 0.9, 0.1]], [[0, 0]], ks=(1, 2)).recall_at
    {1: 0.0, 2: 1.0}
    """
    function, shape = _function_of(scores, shape)

    def block(places):
        found = np.array(function(places))
        numbers = found.dtype.kind in "fiu"
        if not numbers or not np.isfinite(found).all():
            raise ValueError(
                expected("finite scores", dtype=str(found.dtype), first_query=int(places[0]))
            )
        return -found.astype(np.float64)

    return _ranked(
        block,
        shape,
        relevant,
        exclude,
        gains,
        ks,
        popularity,
        scored_by="scores",
        threaded=False,
        progress=progress,
    )


def _function_of(scores, shape) -> tuple[Callable, tuple[int, int]]:
    if callable(scores):
        if shape is None:
            raise ValueError(expected("shape=(Q, N) with a function of scores", shape=None))
        return scores, read_shape(shape)
    array = np.asarray(scores)
    if array.ndim != 2:
        raise ValueError(expected("scores of shape (Q, N)", scores_shape=array.shape))
    if shape is not None and read_shape(shape) != array.shape:
        raise ValueError(expected("shape to be that of scores", shape=shape, scores=array.shape))
    return array.__getitem__, array.shape


def _ranked(
    block, shape, relevant, exclude, gains, ks, popularity, *, scored_by, threaded, progress
):
    ks = check_ks(ks)
    links, held = read_links("relevant", relevant, *shape)
    if gains is not None and isinstance(relevant, Mapping):
        raise ValueError(
            expected("gains in the mapping, {query: {candidate: gain}}, not in gains=", gains=gains)
        )
    if held is None:
        held = read_gains(gains, links, relevant)
    out, more = read_links("exclude", exclude, *shape)
    if more is not None:
        raise ValueError(expected("exclude without gains", exclude="a mapping with gains"))
    require_apart(links, out, shape[1])
    found = rank_links(block, links, held, out, shape[1], ks, threaded=threaded, progress=progress)
    return RankingResult.of(
        found,
        ks=ks,
        scored_by=scored_by,
        num_candidates=shape[1],
        num_examples=shape[0],
        num_excluded=len(out),
        popularity=_counts(popularity, shape[1]),
    )


def _counts(popularity, num_candidates):
    if popularity is None:
        return None
    counts = np.array(popularity)
    if counts.shape != (num_candidates,) or counts.dtype.kind not in "fiu" or (counts < 0).any():
        raise ValueError(
            expected(
                f"popularity of shape ({num_candidates},), numbers of at least 0",
                popularity_shape=counts.shape,
                dtype=str(counts.dtype),
            )
        )
    counts.setflags(write=False)
    return counts
