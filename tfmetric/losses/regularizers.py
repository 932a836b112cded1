"""Penalties on the embeddings themselves: lengths, spread and correlations."""

from typing import Any

import keras
from keras import ops

from tfmetric import distances
from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import at_least_float32
from tfmetric.losses import _inputs
from tfmetric.losses._arguments import positive
from tfmetric.losses.base import check_margin
from tfmetric.losses.two_views import covariance_penalty
from tfmetric.typing import Array, Tensor


class EmbeddingRegularizer(ConfigFromArguments, keras.regularizers.Regularizer):
    """Base of the penalties on a batch of embeddings.

    A subclass implements :meth:`penalty`. Use a penalty as a term of
    :class:`tfmetric.losses.WeightedSum`, or as the ``activity_regularizer`` of the layer that
    outputs the embeddings. Keras divides an activity regulariser by the batch size, so a call gives
    the penalty times the batch size; ``WeightedSum`` divides likewise.

    Computed in float32 under mixed precision.

    Args:
        strength: Factor of the penalty, at least 0. Defaults to 1.

    Raises:
        ValueError: If an argument is out of its range, or the input is not ``(B, D)``.
    """

    uses_labels = False

    def __init__(self, strength: float = 1.0):
        self.strength = check_margin(strength, "strength")

    def penalty(self, x: Any, labels: Array | None = None) -> Tensor:
        """Returns the penalty of embeddings ``(B, D)``, a scalar that does not grow with the batch.

        Args:
            x: ``(B, D)`` float32 or float64.
            labels: ``(B,)`` class ids where they are known.
        """
        raise NotImplementedError

    def __call__(self, x: Any, labels: Array | None = None) -> Tensor:
        """Returns the penalty of ``(B, D)`` embeddings, times strength, times B."""
        x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            raise ValueError(expected("embeddings of shape (batch, dim)", x_shape=tuple(x.shape)))
        x = at_least_float32(x)
        some = _inputs.at_least_one_row(x)
        if labels is not None:
            labels = _inputs.at_least_one_row(labels)
        return self.strength * _count(x) * self.penalty(some, labels)


@keras.saving.register_keras_serializable(package="tfmetric")
class NormRegularizer(EmbeddingRegularizer):
    """Keeps embeddings near one length; length 0 keeps them small.

    When to use it: with a loss on embeddings that are not normalised. It prevents that growing
    embeddings lower the loss (length 0: inner products, N-pairs) and fixes the scale of distances.

    Formula:
        The mean over the batch of

            (‖x‖ − length)²

    Args:
        length: The target length, at least 0. Defaults to 1.
        strength: Factor of the penalty. Defaults to 1.

    Example:

    >>> import numpy as np
    >>> float(NormRegularizer().penalty(np.array([[3.0, 4.0], [0.0, 1.0]], "float32")))
    8.0

    References:
        Sohn: Improved Deep Metric Learning with Multi-class N-pair Loss Objective (2016), for
        length 0.
    """

    def __init__(self, length: float = 1.0, strength: float = 1.0):
        super().__init__(strength)
        self.length = check_margin(length, "length")

    def penalty(self, x: Any, labels: Array | None = None) -> Tensor:
        """See :class:`EmbeddingRegularizer`."""
        length = distances.safe_sqrt(ops.sum(ops.square(x), axis=1))
        return ops.mean(ops.square(length - self.length))


@keras.saving.register_keras_serializable(package="tfmetric")
class KoLeoRegularizer(EmbeddingRegularizer):
    """Spreads embeddings evenly over the sphere: KoLeo, an estimate of their entropy.

    When to use it: against embeddings that crowd into a part of the space, and for codes that will
    be quantised. Beside a loss with labels it works against the positives, so keep its weight small
    (0.1). A batch of one costs nothing.

    Formula:
        With d_i the distance of embedding i to its nearest, all scaled to length 1 (the estimate of
        Kozachenko and Leonenko):

            −(1/B) Σ_i log(d_i + epsilon)

    Args:
        epsilon: Added to each distance, above 0: duplicates cost at most −log(epsilon).
        strength: Factor of the penalty. Defaults to 1.

    Example:

    >>> import numpy as np
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], "float32")
    >>> round(float(KoLeoRegularizer().penalty(x)), 3)  # −log √2
    -0.347

    References:
        Sablayrolles et al.: Spreading vectors for similarity search (2019), the KoLeo term.
    """

    def __init__(self, epsilon: float = 1e-4, strength: float = 1.0):
        super().__init__(strength)
        self.epsilon = positive("epsilon", epsilon)

    def penalty(self, x: Any, labels: Array | None = None) -> Tensor:
        """See :class:`EmbeddingRegularizer`."""
        x = distances.l2_normalize(x)
        fixed = ops.stop_gradient(x)
        apart = distances.get("squared_euclidean").pairwise(fixed, fixed)
        nearest = _nearest(fixed, ops.where(_others(x), apart, _BEYOND))
        apart = ops.sum(ops.square(x - ops.take(x, nearest, axis=0)), axis=1)
        # Equal directions may differ in their last bits, which depend on the backend.
        apart = ops.where(
            apart > _ROUNDING[keras.backend.standardize_dtype(x.dtype)] ** 2, apart, 0.0
        )
        value = -ops.mean(ops.log(distances.safe_sqrt(apart) + self.epsilon))
        return ops.where(_count(x) > 1, value, ops.zeros_like(value))


@keras.saving.register_keras_serializable(package="tfmetric")
class UniformityRegularizer(EmbeddingRegularizer):
    """Uniformity: all pairs of a batch repel each other on the unit sphere.

    When to use it: as :class:`KoLeoRegularizer`, but every pair counts, not only the nearest. It is
    the repelling part of a contrastive loss. A batch of one costs nothing.

    Formula:
        Over the pairs (x, y) of a batch, scaled to length 1:

            log mean exp(−t·‖x − y‖²)

    Args:
        t: Above 0; a larger t restricts the loss to nearer pairs. Defaults to 2, as in the paper.
        strength: Factor of the penalty. Defaults to 1.

    Example:

    >>> import numpy as np
    >>> round(float(UniformityRegularizer().penalty(np.array([[1, 0], [-2, 0]], "float32"))), 3)
    -8.0

    References:
        Wang, Isola: Understanding Contrastive Representation Learning through Alignment and
        Uniformity on the Hypersphere (2020), the uniformity loss.
    """

    def __init__(self, t: float = 2.0, strength: float = 1.0):
        super().__init__(strength)
        self.t = positive("t", t)

    def penalty(self, x: Any, labels: Array | None = None) -> Tensor:
        """See :class:`EmbeddingRegularizer`."""
        x = distances.l2_normalize(x)
        apart = distances.get("squared_euclidean").pairwise(x, x)
        others, count = _others(x), _count(x)
        # exp(−1e30) is 0, and so is its gradient.
        exponent = ops.where(others, -self.t * apart, -1e30)
        value = ops.logsumexp(exponent) - ops.log(ops.maximum(count * (count - 1.0), 1.0))
        return ops.where(count > 1, value, ops.zeros_like(value))


@keras.saving.register_keras_serializable(package="tfmetric")
class DecorrelationRegularizer(EmbeddingRegularizer):
    """Decorrelation: penalises correlated coordinates.

    When to use it: where few directions carry the whole embedding and more would help, and before
    cutting embeddings short. Collapse is among its minima, so never use it alone.

    Formula:
        With C the covariance matrix of the batch, divided by B − 1, and D coordinates:

            (1/D) Σ_{i≠j} C_ij²

    Args:
        strength: Factor of the penalty. Defaults to 1.

    Example:

    >>> import numpy as np
    >>> float(DecorrelationRegularizer().penalty(np.array([[1, 2], [-1, -2]], "float32")))
    16.0

    References:
        Bardes, Ponce, LeCun: VICReg (2022), eq. 4.
    """

    def penalty(self, x: Any, labels: Array | None = None) -> Tensor:
        """See :class:`EmbeddingRegularizer`."""
        return covariance_penalty(x)


@keras.saving.register_keras_serializable(package="tfmetric")
class SpreadOutRegularizer(EmbeddingRegularizer):
    """Spread-out: makes non-matching pairs look like random directions.

    When to use it: beside a triplet or contrastive loss on descriptors that should fill the sphere.
    As a term of :class:`tfmetric.losses.WeightedSum` it sees the labels and leaves positives alone;
    as an activity regulariser it takes all pairs. Without any non-matching pair it is 0.

    Formula:
        With m₁ and m₂ the means of s and of s² over the pairs that do not match, s being the cosine
        of a pair and D the number of coordinates:

            m₁² + max(0, m₂ − 1/D)

        Directions drawn evenly from the sphere have m₁ = 0 and m₂ = 1/D.

    Args:
        strength: Factor of the penalty. Defaults to 1, as in the paper.

    Example:

    >>> import numpy as np
    >>> float(SpreadOutRegularizer().penalty(np.array([[1, 0], [-2, 0]], "float32")))
    1.5

    References:
        Zhang et al.: Learning Spread-out Local Feature Descriptors (2017), the global
        orthogonal regularisation.
    """

    uses_labels = True

    def penalty(self, x: Any, labels: Array | None = None) -> Tensor:
        """See :class:`EmbeddingRegularizer`."""
        x = distances.l2_normalize(x)
        cosine = ops.matmul(x, ops.transpose(x))
        rows = ops.arange(ops.shape(x)[0], dtype="int32") if labels is None else labels
        apart = ops.not_equal(rows[:, None], rows[None, :])
        number = ops.sum(ops.cast(apart, x.dtype))
        cosine = ops.where(apart, cosine, ops.zeros_like(cosine))
        divisor = ops.maximum(number, 1.0)
        first, second = ops.sum(cosine) / divisor, ops.sum(ops.square(cosine)) / divisor
        return ops.square(first) + ops.relu(second - 1.0 / x.shape[1])


def _count(x):
    return ops.cast(ops.shape(x)[0], x.dtype)


def _others(x):
    """(B, B): true where row and column are different examples."""
    place = ops.arange(ops.shape(x)[0], dtype="int32")
    return ops.not_equal(place[:, None], place[None, :])


# Exceeds every squared distance of unit vectors.
_BEYOND = 5.0
# Two unit vectors nearer than this are equal up to rounding.
_ROUNDING = {"float32": 4 * 2.0**-23, "float64": 4 * 2.0**-52}
# Number of candidates whose distance is computed by difference.
_CANDIDATES = 8


def _nearest(x, apart):
    """Returns the ``(B,)`` index of the nearest other example, by direct difference.

    A matrix product rounds too coarsely for near duplicates, so it only selects candidates.

    Args:
        x: ``(B, D)`` constant.
        apart: ``(B, B)`` squared distances, rounded, ``_BEYOND`` on the diagonal.
    """
    nobody = ops.full((ops.shape(x)[0], _CANDIDATES), _BEYOND, dtype=apart.dtype)
    size = ops.shape(x)[0]
    found = ops.cast(ops.top_k(-ops.concatenate([apart, nobody], axis=1), _CANDIDATES)[1], "int32")
    others = ops.take(x, ops.minimum(found, size - 1), axis=0)
    exact = ops.sum(ops.square(x[:, None, :] - others), axis=2)
    own = ops.equal(found, ops.arange(size, dtype="int32")[:, None])
    exact = ops.where(ops.logical_or(own, found >= size), _BEYOND, exact)
    best = ops.take_along_axis(found, ops.argmin(exact, axis=1)[:, None], axis=1)[:, 0]
    # A batch of one has no other; its penalty is 0.
    return ops.minimum(best, size - 1)
