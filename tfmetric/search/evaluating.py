"""Measures an index: recall against exact search, speed and memory."""

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric._renamed import renamed
from tfmetric.datasets.progress import progress as bar
from tfmetric.search.base import Index, check_k

_PERCENTILES = (50, 95, 99)
_LATENCY_QUERIES = 200


@dataclass(frozen=True)
class SearchResult:
    """How an index did.

    Attributes:
        name: What it is called in tables and pictures.
        distance: Name of the distance.
        count: Embeddings in the index.
        dim: Their width.
        k: Number of neighbors.
        num_queries: Queries asked.
        recall: Mean share of the k nearest found; None without an exact index.
        queries_per_second: All queries in batches.
        batch_size: Queries in a batch.
        latency_ms: Percentiles of the time of a single query, in milliseconds, by percentile.
        nbytes: Memory of the index in bytes, without ids.
    """

    name: str
    distance: str
    count: int
    dim: int | None
    k: int
    num_queries: int
    recall: float | None
    queries_per_second: float
    batch_size: int
    latency_ms: dict[int, float]
    nbytes: int

    def summary(self) -> str:
        """The figures as a few lines of text."""
        latency = ", ".join(f"{p} %: {ms:.2f} ms" for p, ms in self.latency_ms.items())
        lines = [
            f"{self.name}: {self.count:,} embeddings of width {self.dim}, {self.distance} distance",
            f"  queries a second    {self.queries_per_second:,.0f} in batches of "
            f"{self.batch_size:,} ({self.num_queries:,} queries, k = {self.k})",
            f"  one query takes     {latency}",
            f"  memory              {self.nbytes / 1e6:,.1f} MB",
        ]
        if self.recall is not None:
            lines.insert(
                1, f"  recall@{self.k:<12} {self.recall:.4f} of the neighbors of exact search"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """The figures as plain Python values."""
        return asdict(self)

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


@renamed(show_progress="progress")
def evaluate(
    index: Index,
    queries: Any,
    exact: Index | None = None,
    k: int = 10,
    *,
    name: str | None = None,
    batch_size: int = 1000,
    progress: bool = True,
) -> SearchResult:
    """Measures an index on queries.

    Args:
        index: The index to measure.
        queries: (Q, D), preferably typical queries that are not in the index.
        exact: An :class:`ExactIndex` with the same embeddings and ids. None to measure time and
            memory only.
        k: Neighbours asked for.
        name: Name in the result; None for its class and kind.
        batch_size: Queries in a batch, to measure queries per second.
        progress: Whether a bar is shown where it takes long, on a terminal.

    Returns:
        A :class:`SearchResult`.

    Raises:
        ValueError: If there are no queries, or the two indexes do not hold as many embeddings.

    Example:

    >>> import numpy as np
    >>> from tfmetric.search import ExactIndex
    >>> x = np.random.default_rng(0).normal(size=(500, 16))
    >>> exact, small = ExactIndex("cosine"), ExactIndex("cosine", storage="int8")
    >>> for index in (exact, small):
    ...     index.add(x, range(500))
    >>> result = evaluate(small, x[:50] + 0.1, exact, k=5)
    >>> result.recall > 0.95, result.nbytes < exact.nbytes / 2
    (True, True)
    """
    queries, k = index._checked(queries, "queries"), check_k(k)
    if not len(queries) or not len(index):
        raise ValueError(
            expected("queries, and a non-empty index", queries=len(queries), index=len(index))
        )
    if exact is not None and (len(exact), exact.distance) != (len(index), index.distance):
        raise ValueError(
            expected(
                f"exact to hold the same {len(index)} embeddings under {index.distance} distance",
                count=len(exact),
                distance=exact.distance,
            )
        )
    starts = range(0, len(queries), check_k(batch_size))
    index.query(queries[:1], k)  # Warm up first: work done only once is not measured.
    parts, seconds = [], 0.0
    with bar(len(queries), "Asking the index", progress) as done:
        for start in starts:
            began = time.perf_counter()
            parts.append(index.query(queries[start : start + batch_size], k))
            seconds += time.perf_counter() - began
            done(len(queries[start : start + batch_size]))
    single = []
    for query in queries[:_LATENCY_QUERIES]:
        began = time.perf_counter()
        index.query(query[None], k)
        single.append(1000 * (time.perf_counter() - began))
    recall = None
    if exact is not None:
        hits = 0
        with bar(len(queries), "Asking exact search", progress) as done:
            for start, found in zip(starts, parts, strict=True):
                truth = exact.query(queries[start : start + batch_size], k)
                hits += _hits(found, truth)
                done(len(found.ids))
        recall = hits / (len(queries) * min(k, len(index)))
    return SearchResult(
        name=name or _name_of(index),
        distance=index.distance,
        count=len(index),
        dim=index.dim,
        k=k,
        num_queries=len(queries),
        recall=recall,
        queries_per_second=len(queries) / seconds,
        batch_size=min(batch_size, len(queries)),
        latency_ms={p: float(np.percentile(single, p)) for p in _PERCENTILES},
        nbytes=index.nbytes,
    )


def _hits(found, truth):
    """Counts the true neighbors found, over all rows."""
    return sum(
        len(set(own) & set(true))
        for own, true in zip(found.ids.tolist(), truth.ids.tolist(), strict=True)
    )


def _name_of(index):
    kind = getattr(index, "kind", None) or getattr(index, "storage", None)
    return type(index).__name__.removesuffix("Index").lower() + (f" {kind}" if kind else "")
