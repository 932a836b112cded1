"""The distance head of a Siamese model."""

from typing import Any

import keras

from tfmetric import distances
from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import at_least_float32, result_dtype
from tfmetric.typing import Distance, Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class PairwiseDistance(ConfigFromArguments, keras.layers.Layer):
    """Computes the distance between the i-th embeddings of two batches.

    Use it as the head of a Siamese model, see :func:`tfmetric.models.siamese`. It computes in
    float32 and returns float32, also under a mixed-precision policy, by direct difference, which
    keeps the small distances between near-duplicates exact.

    Args:
        distance: A name, such as ``"euclidean"``, ``"squared_euclidean"``, ``"cosine"``,
            ``"inner_product"`` or ``"manhattan"``, or a function ``f(x, y)`` that reduces the
            last axis. To be saved, a function must be registered with
            ``keras.saving.register_keras_serializable``. Defaults to ``"euclidean"``.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Input: a pair ``(a, b)`` of floating tensors of shape (B, D). Output: (B,).

    Raises:
        ValueError: If the distance is not known, or the input is not a pair of equal shapes.

    Example:

    >>> import numpy as np
    >>> a, b = np.array([[0.0, 0.0]], "float32"), np.array([[3.0, 4.0]], "float32")
    >>> np.asarray(PairwiseDistance()((a, b))).tolist()
    [5.0]
    """

    def __init__(self, distance: Distance = "euclidean", **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.distance = distances.get(distance)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Checks that the input is a pair of the same shape."""
        self._check(input_shape)

    def call(self, inputs: Any) -> Tensor:
        """The distances of the pairs."""
        a, b = (at_least_float32(x, self.compute_dtype) for x in inputs)
        return self.distance.paired(a, b)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the inputs without the last axis."""
        self._check(input_shape)
        return tuple(input_shape[0][:-1])

    def compute_output_spec(self, inputs: Any) -> Any:
        """Float32 under a mixed-precision policy too."""
        shape = self.compute_output_shape([x.shape for x in inputs])
        return keras.KerasTensor(shape, result_dtype(*inputs, policy=self.compute_dtype))

    def _check(self, input_shape):
        pair = isinstance(input_shape, (list, tuple)) and len(input_shape) == 2
        pair = pair and all(isinstance(shape, (list, tuple)) for shape in input_shape)
        if not pair or input_shape[0][-1] != input_shape[1][-1]:
            raise ValueError(
                expected("a pair (a, b) of tensors of shape (batch, dim)", input_shape=input_shape)
            )
