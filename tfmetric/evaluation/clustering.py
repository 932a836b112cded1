"""Clustering: compares k-means clusters with the classes."""

import json
import warnings
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.evaluation.statistics.class_bootstrap import bootstrap_interval, bootstrap_means
from tfmetric.evaluation.statistics.group_table import GroupTable, group_table, percentiles
from tfmetric.typing import Array
from tfmetric.values import labels as read_labels
from tfmetric.values import plain

# Examples × clusters above which k-means uses batches (about a minute for the whole data on two
# cores).
_MOST_PAIRS = 5e7


@dataclass(frozen=True, eq=False)
class ClusteringResult:
    """The agreement of clusters and classes.

    Attributes:
        clusters: (N,) the cluster of each example, 0, 1, ..., read-only.
        codes: (N,) number of each example's class, read-only.
        precision: (N,) B³ precision: share of an example's cluster that has its class, read-only.
        recall: (N,) B³ recall: share of an example's class that is in its cluster, read-only.
        pure: (N,) 1 where an example has the most frequent class of its cluster, read-only.
        distance: Name of the distance.
        method: The clustering method.
    """

    clusters: np.ndarray
    codes: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    pure: np.ndarray
    distance: str
    method: str

    @property
    def num_clusters(self) -> int:
        """Number of non-empty clusters."""
        return int(self.clusters.max()) + 1

    @property
    def num_classes(self) -> int:
        """Classes."""
        return int(self.codes.max()) + 1

    @cached_property
    def nmi(self) -> float:
        """Normalised mutual information, by the arithmetic mean of the entropies; 0 to 1.

        It grows with the number of clusters even if they are random: see :attr:`ami`.
        """
        from sklearn.metrics import normalized_mutual_info_score

        return float(normalized_mutual_info_score(self.codes, self.clusters))

    @cached_property
    def ami(self) -> float:
        """Adjusted mutual information: 0 for random clusters, 1 for the classes."""
        from sklearn.metrics import adjusted_mutual_info_score

        return float(adjusted_mutual_info_score(self.codes, self.clusters))

    @property
    def b3_precision(self) -> float:
        """Mean share of an example's cluster that is of its class (B³ precision)."""
        return float(self.precision.mean())

    @property
    def b3_recall(self) -> float:
        """Mean share of an example's class that is in its cluster (B³ recall)."""
        return float(self.recall.mean())

    @property
    def b3_f1(self) -> float:
        """Harmonic mean of B³ precision and recall."""
        return 2 * self.b3_precision * self.b3_recall / (self.b3_precision + self.b3_recall)

    @property
    def purity(self) -> float:
        """Share of the examples that have the most frequent class of their cluster."""
        return float(self.pure.mean())

    def figures(self) -> dict[str, float]:
        """Returns all figures by name."""
        names = ("nmi", "ami", "b3_precision", "b3_recall", "b3_f1", "purity")
        return {name: getattr(self, name) for name in names}

    def values(self, figure: str = "b3_precision") -> np.ndarray:
        """Returns a figure's value for each example (N,).

        Args:
            figure: ``"b3_precision"``, ``"b3_recall"`` or ``"purity"``; other figures have no value
                for an example.
        """
        found = {"b3_precision": self.precision, "b3_recall": self.recall, "purity": self.pure}
        if figure not in found:
            raise ValueError(expected(f"figure to be one of {', '.join(found)}", figure=figure))
        return found[figure]

    def interval(self, figure: str = "b3_precision") -> tuple[float, float]:
        """Returns the 95 % interval of a figure for other classes, with fixed clusters.

        Args:
            figure: One of :meth:`figures`.

        Returns:
            Lower and upper end by 1000 bootstrap draws of classes. NaN for NMI and AMI: classes
            drawn twice bias them.
        """
        if figure in ("nmi", "ami"):
            return float("nan"), float("nan")
        if figure == "b3_f1":
            means = bootstrap_means(np.stack([self.precision, self.recall], axis=1), self.codes)
            return percentiles(2 * means.prod(axis=1) / means.sum(axis=1))
        return bootstrap_interval(self.values(figure), self.codes)

    def by_group(
        self, groups: Array | None, figure: str = "b3_precision", **arguments: Any
    ) -> GroupTable:
        """Returns a figure by groups of the examples.

        Args:
            groups: (N,), integers or strings.
            figure: As in :meth:`values`.
            **arguments: Arguments of :func:`tfmetric.evaluation.group_table`, such as ``small``.
        """
        return group_table(figure, self.values(figure), groups, self.codes, **arguments)

    def summary(self) -> str:
        """Returns the figures as a few lines of text."""
        lines = [
            f"Clustering by {self.method}: {len(self.codes):,} examples of {self.num_classes:,} "
            f"classes in {self.num_clusters:,} clusters, {self.distance} distance"
        ]
        for name, value in self.figures().items():
            title = name.upper() if name in ("nmi", "ami") else name.replace("b3_", "B³ ")
            line = f"  {title.replace('f1', 'F1'):<14}{value:.4f}"
            low, high = self.interval(name)
            if np.isfinite(low):
                line += f"  (95 % interval {low:.4f} to {high:.4f})"
            lines.append(line)
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Returns figures, counts and intervals as plain Python values; NaN becomes None."""
        figures = self.figures()
        return plain(
            {
                "method": self.method,
                "distance": self.distance,
                "num_examples": len(self.codes),
                "num_classes": self.num_classes,
                "num_clusters": self.num_clusters,
                **figures,
                "intervals": {name: self.interval(name) for name in figures},
            }
        )

    def to_json(self) -> str:
        """Returns :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2)


def clustering(
    embeddings: Array,
    labels: Array,
    k: int | None = None,
    *,
    distance: str = "euclidean",
    restarts: int = 3,
    seed: int = 0,
) -> ClusteringResult:
    """Clusters the embeddings by k-means and compares the clusters with the classes.

    Clustering demands more than retrieval: each class must form one round cloud, all equally wide
    and separate. Good retrieval with poor clusters usually means that classes form several clouds.

    Args:
        embeddings: (N, D), finite.
        labels: (N,) or (N, 1), integers or strings.
        k: Number of clusters; None for the number of classes.
        distance: ``"euclidean"``, or ``"cosine"`` for embeddings scaled to length 1 first.
        restarts: Number of k-means starts from new centres; the tightest result is kept.
        seed: Seed of the centres.

    Returns:
        A :class:`ClusteringResult`. It has fewer clusters than k if there are fewer different
        embeddings. Above about 50 million examples × clusters, k-means uses random batches, which
        is faster and slightly worse.

    Raises:
        ValueError: If shapes do not fit, or k is not in 1..N.

    Example:

    >>> result = clustering([[0.0], [0.1], [5.0], [5.1]], ["a", "a", "b", "b"])
    >>> result.ami, result.purity
    (1.0, 1.0)

    References:
        * Manning, Raghavan, Schütze: Introduction to information retrieval, 2008, section 16.3
          (purity, NMI).
        * Vinh, Epps, Bailey: Information theoretic measures for clusterings comparison, JMLR 2010
          (AMI).
        * Bagga, Baldwin: Entity-based cross-document coreferencing using the vector space model,
          ACL 1998 (B³).
    """
    embeddings = check_embeddings(embeddings)
    labels = read_labels(labels, len(embeddings))
    if not embeddings.size:
        raise ValueError(expected("at least one embedding", embeddings_shape=embeddings.shape))
    if distance not in ("euclidean", "cosine"):
        raise ValueError(expected("distance to be euclidean or cosine", distance=distance))
    classes, codes = np.unique(labels, return_inverse=True)
    k = len(classes) if k is None else k
    for name, value, most in (("k", k, len(embeddings)), ("restarts", restarts, None)):
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not (whole and 1 <= value <= (most or value)):
            kind = f"an integer in 1..{most}" if most else "an integer above 0"
            raise ValueError(expected(f"{name} to be {kind}", **{name: value}))
    found, method = _k_means(_scaled(embeddings, distance), int(k), int(restarts), seed)
    _, clusters = np.unique(found, return_inverse=True)
    precision, recall, pure = _b_cubed(clusters, codes)
    for array in (clusters, codes, precision, recall, pure):
        array.setflags(write=False)
    return ClusteringResult(clusters, codes, precision, recall, pure, distance, method)


def _scaled(embeddings, distance):
    """Scales values so that float32 holds their squares; k-means does not depend on scale."""
    x = embeddings.astype(np.float64)
    x /= np.abs(x).max() or 1.0
    if distance == "cosine":
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return x.astype(np.float32)


def _k_means(x, k, restarts, seed):
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    if len(x) * k > _MOST_PAIRS:
        method = "k-means in batches"
        model = MiniBatchKMeans(k, batch_size=4096, n_init=restarts, random_state=seed)
    else:
        method, model = "k-means", KMeans(k, n_init=restarts, random_state=seed)
    with warnings.catch_warnings():
        # Ignore the warning about too few different embeddings: the number of clusters reports it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit_predict(x), method


def _b_cubed(clusters, codes):
    """Each example's B³ precision and recall, and whether it has its cluster's main class."""
    num_classes = codes.max() + 1
    cells, cell, together = np.unique(
        clusters * num_classes + codes, return_inverse=True, return_counts=True
    )
    together_of_each = together[cell]
    precision = together_of_each / np.bincount(clusters)[clusters]
    recall = together_of_each / np.bincount(codes)[codes]
    # The largest cell of a cluster counts, the first at a tie.
    order = np.lexsort((-together, cells // num_classes))
    first = np.unique(cells[order] // num_classes, return_index=True)[1]
    main = np.zeros(len(cells))
    main[order[first]] = 1.0
    return precision, recall, main[cell]
