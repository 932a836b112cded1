"""Learned thresholds for the margin loss."""

from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric._precision import at_least_float32, result_dtype
from tfmetric.typing import Tensor
from tfmetric.values.scalars import is_number, is_whole


@keras.saving.register_keras_serializable(package="tfmetric")
class LearnedMargin(ConfigFromArguments, keras.layers.Layer):
    """Appends learned thresholds to the embeddings, for ``MarginLoss(learned_betas=...)``.

    A Keras loss has no weights, so this layer holds them and passes them to the loss in the output
    of the training model; the embedder before it stays a separate model. The appended columns are
    equal in every row, so Euclidean, squared Euclidean and Manhattan distances of the output equal
    those of the embeddings; cosine distances do not.

    Inputs: ``(B, D)``. Output: ``(B, D + num_classes)``, or ``(B, D + 1)`` without classes.

    Args:
        num_classes: Number of classes, each with its threshold; None for one shared threshold.
        nu: ν, at least 0: weight of a loss ν·Σβ that pulls the thresholds down.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Attributes:
        betas: ``(num_classes,)`` or ``(1,)``, added to the ``beta`` of the loss; initially zeros.

    Raises:
        ValueError: If ``num_classes`` is not a whole number of at least 1, or ``nu`` is negative.

    Example:

    >>> import numpy as np
    >>> tuple(LearnedMargin(num_classes=3)(np.ones((2, 4), "float32")).shape)
    (2, 7)

    References:
        Wu, Manmatha, Smola, Krähenbühl: Sampling Matters in Deep Embedding Learning (2017), eq. 7.
    """

    def __init__(self, num_classes: int | None = None, nu: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        if num_classes is not None and not (is_whole(num_classes) and num_classes >= 1):
            raise ValueError(
                expected("num_classes to be a whole number of at least 1", num_classes=num_classes)
            )
        if not is_number(nu) or not 0 <= nu < 1e30:
            raise ValueError(expected("nu to be a number of at least 0", nu=nu))
        self.num_classes = None if num_classes is None else int(num_classes)
        self.nu = float(nu)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the thresholds."""
        self.betas = self.add_weight(
            shape=(self.num_classes or 1,),
            initializer="zeros",
            regularizer=(lambda betas: self.nu * ops.sum(betas)) if self.nu else None,
            name="betas",
        )

    def call(self, inputs: Any) -> Tensor:
        """Appends the thresholds to the embeddings."""
        x = at_least_float32(inputs, self.compute_dtype)
        betas = ops.cast(self.betas, x.dtype)[None, :]
        betas = ops.broadcast_to(betas, (ops.shape(x)[0], betas.shape[1]))
        return ops.concatenate([x, betas], axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Adds a column for each threshold."""
        rows, dim = input_shape
        return (rows, None if dim is None else dim + (self.num_classes or 1))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Adds a column for each threshold."""
        rows, dim = inputs.shape
        return keras.KerasTensor(
            (rows, dim + (self.num_classes or 1)), result_dtype(inputs, policy=self.compute_dtype)
        )
