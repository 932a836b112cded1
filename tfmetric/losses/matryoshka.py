"""Matryoshka loss: trains embeddings whose first coordinates work alone."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras
from keras import ops

from tfmetric import distances
from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import narrowed, widened
from tfmetric.losses._memory import applied
from tfmetric.losses.references import Memory, References
from tfmetric.losses.weighted_sum import read_weights
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class MatryoshkaLoss(ConfigFromArguments, keras.losses.Loss):
    """A loss on the first d coordinates of the embedding, for several d at once.

    When to use it: for an embedding whose first coordinates are a good embedding alone, to search a
    gallery with 16 coordinates and rerank with all, or to store the short form on a device. Give
    the model an embedding of the largest dimension or more; only the first ``max(dims)``
    coordinates are trained. Cut an embedding by ``x[:, :d]`` and normalise it again.

    The loss keeps its reduction and dtype, and receives unchanged labels and the ``sample_weight``.
    In a :class:`tfmetric.models.CrossBatchMemory` it also receives the memory, cut and normalised
    like the batch. Cost: the loss, computed once for each d.

    Formula:
        With a weight w for each d of ``dims``, and x[:, :d] the first d coordinates:

            Σ_d w·loss(labels, x[:, :d] / ‖x[:, :d]‖) / Σ_d w

    Inputs: labels ``(B,)`` and embeddings ``(B, D)``, normalised or not, D ≥ max(dims).

    Args:
        loss: Any loss on labels and embeddings, such as :class:`tfmetric.losses.TripletLoss`.
        dims: Ascending numbers of coordinates. Defaults to (8, 16, 32, 64).
        weights: A factor of at least 0 for each d, at least one above 0; all 1 by default, as in
            the paper.
        name: Name of the loss.
        dtype: Dtype of the result.

    Raises:
        TypeError: If ``loss`` is not a loss.
        ValueError: If ``dims`` or ``weights`` are not as above; when called, if the embedding is
            shorter than the last of ``dims``.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> loss = MatryoshkaLoss(tm.TripletLoss(margin=0.5), dims=(1, 2))
    >>> labels = np.array([0, 0, 1, 1])
    >>> x = np.array([[1, 2], [1, 2], [1, -2], [1, -2]], "float32")
    >>> float(loss(labels, x))  # The first coordinate alone tells nothing: 0.5; both: 0.
    0.25

    References:
        Kusupati et al.: Matryoshka Representation Learning (2022), eq. 1, as a mean.
    """

    def __init__(
        self,
        loss: Any,
        dims: Sequence[int] = (8, 16, 32, 64),
        weights: Any = None,
        name: str | None = "matryoshka_loss",
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction="sum_over_batch_size", dtype=dtype)
        loss = keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss
        if not isinstance(loss, keras.losses.Loss):
            raise TypeError(expected("loss to be a keras loss", loss=loss))
        whole = all(isinstance(d, Integral) and not isinstance(d, bool) for d in dims)
        if not (whole and dims and min(dims) > 0 and list(dims) == sorted(set(dims))):
            raise ValueError(expected("dims to be ascending ints above 0", dims=dims))
        self.loss, self.dims = loss, tuple(int(d) for d in dims)
        self.weights = read_weights(weights, len(dims))
        if min(self.weights) < 0 or not sum(self.weights) > 0:
            raise ValueError(
                expected("weights of at least 0, one of them above 0", weights=weights)
            )

    def __call__(
        self,
        y_true: Tensor,
        y_pred: Tensor,
        sample_weight: Any = None,
        memory: Memory | None = None,
        references: References | None = None,
    ) -> Tensor:
        """Returns the weighted mean; a vector if the loss has ``reduction=None``."""
        with keras.name_scope(self.name):
            x = ops.convert_to_tensor(y_pred)
            if len(x.shape) != 2 or x.shape[1] < self.dims[-1]:
                raise ValueError(
                    expected(
                        f"embeddings of shape (batch, dim) with dim of at least {self.dims[-1]}, "
                        "the last of dims",
                        y_pred_shape=tuple(x.shape),
                    )
                )
            compute = "float64" if self.dtype == "float64" else "float32"
            x = widened(x, compute)
            total, whole = 0.0, sum(self.weights)
            for dim, weight in zip(self.dims, self.weights, strict=True):
                others = (_shortened(each, dim) for each in (memory, references))
                value = applied(self.loss, y_true, _short(x, dim), sample_weight, *others)
                total = total + (weight / whole) * ops.cast(value, compute)
            return narrowed(total, self.dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Returns the weighted mean, without sample weights."""
        return self(y_true, y_pred)


def _shortened(others, dim):
    return others and others._replace(embeddings=_short(others.embeddings, dim))


def _short(x, dim):
    return distances.l2_normalize(ops.convert_to_tensor(x)[:, :dim])
