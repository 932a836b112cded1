"""What the models that train an embedder without labels have in common."""

from numbers import Integral

import keras
from keras import layers, ops

from tfmetric._errors import expected
from tfmetric.layers import RandomAffine
from tfmetric.models.checked_embedder import check_embedder
from tfmetric.models.wrapped import TrainedEmbedder


class WithoutLabels(TrainedEmbedder):
    """Base of the models that train an embedder without labels.

    A subclass implements :meth:`forward`. Everything is made in the constructor, so that saving,
    loading and the optimiser find all variables at once.

    ``compile`` needs an optimiser only. ``fit`` takes batches x, or (x, labels): labels are for
    ``metrics``, or for a ``loss`` on labels and embeddings, which is then added to the model's
    own. Outside of training the model gives the embeddings of its inputs; in training those of
    the inputs as training changes them.

    Args:
        embedder: A model with one input and an embedding (B, D) as its output. It stays a model
            of its own: ``model.embedder`` is what to evaluate and to export.
        name: Name of the model.
    """

    def __init__(self, embedder, name=None):
        if isinstance(embedder, TrainedEmbedder):
            raise ValueError(
                expected("the embedder itself, not a model that trains it", embedder=embedder)
            )
        check_embedder(embedder, several_inputs=False)
        super().__init__(embedder, name=name)

    def forward(self, inputs, training):
        """Embeddings ``(B, D)``, and the loss of the batch, a scalar.

        Args:
            inputs: A batch as ``fit`` gets it.
            training: Whether the networks run in training mode and moving parts move. The loss
                of ``evaluate`` and of validation data is that of random views too.
        """
        raise NotImplementedError

    def call(self, inputs, training=False):
        """The embeddings; in training the loss is added."""
        if not training:
            # predict must not pay for the views.
            return self.embedder(inputs, training=False)
        embeddings, loss = self.forward(inputs, training=True)
        self.add_loss(loss)
        return embeddings

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The model's own loss, that of ``compile`` if there is one, and regularisers."""
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
    """Keras's own scaling across replicas, of a loss already computed."""

    def call(self, y_true, y_pred):
        return y_pred


class TwoViews(WithoutLabels):
    """Base of the models that learn from two random views of each example.

    A subclass implements :meth:`WithoutLabels.forward` with :meth:`views`.

    Args:
        embedder: As in :class:`WithoutLabels`.
        augment: What makes a view: a Keras layer, or a list of them, which changes a batch at
            random when called with ``training=True`` and keeps its shape. By default
            :class:`tfmetric.layers.RandomAffine` with wide ranges for images; for vectors there
            is none, so give one, such as ``keras.layers.GaussianNoise`` or ``Dropout``.
        projector: What stands between the embedding and the loss: widths of dense layers, all but
            the last followed by batch normalisation and ReLU; a Keras layer; or None.
        name: Name of the model.
        normalize: Whether batch normalisation follows the last dense layer of the projector too.
    """

    def __init__(self, embedder, augment=None, projector=None, name=None, normalize=False):
        super().__init__(embedder, name=name)
        self.normalize = bool(normalize)
        self.augment = _view_maker(augment, embedder)
        dim = embedder.output_shape[-1]
        self.projector, self._projector_given = perceptron(projector, dim, "projector", normalize)
        if self.projector is not None:
            dim = self.projector.compute_output_shape((None, dim))[-1]
        self.width = dim

    def views(self, inputs):
        """Two random views as one batch ``(2B, ...)``, first the one of all, then the other.

        One batch costs one pass, and its batch normalisation sees both views.
        """
        both = [self.augment(inputs, training=True) for _ in range(2)]
        return ops.concatenate(both, axis=0)

    def project(self, views, training):
        """Embeddings of the first views ``(B, D)``, and projections ``(2B, P)`` of both."""
        embeddings = self.embedder(views, training=training)
        projections = embeddings
        if self.projector is not None:
            projections = self.projector(embeddings, training=training)
        return halves(embeddings)[0], projections


def halves(x):
    """The parts of the first and of the second views, for the loss: of float32 at least."""
    if keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16"):
        x = ops.cast(x, "float32")
    return ops.split(x, 2, axis=0)


def perceptron(given, dim, name, normalize=False):
    """The network that is asked for, and what to save of it.

    Args:
        given: Widths, a layer, or None for none.
        dim: Length of what goes in.
        name: Of the argument, and of the network.
        normalize: Whether batch normalisation follows the last dense layer too.
    """
    if given is None:
        return None, None
    if isinstance(given, layers.Layer):
        given(keras.KerasTensor((None, dim)))  # Makes its weights.
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


def _view_maker(augment, embedder):
    shape = embedder.input_shape
    if augment is None:
        if len(shape) != 4:
            raise ValueError(
                expected(
                    "augment to be a Keras layer that changes vectors at random, such as "
                    "keras.layers.GaussianNoise(0.1); only images have a default",
                    augment=augment,
                )
            )
        augment = RandomAffine(translation=0.15, rotation=15.0, zoom=0.25, shear=10.0)
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
