"""Losses without labels, on the embeddings of two views of the same examples.

Row i of both views is the same example. The models of ``tfmetric.models`` that train
without labels make the views and call these functions.
"""

import functools
import inspect
from typing import Any

from keras import ops

from tfmetric import distances
from tfmetric.losses import _inputs
from tfmetric.losses.ntxent import NTXentLoss
from tfmetric.typing import Tensor


def _none_costs_nothing(loss):
    """Makes a loss of two views return 0 for an empty batch."""
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
def simclr(a: Any, b: Any, temperature: float = 0.1) -> Any:
    """Identifies each view's partner among the 2B − 2 views of other examples.

    This is :class:`tfmetric.losses.NTXentLoss` with each example as a separate class:

    −log( exp(cos(i, i')/τ) / Σ_{k≠i} exp(cos(i, k)/τ) ), the mean over all 2B views. O(B²).

    Args:
        a: ``(B, D)`` embeddings of the first views.
        b: ``(B, D)`` of the second.
        temperature: τ, above 0.

    Returns:
        A scalar; 0 for a batch of one.

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
def vicreg(
    a: Any,
    b: Any,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    deviation: float = 1.0,
    epsilon: float = 1e-4,
) -> Any:
    """VICReg: makes views alike, spreads every coordinate and decorrelates coordinates. O(B·D²).

    λ·mean (a − b)² + μ·[v(a) + v(b)] + ν·[c(a) + c(b)], where v is the mean over the coordinates
    of max(0, γ − sqrt(variance + ε)) and c the sum of the squared covariances of different
    coordinates over D. Variances and covariances are those of the batch, over B − 1.

    Args:
        a: ``(B, D)`` embeddings of the first views, not normalised.
        b: ``(B, D)`` of the second.
        invariance: λ.
        variance: μ.
        covariance: ν.
        deviation: γ, the standard deviation above which nothing is penalised.
        epsilon: ε, above 0.

    Returns:
        A scalar.

    Example:

    >>> import numpy as np
    >>> x = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], "float32")
    >>> float(vicreg(x, x))
    0.0

    References:
        Bardes, Ponce, LeCun: VICReg (2022), eq. 1-6 and algorithm 1, whose first term is a mean
        over the coordinates (eq. 5 has the sum), as the default weights assume.
    """
    alike = ops.mean(ops.square(a - b))
    spread = variance_penalty(a, deviation, epsilon) + variance_penalty(b, deviation, epsilon)
    apart = covariance_penalty(a) + covariance_penalty(b)
    return invariance * alike + variance * spread + covariance * apart


def variance_penalty(x, deviation=1.0, epsilon=1e-4):
    """Returns the mean over the coordinates of max(0, deviation − sqrt(variance + epsilon))."""
    centred = x - ops.mean(x, axis=0, keepdims=True)
    variance = ops.sum(ops.square(centred), axis=0) / _degrees(x)
    return ops.mean(ops.relu(deviation - ops.sqrt(variance + epsilon)))


def covariance_penalty(x):
    """Returns the sum of the squared covariances of different coordinates, over D."""
    centred = x - ops.mean(x, axis=0, keepdims=True)
    covariance = ops.matmul(ops.transpose(centred), centred) / _degrees(x)
    return ops.sum(ops.square(covariance * (1.0 - _identity(x)))) / x.shape[1]


@_none_costs_nothing
def barlow_twins(a: Any, b: Any, off_diagonal: float = 5e-3) -> Any:
    """Barlow Twins: brings the cross-correlation of the two views' coordinates near the identity.

    Σ_i (1 − C_ii)² + λ·Σ_{i≠j} C_ij², C_ij the correlation over the batch of coordinate i of the
    first views and j of the second. A constant coordinate has correlation 0 with all. O(B·D²).

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
def negative_cosine(prediction: Tensor, target: Any) -> Any:
    """Returns the mean −cos of predictions and targets; targets get no gradient.

    Args:
        prediction: ``(B, D)`` output of the predictor for one view.
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
    """Returns B − 1, or 1 for a batch of one, whose deviations are 0."""
    return ops.maximum(ops.cast(ops.shape(x)[0], x.dtype) - 1.0, 1.0)


def _identity(x):
    return ops.eye(x.shape[1], dtype=x.dtype)
