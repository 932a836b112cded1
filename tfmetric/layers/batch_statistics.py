"""Batch normalisation with correct statistics from the first step on."""

from typing import Any

import keras
from keras import ops

from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class PromptBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation for trainings of any number of steps.

    Keras's layer begins with a mean of 0 and a variance of 1, and forgets them at the rate of its
    momentum: with 0.99 a third of these initial values is left after a hundred steps, so inference
    differs from training. Here the moving statistics of the first n = 1 / (1 − momentum) steps are
    the mean of the batches' statistics; from then on they move as in Keras.

    Everything else is as in ``keras.layers.BatchNormalization``: arguments, masks, inference mode
    where ``trainable`` is False.

    Args:
        momentum: As in Keras. Defaults to 0.9.
        **kwargs: Arguments of ``keras.layers.BatchNormalization``.

    Example:

    >>> import numpy as np
    >>> layer = PromptBatchNormalization(epsilon=1e-6)
    >>> x = np.random.default_rng(0).normal(50.0, 3.0, (64, 2)).astype("float32")
    >>> bool(np.allclose(layer(x, training=True), layer(x, training=False), atol=1e-3))
    True

    References:
        Ioffe, Szegedy: Batch Normalization (2015), algorithm 2, for the statistics of inference.
    """

    def __init__(self, momentum: float = 0.9, **kwargs: Any):
        super().__init__(momentum=momentum, **kwargs)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights of Keras's layer and a step counter."""
        super().build(input_shape)
        self.steps = self.add_weight(
            name="steps", shape=(), initializer="zeros", trainable=False, autocast=False
        )

    def call(self, inputs: Any, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """The normalised inputs."""
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        kept = (self.moving_mean, self.moving_variance)
        # The batch's statistics are recovered as a difference, which 16 bits would round too
        # coarsely.
        wide = "float64" if self.variable_dtype == "float64" else "float32"
        # Copy the current values, because the variables are about to change.
        before = [ops.cast(ops.convert_to_tensor(variable), wide) + 0.0 for variable in kept]
        outputs = super().call(inputs, training=training, mask=mask)
        steps = ops.cast(self.steps, wide)
        share = ops.minimum(ops.cast(self.momentum, wide), steps / (steps + 1.0))
        for variable, old in zip(kept, before, strict=True):
            # Keras assigned momentum · old + (1 − momentum) · batch.
            new = ops.cast(ops.convert_to_tensor(variable), wide) + 0.0
            batch = old + (new - old) / (1.0 - self.momentum)
            kept_value = ops.where(share < self.momentum, batch + share * (old - batch), new)
            variable.assign(ops.cast(kept_value, variable.dtype))
        self.steps.assign(ops.cast(ops.minimum(steps + 1.0, 1e6), self.steps.dtype))
        return outputs
