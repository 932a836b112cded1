"""The base of the losses on embeddings and numbers that a person or a teacher has given."""

from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import narrowed, widened
from tfmetric.distances import l2_normalize
from tfmetric.losses import _inputs
from tfmetric.losses.base import Reduced
from tfmetric.typing import Tensor


class TargetLoss(ConfigFromArguments, keras.losses.Loss):
    """Base of the losses on embeddings and target numbers.

    A subclass implements :meth:`values`. Computes in float32, or in float64 with
    ``dtype="float64"``. NaN or Inf in either input raises an error; where the backend cannot raise
    from a compiled step (XLA, JAX) the loss is NaN. A batch of none costs 0.

    Args:
        reduction: "sum_over_batch_size", "sum" or None, as in Keras.
        name: Name of the loss.
        dtype: Dtype, or dtype policy, of the result.
    """

    # Rank of y_pred, the least and the most of its columns of embeddings, words of the message.
    rank = 3
    columns = (2, 2)
    words = "y_pred to be embeddings (batch, 2, dim) of both sides, as models.two_tower gives"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    @property
    def compute(self) -> str:
        """The dtype of the computation."""
        return "float64" if self.dtype == "float64" else "float32"

    def read_targets(self, y_true: Any, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the targets, and a boolean scalar: whether all of them are valid.

        Args:
            y_true: Array or tensor, as given.
            y_pred: The embeddings, whose shape the targets must fit.
        """
        return finite_targets(y_true, tuple(y_pred.shape[:1]), self.compute)

    def values(self, targets: Tensor, embeddings: Tensor, weight: Tensor | None = None) -> Tensor:
        """Computes the values ``(B,)`` of the examples.

        Args:
            targets: The result of :meth:`read_targets`.
            embeddings: ``y_pred`` in float32 or float64.
            weight: ``(B,)`` weights, only for a loss that is no sum over examples; see
                :attr:`weighs_itself`.
        """
        raise NotImplementedError

    # Whether `values` takes the weights of the examples; else Keras multiplies the values by them.
    weighs_itself = False

    def call(self, y_true: Tensor, y_pred: Tensor, weight: Any = None) -> Tensor:
        """Values ``(B,)`` whose plain mean, or sum, is the reduced loss."""
        y_true, x = _inputs.rows(y_true), ops.convert_to_tensor(_inputs.rows(y_pred))
        shape = tuple(x.shape)
        right = len(shape) == self.rank and None not in shape[1:] and 0 not in shape[1:]
        if right and self.rank == 3:
            low, high = self.columns
            right = low <= shape[1] <= high
        if not right:
            raise ValueError(expected(self.words, y_pred_shape=shape))
        targets, right = self.read_targets(y_true, x)
        size = ops.shape(x)[0]
        x = widened(x, self.compute)
        finite = ops.all(ops.isfinite(x))
        _inputs.require(finite, _inputs.NOT_FINITE)
        right = ops.logical_and(right, finite)
        more = () if weight is None else (_inputs.at_least_one_row(weight),)
        values = self.values(*map(_inputs.at_least_one_row, (targets, x)), *more)
        return ops.where(right, values, ops.cast(float("nan"), values.dtype))[:size]

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> Tensor:
        """Returns the reduced loss; see the class.

        Args:
            y_true: Targets.
            y_pred: Embeddings.
            sample_weight: ``(B,)`` weights of the examples, a scalar, or None.
        """
        with keras.name_scope(self.name):
            x = ops.convert_to_tensor(_inputs.rows(y_pred))
            weight = _inputs.weights(sample_weight, x)
            if self.weighs_itself and weight is not None and len(weight.shape) == 1:
                values, weight = self.call(y_true, x, ops.cast(weight, self.compute)), None
            else:
                values = self.call(y_true, x)
            loss = Reduced(reduction=self.reduction, dtype=self.compute)(values, values, weight)
            if self.reduction not in (None, "none"):
                # Keras does not reduce an empty vector.
                loss = ops.sum(loss)
        return narrowed(loss, self.dtype)


def finite_targets(y_true, shape, compute, words="one target for each example"):
    """Returns targets of a shape in the dtype of the computation, and whether all are finite.

    Args:
        y_true: Array or tensor; ``(B, 1)`` serves as ``(B,)``.
        shape: The shape that ``y_true`` must have; None fits any size.
        compute: "float32" or "float64".
        words: The words of the error message.

    Raises:
        ValueError: If the shape differs, or known targets are not finite.
        TypeError: If they are no numbers.
    """
    targets = ops.convert_to_tensor(numbers(y_true))
    if len(shape) == 1 and tuple(targets.shape[1:]) == (1,):
        targets = targets[:, 0]
    found = tuple(targets.shape)
    fits = all(None in pair or pair[0] == pair[1] for pair in zip(found, shape, strict=False))
    if len(found) != len(shape) or not fits:
        raise ValueError(expected(words, y_true_shape=found, expected_shape=tuple(shape)))
    targets = ops.cast(targets, compute)
    finite = ops.all(ops.isfinite(targets))
    _inputs.require(finite, NOT_FINITE_TARGETS)
    return targets, finite


def numbers(y_true):
    """Returns targets unchanged; raises TypeError if they are no numbers."""
    dtype = keras.backend.standardize_dtype(y_true.dtype) if _is_tensor(y_true) else y_true.dtype
    dtype = str(dtype)
    if not ("int" in dtype or "float" in dtype or dtype == "bool"):
        raise TypeError(expected("y_true to be numbers", y_true_dtype=dtype))
    return y_true


def _is_tensor(x):
    return ops.is_tensor(x) or isinstance(x, keras.KerasTensor)


NOT_FINITE_TARGETS = (
    "Expected finite targets; leave examples without a score out. Received: y_true with NaN or Inf"
)


def row_similarity(x, y, name):
    """Returns the similarities of the last axis: cosines, or inner products.

    Args:
        x: ``(..., D)``.
        y: ``(..., D)``; broadcasts with x.
        name: "cosine" or "inner_product".
    """
    if name == "cosine":
        x, y = l2_normalize(x), l2_normalize(y)
    return ops.sum(x * y, axis=-1)
