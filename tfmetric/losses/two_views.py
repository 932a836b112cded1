"""Losses without labels: what two views of the same examples should have in common.

Functions of the embeddings of two views, row i of both being the same example. The models of
``tfmetric.models`` that train without labels make the views and call these.
"""

import functools
import inspect

from keras import ops

from tfmetric import distances
from tfmetric.losses import _inputs
from tfmetric.losses.ntxent import NTXentLoss


def _none_costs_nothing(loss):
    """The same loss of two views, which is 0 for a batch without any example."""
    signature = inspect.signature(loss)

    @functools.wraps(loss)
    def of_two_views(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        a, b, *rest = bound.args
        a, b = map(ops.convert_to_tensor, (a, b))
        value = loss(*map(_inputs.at_least_one_row, (a, b)), *rest)
        if not _inputs.may_be_empty(a):
            return value
        return ops.where(ops.shape(a)[0] > 0, value, ops.zeros_like(value))

    return of_two_views


@_none_costs_nothing
def simclr(a, b, temperature=0.1):
    """Each view shall find the other among the 2B − 2 views of other examples.

    :class:`tfmetric.losses.NTXentLoss` with each example as a class of its own:

    −log( exp(cos(i, i')/τ) / Σ_{k≠i} exp(cos(i, k)/τ) ), the mean over all 2B views. O(B²).

    Args:
        a: ``(B, D)`` embeddings of the first views.
        b: ``(B, D)`` of the second.
        temperature: τ, above 0.

    Returns:
        A scalar; 0 for a batch of one, which has nothing to tell apart.

    Example:

    >>> import numpy as np
    >>> x = np.eye(2, dtype="float32")
    >>> round(float(simclr(x, x, temperature=1.0)), 3)  # log(1 + 2/e)
    0.551

    References:
        Chen et al.: A Simple Framework for Contrastive Learning of Visual Representations (2020),
        eq. 1.
    """
    count = ops.arange(ops.shape(a)[0], dtype="int32")
    terms = NTXentLoss(temperature).terms(
        ops.concatenate([count, count]), ops.concatenate([a, b], axis=0)
    )
    return ops.sum(terms.total) / ops.maximum(ops.sum(terms.count), 1.0)


@_none_costs_nothing
def vicreg(a, b, invariance=25.0, variance=25.0, covariance=1.0, deviation=1.0, epsilon=1e-4):
    """VICReg: views alike, every coordinate spread, no two coordinates correlated. O(B·D²).

    λ·mean (a − b)² + μ·[v(a) + v(b)] + ν·[c(a) + c(b)], where v is the mean over the coordinates
    of max(0, γ − sqrt(variance + ε)) and c the sum of the squared covariances of different
    coordinates over D. Variances and covariances are those of the batch, over B − 1.

    Args:
        a: ``(B, D)`` embeddings of the first views, not normalised.
        b: ``(B, D)`` of the second.
        invariance: λ.
        variance: μ.
        covariance: ν.
        deviation: γ, the standard deviation that costs nothing.
        epsilon: ε, above 0.

    Returns:
        A scalar.

    Example:

    >>> import numpy as np
    >>> x = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], "float32")
    >>> float(vicreg(x, x))
    0.0

    References:
        Bardes, Ponce, LeCun: VICReg (2022), eq. 1-6 and algorithm 1, whose mean over the
        coordinates in the first term, eq. 5 having the sum, belongs to these weights.
    """
    alike = ops.mean(ops.square(a - b))
    spread = variance_penalty(a, deviation, epsilon) + variance_penalty(b, deviation, epsilon)
    apart = covariance_penalty(a) + covariance_penalty(b)
    return invariance * alike + variance * spread + covariance * apart


def variance_penalty(x, deviation=1.0, epsilon=1e-4):
    """Mean over the coordinates of max(0, deviation − sqrt(variance + epsilon)); see vicreg."""
    centred = x - ops.mean(x, axis=0, keepdims=True)
    variance = ops.sum(ops.square(centred), axis=0) / _degrees(x)
    return ops.mean(ops.relu(deviation - ops.sqrt(variance + epsilon)))


def covariance_penalty(x):
    """Sum of the squared covariances of different coordinates, over D; see vicreg."""
    centred = x - ops.mean(x, axis=0, keepdims=True)
    covariance = ops.matmul(ops.transpose(centred), centred) / _degrees(x)
    return ops.sum(ops.square(covariance * (1.0 - _identity(x)))) / x.shape[1]


@_none_costs_nothing
def barlow_twins(a, b, off_diagonal=5e-3):
    """Barlow Twins: the cross-correlation of the two views' coordinates, near the identity.

    Σ_i (1 − C_ii)² + λ·Σ_{i≠j} C_ij², C_ij the correlation over the batch of coordinate i of the
    first views and j of the second. A coordinate that is constant correlates with none. O(B·D²).

    Args:
        a: ``(B, D)`` embeddings of the first views.
        b: ``(B, D)`` of the second.
        off_diagonal: λ.

    Returns:
        A scalar.

    Example:

    >>> import numpy as np
    >>> x = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], "float32")
    >>> round(float(barlow_twins(x, 3 * x + 1)), 6)
    0.0

    References:
        Zbontar et al.: Barlow Twins: Self-Supervised Learning via Redundancy Reduction (2021),
        eq. 1 and 2.
    """
    # Unit columns: their products are the correlations.
    a = distances.l2_normalize(a - ops.mean(a, axis=0, keepdims=True), axis=0)
    b = distances.l2_normalize(b - ops.mean(b, axis=0, keepdims=True), axis=0)
    correlation = ops.matmul(ops.transpose(a), b)
    identity = _identity(a)
    weights = identity + off_diagonal * (1.0 - identity)
    return ops.sum(weights * ops.square(identity - correlation))


@_none_costs_nothing
def negative_cosine(prediction, target):
    """−cos of each prediction to its target, which gets no gradient; the mean over the batch.

    Args:
        prediction: ``(B, D)`` what a predictor makes of one view.
        target: ``(B, D)`` the other view.

    Returns:
        A scalar from −1 to 1.

    Example:

    >>> import numpy as np
    >>> x = np.eye(2, dtype="float32")
    >>> float(negative_cosine(x, 2 * x))
    -1.0

    References:
        Chen, He: Exploring Simple Siamese Representation Learning (2021), eq. 1 and 3; with
        2 + 2·value the loss of Grill et al.: Bootstrap Your Own Latent (2020), eq. 2.
    """
    prediction = distances.l2_normalize(prediction)
    target = ops.stop_gradient(distances.l2_normalize(target))
    return -ops.mean(ops.sum(prediction * target, axis=1))


def _degrees(x):
    """B − 1, and 1 for a batch of one, whose deviations are 0."""
    return ops.maximum(ops.cast(ops.shape(x)[0], x.dtype) - 1.0, 1.0)


def _identity(x):
    return ops.eye(x.shape[1], dtype=x.dtype)
