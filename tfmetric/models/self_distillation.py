"""Training without labels and negatives: one view predicts the other."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import negative_cosine
from tfmetric.losses._arguments import number, whole
from tfmetric.models.without_labels import TwoViews, halves, perceptron


@keras.saving.register_keras_serializable(package="tfmetric")
class SimSiam(TwoViews):
    """SimSiam: predicts each view's projection from the other view, which gets no gradient.

    When to use it: without labels, with small batches, where nothing may count as a negative. It
    has no target network, so it costs half of :class:`BYOL`. Its loss does not forbid collapse:
    watch the spread of the embeddings (see below), and keep the batch normalisation at the end of
    the projector, the small predictor, and weight decay.

    Inputs of fit: x (B, ...), or (x, labels); see :class:`tfmetric.models.WithoutLabels`.

    Args:
        embedder: A model with one input and an embedding (B, D) as its output.
        augment: Layers that make a view; see :class:`tfmetric.models.TwoViews`.
        projector: Widths of the layers behind the embedding, a layer, or None; batch
            normalisation follows each. Defaults to (256, 256, 256); the paper has 2048.
        predictor: Widths of the predictor's layers, the last as wide as the projection; or a layer.
            None for a bottleneck of a quarter of the projection.
        name: Name of the model.

    Example:

    >>> import keras, tfmetric as tm
    >>> noise = keras.layers.GaussianNoise(0.1)
    >>> model = SimSiam(tm.models.embedder((3,), 4), augment=noise, projector=(8, 8))
    >>> model.compile("adam")  # model.fit(x), model.embedder.predict(x)

    References:
        Chen, He: Exploring Simple Siamese Representation Learning (2021), algorithm 1.
    """

    def __init__(
        self,
        embedder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projector: keras.layers.Layer | Sequence[int] | None = (256, 256, 256),
        predictor: Any = None,
        name: str | None = "simsiam",
    ):
        super().__init__(embedder, augment, projector, name=name, normalize=True)
        self.predictor, self._predictor_given = predicting(
            predictor, self.width, max(self.width // 4, 1)
        )

    def forward(self, inputs: Any, training: bool | None) -> Any:
        """See :class:`tfmetric.models.WithoutLabels`."""
        embeddings, projections = self.project(self.views(inputs), training)
        a, b = halves(projections)
        from_a, from_b = halves(self.predictor(projections, training=training))
        loss = (negative_cosine(from_a, b) + negative_cosine(from_b, a)) / 2.0
        return embeddings, loss


@keras.saving.register_keras_serializable(package="tfmetric")
class BYOL(TwoViews):
    """BYOL:

    predicts the other view's projection by a slowly following copy of the networks. The copy
    (target) has the weights ξ ← τ·ξ + (1 − τ)·θ, where θ are the weights of embedder and projector.
    It moves at the start of each training step and gets no gradient. It starts as a copy of the
    embedder when this model is made. Its batch normalisation uses the batch's statistics in
    training, and the embedder's in validation.

    When to use it: without labels, where nothing may count as a negative; more stable than
    :class:`SimSiam`, at the cost of a second pass without gradient and a second set of weights.

    Inputs of fit: x (B, ...), or (x, labels); see :class:`tfmetric.models.WithoutLabels`.

    Args:
        embedder: A model with one input and an embedding (B, D) as its output.
        augment: Layers that make a view; see :class:`tfmetric.models.TwoViews`.
        projector: Widths of the layers behind the embedding, a layer, or None. Defaults to
            (512, 128); the paper has (4096, 256).
        predictor: Widths of the predictor's layers, the last as wide as the projection; or a layer.
            None for one hidden layer of 512.
        momentum: τ, from 0 to 1. Defaults to 0.996, which is for hundreds of epochs: with fewer
            than about 2000 steps use about 0.98, or the target hardly moves.
        steps: Number of training steps in which τ rises to 1 along half a cosine; None for a
            constant τ.
        name: Name of the model.

    Example:

    >>> import keras, tfmetric as tm
    >>> noise = keras.layers.GaussianNoise(0.1)
    >>> model = BYOL(tm.models.embedder((3,), 4), augment=noise, projector=(8, 8), momentum=0.9)
    >>> model.compile("adam")  # model.fit(x), model.embedder.predict(x)

    References:
        Grill et al.: Bootstrap Your Own Latent (2020), eq. 1 and 2 and sec. 3.2 (the cosine).
    """

    def __init__(
        self,
        embedder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projector: keras.layers.Layer | Sequence[int] | None = (512, 128),
        predictor: Any = None,
        momentum: float = 0.996,
        steps: Any = None,
        name: str | None = "byol",
    ):
        super().__init__(embedder, augment, projector, name=name)
        self.predictor, self._predictor_given = predicting(predictor, self.width, 512)
        self.momentum = number("momentum", momentum, 0.0, 1.0)
        self.steps = steps if steps is None else whole("steps", steps, 1)
        self.step = self.add_weight((), "zeros", "int32", trainable=False, name="step", **_SHARED)
        self._target = [
            [self._copy(variable) for variable in network.trainable_variables]
            for network in self._networks()
        ]

    def _networks(self):
        return [self.embedder] + ([] if self.projector is None else [self.projector])

    def _copy(self, variable):
        copy = self.add_weight(
            variable.shape, "zeros", variable.dtype, trainable=False, name="target", **_SHARED
        )
        copy.assign(ops.copy(variable.value))  # On JAX the buffer itself would be shared.
        return copy

    def forward(self, inputs: Any, training: bool | None) -> Any:
        """See :class:`tfmetric.models.WithoutLabels`."""
        if training:
            self._move_target()
        views = self.views(inputs)
        embeddings, projections = self.project(views, training)
        from_a, from_b = halves(self.predictor(projections, training=training))
        a, b = halves(self.target(views, training))
        # ‖x − y‖² of unit vectors is 2 − 2·cos.
        loss = 4.0 + 2.0 * (negative_cosine(from_a, b) + negative_cosine(from_b, a))
        return embeddings, loss

    def target(self, inputs: Any, training: bool | None = False) -> Any:
        """Returns the target networks' projections ``(B, P)`` of inputs ``(B, ...)``."""
        x = inputs
        for network, weights in self._followed():
            # Runs the same network on other weights and drops its state updates.
            state = [variable.value for variable in network.non_trainable_variables]
            values = [ops.stop_gradient(variable.value) for variable in weights]
            x, _ = network.stateless_call(values, state, x, training=training)
        return ops.stop_gradient(x)

    def _followed(self):
        """Returns the networks, each with the weights that follow it."""
        pairs = list(zip(self._networks(), self._target, strict=True))
        for network, weights in pairs:
            now = network.trainable_variables
            if [tuple(v.shape) for v in now] != [tuple(v.shape) for v in weights]:
                raise ValueError(
                    expected(
                        "the weights that were trainable when this model was made; freeze or "
                        "unfreeze parts of the embedder before that",
                        trainable=len(now),
                        then=len(weights),
                    )
                )
        return pairs

    def quantize(self, mode: str | None = None, **kwargs: Any) -> Any:
        """See :class:`tfmetric.models.wrapped.EmbedderInside`; integer weights are not followed."""
        before = [list(network.trainable_variables) for network in self._networks()]
        super().quantize(mode, **kwargs)
        for network, old, weights in zip(self._networks(), before, self._target, strict=True):
            kept = {id(variable) for variable in network.trainable_variables}
            for place in reversed(range(len(old))):
                if id(old[place]) not in kept:
                    self._untrack_variable(weights.pop(place))

    def _move_target(self):
        momentum = self.momentum
        if self.steps is not None:
            share = ops.cast(ops.minimum(self.step.value, self.steps), "float32") / self.steps
            momentum = 1.0 - (1.0 - momentum) * (ops.cos(math.pi * share) + 1.0) / 2.0
        for network, weights in self._followed():
            for mine, followed in zip(weights, network.trainable_variables, strict=True):
                now = ops.stop_gradient(followed.value)
                # now + τ·(ξ − now) is exactly ξ where both are equal.
                mine.assign(now + ops.cast(momentum, now.dtype) * (mine.value - now))
        self.step.assign(self.step.value + 1)


# Every replica computes the same values from the same weights.
_SHARED = {"aggregation": "only_first_replica"}


def predicting(given, width, hidden):
    """Returns the requested predictor, and its entry for the config."""
    network, kept = perceptron((hidden, width) if given is None else given, width, "predictor")
    shape = network.compute_output_shape((None, width))
    if tuple(shape) != (None, width):
        raise ValueError(
            expected(f"a predictor whose last layer is {width} wide", output_shape=tuple(shape))
        )
    return network, None if given is None else kept
