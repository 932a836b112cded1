"""Checks the health of an embedding: its use of space, hubs and collapse."""

from numbers import Integral

import numpy as np

from tfmetric import distances
from tfmetric._errors import expected
from tfmetric.evaluation.checked_arrays import check_embeddings
from tfmetric.evaluation.distances import pair_distances
from tfmetric.evaluation.distances.parallel_blocks import run_blocks
from tfmetric.evaluation.distances.smallest_in_rows import smallest
from tfmetric.evaluation.health.result import HealthResult
from tfmetric.typing import Array, Distance
from tfmetric.values import labels as read_labels

_BLOCK_BYTES = 2**25


def health(
    embeddings: Array,
    labels: Array | None = None,
    *,
    k: int = 10,
    distance: Distance = "euclidean",
    sample: int = 20_000,
    seed: int = 0,
    progress: bool = True,
) -> HealthResult:
    """Measures the geometry of an embedding: size, dimensions in use, classes, hubs, collapse.

    Effective dimension is exp of the entropy of the covariance's spectrum, participation ratio
    (Σλ)²/Σλ². Alignment and uniformity use embeddings scaled to length 1, with exponents 2 and 2.
    Hubness is the skewness of the k-occurrence: the number of other examples that have an example
    among their k nearest. At equal distance the next examples in the data (cyclically) count as
    nearer, so ties make no hubs. Class distances are means over examples.

    Args:
        embeddings: (N, D), finite.
        labels: (N,) or (N, 1), integers or strings; None leaves out the figures that need classes.
        k: Neighbours of the k-occurrence.
        distance: Distance between examples; see :func:`tfmetric.distances.get`.
        sample: Uniformity, hubness and class distances use all pairs of at most this many random
            examples; other figures use all examples.
        seed: Seed of the sample.
        progress: Whether a bar is shown where it takes long, on a terminal.

    Returns:
        A :class:`HealthResult`; its ``summary()`` names problems and remedies.

    Raises:
        ValueError: If there is no example, shapes do not fit, or embeddings are not finite.

    Example:

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 8))
    >>> round(health(x).effective_dimension, 1)
    7.8
    >>> health(np.ones((9, 8))).collapsed
    True

    References:
        * Roy, Vetterli: The effective rank: a measure of effective dimensionality, EUSIPCO 2007.
        * Wang, Isola: Understanding contrastive representation learning through alignment and
          uniformity on the hypersphere, ICML 2020.
        * Radovanović, Nanopoulos, Ivanović: Hubs in space, JMLR 2010.
    """
    embeddings = check_embeddings(embeddings)
    if not embeddings.size:
        raise ValueError(expected("at least one embedding", embeddings_shape=embeddings.shape))
    count, width = embeddings.shape
    for name, value in (("k", k), ("sample", sample)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(expected(f"{name} to be an integer above 0", **{name: value}))
    codes = np.arange(count)
    if labels is not None:
        _, codes = np.unique(read_labels(labels, count), return_inverse=True)
    x = embeddings.astype(np.float64)
    scale = np.abs(x).max() or 1.0  # Squares must not overflow.
    x /= scale
    norm = np.linalg.norm(x, axis=1)
    centred = x - x.mean(axis=0)
    spectrum = np.maximum(np.linalg.eigvalsh(centred.T @ centred / count)[::-1], 0.0)
    mean_square = (norm**2).mean()
    x /= np.maximum(norm, 1e-12)[:, None]

    chosen = np.arange(count)
    if count > sample:
        chosen = np.random.default_rng(seed).choice(count, int(sample), replace=False)
    chosen = chosen[np.argsort(codes[chosen], kind="stable")]
    within = _pairs(
        embeddings[chosen], x[chosen].astype(np.float32), codes[chosen], k, distance, progress
    )
    arrays = {
        "norm": norm * scale,
        "spectrum": spectrum * scale**2,
        "sample": chosen,
        "sample_classes": np.unique(codes[chosen], return_inverse=True)[1],
        **within,
    }
    uniformity = arrays.pop("uniformity")
    for array in arrays.values():
        array.setflags(write=False)
    return HealthResult(
        width=width,
        distance=distances.get(distance).name,
        k=min(int(k), max(len(chosen) - 1, 0)),
        spread=float(spectrum.sum() / mean_square) if mean_square else 0.0,
        alignment=_alignment(x, codes),
        uniformity=uniformity,
        **arrays,
    )


def _alignment(unit, codes):
    """Returns the mean ‖x − y‖² within classes, from n Σ‖x‖² − ‖Σx‖² of each class."""
    sizes = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    # Centre on a member of the class, to avoid rounding errors.
    total = 0.0
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        members = unit[order[start : start + size]]
        members = members - members[0]
        total += 2 * (size * (members**2).sum() - (members.sum(axis=0) ** 2).sum())
    pairs = (sizes * (sizes - 1)).sum()
    return float(max(total, 0.0) / pairs) if pairs else float("nan")


def _pairs(embeddings, unit, codes, k, distance, progress):
    """Computes the figures on all pairs, with examples sorted by class."""
    count = len(embeddings)
    k = min(int(k), count - 1)
    sizes = np.bincount(codes)[codes]
    starts = np.searchsorted(codes, codes)
    square = np.einsum("nd,nd->n", unit, unit)
    between = pair_distances.between(distance, embeddings, embeddings)
    nearest = np.zeros((count, k), np.int64)
    own, total, evenness = np.zeros(count), np.zeros(count), np.zeros(count)

    def work(rows):
        part = slice(rows[0], rows[-1] + 1)
        here = np.arange(len(rows))
        found = between(part, slice(0, count))
        found[here, rows] = 0.0
        total[part] = found.sum(axis=1, dtype=np.float64)
        for i, row in enumerate(rows):
            own[row] = found[i, starts[row] : starts[row] + sizes[row]].sum(dtype=np.float64)
        if k:
            found[here, rows] = np.inf
            nearest[part] = _nearest(found, rows, k)
        exponent = unit[part] @ unit.T
        exponent *= 4
        exponent -= 2 * square[part, None]
        exponent -= 2 * square
        np.minimum(exponent, 0, out=exponent)
        np.exp(exponent, out=exponent)
        exponent[here, rows] = 0.0
        evenness[part] = exponent.sum(axis=1, dtype=np.float64)

    step = max(1, _BLOCK_BYTES // (16 * count))
    blocks = [np.arange(start, min(start + step, count)) for start in range(0, count, step)]
    threads = None if distances.get(distance).builtin in pair_distances.IN_NUMPY else 1
    run_blocks(work, blocks, "Comparing", progress, threads)
    with np.errstate(invalid="ignore", divide="ignore"):
        intra = np.where(sizes > 1, own / (sizes - 1.0), np.nan)
        inter = np.where(sizes < count, (total - own) / (count - sizes), np.nan)
        uniformity = np.log(evenness.mean() / (count - 1.0)) if count > 1 else np.nan
    return {
        "k_occurrence": np.bincount(nearest.ravel(), minlength=count),
        "intra_class_distance": intra,
        "inter_class_distance": inter,
        "uniformity": float(uniformity),
    }


def _nearest(found, rows, k):
    """Columns of the k smallest values of each row; ties prefer columns after the row's own."""
    count = found.shape[1]
    flat = smallest(found, k)
    flat = np.arange(found.size) if flat is None else flat[0]
    row, column = np.divmod(flat, count)
    order = np.lexsort(((column - rows[row]) % count, found.ravel()[flat], row))
    starts = np.searchsorted(row, np.arange(len(found)))
    return column[order[starts[:, None] + np.arange(k)]]
