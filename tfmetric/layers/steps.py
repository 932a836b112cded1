"""Masks of padded sequences."""

from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.typing import Tensor
from tfmetric.values.scalars import is_whole


@keras.saving.register_keras_serializable(package="tfmetric")
class StepMask(ConfigFromArguments, keras.layers.Layer):
    """Computes the mask of padded sequences from their lengths.

    Use it where examples differ in length: a batch is padded with zeros at the end, and only the
    lengths distinguish padding from zeros in the data.

    Inputs: a pair of steps ``(B, T, ...)``, of which T alone is used, and lengths ``(B,)``.
    Output: bool ``(B, T)``, True at step t where t · stride < length.

    Args:
        stride: Units of length for each step, such as the samples between two rows of a
            spectrogram. Defaults to 1.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ...

    Raises:
        ValueError: If ``stride`` is not a whole number of at least 1.

    Example:

    >>> import numpy as np
    >>> np.asarray(StepMask()((np.zeros((2, 3, 1)), np.array([2, 0])))).tolist()
    [[True, True, False], [False, False, False]]
    """

    def __init__(self, stride: int = 1, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        if not is_whole(stride) or stride < 1:
            raise ValueError(expected("stride to be a whole number of at least 1", stride=stride))
        self.stride = int(stride)

    def call(self, inputs: Any) -> Tensor:
        """The mask."""
        steps, length = inputs
        place = ops.arange(ops.shape(steps)[1], dtype="int32") * self.stride
        return place[None, :] < ops.cast(ops.reshape(length, (-1, 1)), "int32")

    def compute_output_spec(self, inputs: Any) -> Any:
        """``(B, T)``."""
        return keras.KerasTensor(tuple(inputs[0].shape[:2]), "bool")


@keras.saving.register_keras_serializable(package="tfmetric")
class ZeroPadding(ConfigFromArguments, keras.layers.Layer):
    """Sets padding to zero.

    Use it before a convolution over time: a padded sequence then has the same edge as an unpadded
    one, so embeddings do not depend on the rest of the batch.

    Inputs: a pair of steps ``(B, T, ...)`` and a mask ``(B, T)``. Output: the steps, zero where the
    mask is False.

    Args:
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Example:

    >>> import numpy as np
    >>> steps = np.full((1, 2, 1), np.inf, "float32")
    >>> np.asarray(ZeroPadding()((steps, np.array([[True, False]]))))[0, 1].tolist()
    [0.0]
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, previous_mask: Tensor | None = None) -> Tensor | None:
        """Returns None: the zeros replace the mask in the next convolution."""
        return None

    def call(self, inputs: Any) -> Tensor:
        """Returns the steps, with padding set to zero."""
        steps, mask = inputs
        shape = (*ops.shape(steps)[:2], *(1 for _ in steps.shape[2:]))
        return ops.where(ops.reshape(mask, shape), steps, ops.zeros_like(steps))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the steps."""
        return input_shape[0]

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns the dtype of the steps."""
        return keras.KerasTensor(inputs[0].shape, inputs[0].dtype)
