"""Baselines of recommendation, which learn from training links alone and have no embeddings.

Each takes the training links and returns a function from places of users to scores of all items,
for :func:`tfmetric.evaluation.ranking_of_scores`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.evaluation.ranking.relevance import read_links, read_shape

_ITEMS = 512
Scores = Callable[[np.ndarray], np.ndarray]


def popularity_scores(links: Any, shape: tuple[int, int]) -> Scores:
    """Scores each item by its number of training links, alike for all users.

    It is the baseline that every recommender must beat.

    Args:
        links: ``(M, 2)``, a user and an item each, such as ``train.links``.
        shape: ``(num_users, num_items)``.

    Returns:
        A function from places of users ``(B,)`` to scores ``(B, num_items)``.

    Example:

    >>> popularity_scores([[0, 2], [1, 2], [1, 0]], (2, 3))([0]).tolist()
    [[1.0, 0.0, 2.0]]
    """
    counts = np.bincount(_matrix(links, shape).indices, minlength=shape[1]).astype(np.float64)
    return lambda users: np.tile(counts, (len(users), 1))


def item_knn_scores(links: Any, shape: tuple[int, int], *, neighbors: int = 100) -> Scores:
    """Scores an item by the cosine of its users and those of the items that a user has.

    Args:
        links: As in :func:`popularity_scores`.
        shape: As in :func:`popularity_scores`.
        neighbors: The number of most similar items of each item that count.

    Returns:
        As :func:`popularity_scores`.

    Raises:
        ValueError: If ``neighbors`` is not a whole number above 0.

    Example:

    >>> scores = item_knn_scores([[0, 0], [0, 1], [1, 0]], (2, 2))
    >>> scores([1]).round(3).tolist()
    [[0.0, 0.707]]

    Reference: Deshpande, Karypis: Item-based top-N recommendation algorithms, ACM TOIS 2004.
    """
    from scipy import sparse

    if isinstance(neighbors, bool) or not isinstance(neighbors, int) or neighbors < 1:
        raise ValueError(expected("neighbors to be a whole number above 0", neighbors=neighbors))
    matrix = _matrix(links, shape)
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
    scaled = matrix @ sparse.diags(np.divide(1, length, where=length > 0, out=0 * length))
    by_item, parts = scaled.T.tocsr(), []
    for start in range(0, shape[1], _ITEMS):  # All similarities may be too many for memory.
        part = (by_item[start : start + _ITEMS] @ scaled).tocsr()
        own = part.indices == np.repeat(np.arange(part.shape[0]), np.diff(part.indptr)) + start
        part.data[own] = 0.0
        parts.append(_largest(part, neighbors))
    similar = sparse.vstack(parts).T.tocsr()
    return lambda users: (matrix[users] @ similar).toarray()


def ease_scores(links: Any, shape: tuple[int, int], *, regularization: float = 500.0) -> Scores:
    """Scores by EASE, the linear model of items by items with a zero diagonal, in closed form.

    It is among the strongest baselines there are. It inverts a matrix of items by items: 3 GB of
    memory for 20,000 items.

    Args:
        links: As in :func:`popularity_scores`.
        shape: As in :func:`popularity_scores`.
        regularization: λ, above 0, larger for fewer links.

    Returns:
        As :func:`popularity_scores`.

    Raises:
        ValueError: If ``regularization`` is not above 0.

    Example:

    >>> scores = ease_scores([[0, 0], [0, 1], [1, 0]], (2, 2), regularization=1.0)
    >>> scores([1]).round(3).tolist()
    [[0.0, 0.333]]

    Reference: Steck: Embarrassingly shallow autoencoders for sparse data, WWW 2019, eq. 8.
    """
    if not regularization > 0:
        raise ValueError(expected("regularization above 0", regularization=regularization))
    matrix = _matrix(links, shape)
    gram = (matrix.T @ matrix).toarray()
    gram[np.diag_indices(shape[1])] += regularization
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    weights[np.diag_indices(shape[1])] = 0.0
    return lambda users: np.asarray(matrix[users] @ weights)


def ials_scores(
    links: Any,
    shape: tuple[int, int],
    *,
    dim: int = 64,
    regularization: float = 0.01,
    unobserved_weight: float = 0.1,
    iterations: int = 15,
    seed: int = 0,
) -> Scores:
    """Scores by factors of users and items, fitted by alternating least squares.

    A link is a 1, and every other pair a 0 of weight ``unobserved_weight``. A user or item is
    regularised in proportion to its links and to the pairs without one.

    Args:
        links: As in :func:`popularity_scores`.
        shape: As in :func:`popularity_scores`.
        dim: Number of factors.
        regularization: λ, above 0.
        unobserved_weight: Weight of a pair without a link, above 0.
        iterations: Number of times both sides are solved.
        seed: Seed of the first factors.

    Returns:
        As :func:`popularity_scores`.

    Example:

    >>> scores = ials_scores([[0, 0], [0, 1], [1, 0]], (2, 3), dim=2)
    >>> bool(scores([1])[0, 1] > scores([1])[0, 2])
    True

    References:
        Hu, Koren, Volinsky: Collaborative filtering for implicit feedback datasets, ICDM 2008;
        Rendle, Krichene, Zhang, Koren: Revisiting the performance of iALS on item recommendation
        benchmarks, RecSys 2022, eq. 6 and 7, with the scale of regularisation ν = 1.
    """
    if min(dim, iterations) < 1 or not min(regularization, unobserved_weight) > 0:
        raise ValueError(
            expected(
                "dim and iterations of at least 1, regularization and unobserved_weight above 0",
                dim=dim,
                iterations=iterations,
                regularization=regularization,
                unobserved_weight=unobserved_weight,
            )
        )
    matrix = _matrix(links, shape)
    other = matrix.T.tocsr()
    rng = np.random.default_rng(seed)
    items = rng.normal(scale=0.1 / np.sqrt(dim), size=(shape[1], dim))
    settings = regularization, unobserved_weight
    users = np.zeros((shape[0], dim))
    for _ in range(iterations):
        users = _solved(matrix, items, *settings)
        items = _solved(other, users, *settings)
    return lambda places: users[places] @ items.T


def _solved(matrix, factors, regularization, unobserved_weight):
    """Solves one side, given the factors of the other."""
    size, dim = len(factors), factors.shape[1]
    whole = unobserved_weight * (factors.T @ factors)
    found = np.zeros((matrix.shape[0], dim))
    for row in range(matrix.shape[0]):
        linked = factors[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]]
        if len(linked):
            strength = regularization * (len(linked) + unobserved_weight * size)
            left = whole + linked.T @ linked + strength * np.eye(dim)
            found[row] = np.linalg.solve(left, linked.sum(axis=0))
    return found


def _largest(matrix, count):
    """Keeps the largest values of each row of a sparse matrix."""
    for row in range(matrix.shape[0]):
        values = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
        if len(values) > count:
            values[np.argpartition(values, -count)[:-count]] = 0.0
    matrix.eliminate_zeros()
    return matrix


def _matrix(links, shape):
    """Links as a sparse matrix of users by items."""
    from scipy import sparse

    shape = read_shape(shape)
    pairs, _ = read_links("links", links, *shape)
    return sparse.csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape)
