"""Base classes of the models that train an embedder without labels."""

from numbers import Integral
from typing import Any

import keras
from keras import layers, ops

from tfmetric._errors import expected
from tfmetric.elements import element_of_shape
from tfmetric.layers import RandomAffine
from tfmetric.models.checked_embedder import check_embedder
from tfmetric.models.wrapped import TrainedEmbedder
from tfmetric.typing import Tensor


class WithoutLabels(TrainedEmbedder):
    """Base of the models that train an embedder without labels.

    A subclass implements :meth:`forward`. The constructor makes all variables, so that saving,
    loading and the optimiser find them.

    ``compile`` only needs an optimiser. ``fit`` takes batches x, or (x, labels): labels are for
    ``metrics``, or for a ``loss`` on labels and embeddings, which is then added to the model's own.
    The model returns the embeddings of its inputs; in training, those of the augmented inputs.

    Args:
        embedder: A model with one input and an embedding (B, D) as its output. It stays a separate
            model: ``model.embedder`` is what to evaluate and to export.
        name: Name of the model.
    """

    def __init__(self, embedder: keras.Model, name: str | None = None):
        if isinstance(embedder, TrainedEmbedder):
            raise ValueError(
                expected("the embedder itself, not a model that trains it", embedder=embedder)
            )
        check_embedder(embedder, several_inputs=False)
        super().__init__(embedder, name=name)

    def forward(self, inputs: Any, training: bool | None) -> Any:
        """Returns embeddings ``(B, D)``, and the loss of the batch, a scalar.

        Args:
            inputs: A batch as ``fit`` gets it.
            training: Whether the networks run in training mode and moving averages move.
                ``evaluate`` and validation also use random views.
        """
        raise NotImplementedError

    def call(self, inputs: Any, training: bool | None = False) -> Tensor:
        """Returns the embeddings; in training the loss is added."""
        if not training:
            # predict must not compute the views.
            return self.embedder(inputs, training=False)
        embeddings, loss = self.forward(inputs, training=True)
        self.add_loss(loss)
        return embeddings

    def compute_loss(
        self,
        x: Any = None,
        y: Tensor | None = None,
        y_pred: Tensor | None = None,
        sample_weight: Any = None,
        training: bool | None = True,
    ) -> Tensor:
        """Sums the model's own loss, a loss from ``compile`` and regularisers."""
        if sample_weight is not None and self.loss is None:
            raise ValueError(
                expected(
                    "no sample_weight where compile has no loss: every example counts alike",
                    sample_weight=sample_weight,
                )
            )
        if training:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        own = self.forward(x, training=False)[1][None]
        loss = _Own(name="own")(own, own)
        if self.loss is not None or self.losses:
            loss = loss + super().compute_loss(x, y, y_pred, sample_weight, training)
        return loss


class _Own(keras.losses.Loss):
    """Applies Keras's scaling across replicas to a computed loss."""

    def call(self, y_true, y_pred):
        return y_pred


class TwoViews(WithoutLabels):
    """Base of the models that learn from two random views of each example.

    A subclass implements :meth:`WithoutLabels.forward` with :meth:`views`.

    Args:
        embedder: As in :class:`WithoutLabels`.
        augment: A Keras layer, or a list of layers, that makes a view: it changes a batch at random
            when called with ``training=True`` and keeps its shape. By default
            :class:`tfmetric.layers.RandomAffine` with wide ranges for images; vectors have no
            default; pass a layer such as ``keras.layers.GaussianNoise`` or ``Dropout``.
        projector: Network between the embedding and the loss: widths of dense layers, all but the
            last followed by batch normalisation and ReLU; a Keras layer; or None.
        name: Name of the model.
        normalize: Whether batch normalisation follows the last dense layer of the projector too.
    """

    def __init__(
        self,
        embedder: keras.Model,
        augment: keras.layers.Layer | None = None,
        projector: keras.layers.Layer | None = None,
        name: str | None = None,
        normalize: bool = False,
    ):
        super().__init__(embedder, name=name)
        self.normalize = bool(normalize)
        self.augment = _view_maker(augment, embedder)
        dim = embedder.output_shape[-1]
        self.projector, self._projector_given = perceptron(projector, dim, "projector", normalize)
        if self.projector is not None:
            dim = self.projector.compute_output_shape((None, dim))[-1]
        self.width = dim

    def views(self, inputs: Any) -> Any:
        """Returns two random views as one batch ``(2B, ...)``, all first views before all second.

        One batch costs one pass, and its batch normalisation sees both views.
        """
        both = [self.augment(inputs, training=True) for _ in range(2)]
        return ops.concatenate(both, axis=0)

    def project(self, views: Any, training: bool | None) -> Any:
        """Returns embeddings ``(B, D)`` of the first views, and projections ``(2B, P)`` of both."""
        embeddings = self.embedder(views, training=training)
        projections = embeddings
        if self.projector is not None:
            projections = self.projector(embeddings, training=training)
        return halves(embeddings)[0], projections


def halves(x):
    """Splits into first and second views for the loss, in float32 at least."""
    if keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16"):
        x = ops.cast(x, "float32")
    return ops.split(x, 2, axis=0)


def perceptron(given, dim, name, normalize=False):
    """Returns the requested network, and its entry for the config.

    Args:
        given: Widths, a layer, or None for none.
        dim: Length of the input.
        name: Name of the argument and of the network.
        normalize: Whether batch normalisation follows the last dense layer too.
    """
    if given is None:
        return None, None
    if isinstance(given, layers.Layer):
        given(keras.KerasTensor((None, dim)))  # Build the weights now.
        return given, given
    widths = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) and n > 0 for n in widths)
    if not (whole and widths):
        raise ValueError(
            expected(f"{name} to be ints above 0, a Keras layer or None", **{name: given})
        )
    widths = tuple(int(width) for width in widths)
    parts = [keras.Input((dim,))]
    for width in widths[:-1]:
        parts += [layers.Dense(width, use_bias=False), _statistics(), layers.ReLU()]
    parts += [layers.Dense(widths[-1])] + ([_statistics()] if normalize else [])
    return keras.Sequential(parts, name=name), widths


def _statistics():
    return layers.BatchNormalization(momentum=0.9)


# The default layers that make a view, by kind of example.
_VIEWS = {
    "image": lambda: RandomAffine(translation=0.15, rotation=15.0, zoom=0.25, shear=10.0),
}


def _view_maker(augment, embedder):
    shape = embedder.input_shape
    if augment is None:
        element = element_of_shape(shape[1:]) if isinstance(shape, tuple) else None
        if element is None or element.kind not in _VIEWS:
            raise ValueError(
                expected(
                    "augment to be a Keras layer that changes examples at random, such as "
                    "keras.layers.GaussianNoise(0.1); only images have a default",
                    augment=augment,
                )
            )
        augment = _VIEWS[element.kind]()
    if isinstance(augment, (list, tuple)) and augment:
        augment = keras.Sequential([keras.Input(shape[1:]), *augment], name="augment")
    if not isinstance(augment, layers.Layer):
        raise ValueError(expected("augment to be a Keras layer or a list of them", augment=augment))
    view = augment(keras.KerasTensor(shape, embedder.inputs[0].dtype), training=True)
    if tuple(view.shape) != tuple(shape):
        raise ValueError(
            expected(f"an augment that keeps the shape {tuple(shape)}", view_shape=view.shape)
        )
    return augment
