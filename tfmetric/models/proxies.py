"""Models that embed, and train with class proxies."""

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.layers import ProxyHead
from tfmetric.losses import EmbeddingLoss, ProxyLoss, _inputs
from tfmetric.models.memory import CrossBatchMemory
from tfmetric.models.wrapped import EmbedderInside


def with_proxies(embedder: keras.Model, head: ProxyHead, name: str = "with_proxies") -> keras.Model:
    """Makes a model that returns embeddings, and whose loss sees the cosines with class proxies.

    Compile it with :class:`tfmetric.losses.ArcFaceLoss` or another loss on proxies, and fit it on
    examples and class ids. The model returns embeddings, so metrics, callbacks and ``predict`` see
    the values used in production. ``embedder`` shares its weights; export that. With
    ``head.sampled_classes`` a training step sees only so many classes (Partial FC); ``evaluate``
    sees all.

    Validation data must have the same classes: other classes have no proxies and no loss. For new
    classes use :class:`tfmetric.callbacks.RetrievalEvaluation`.

    Args:
        embedder: A model with an embedding (B, D) as its output, with one input or a dictionary of
            inputs.
        head: The proxies.
        name: Name of the model.

    Returns:
        A ``keras.Model`` from the input of ``embedder`` to its embedding. It saves and loads with
        its head; the attributes ``embedder`` and ``head`` are the two parts.

    Raises:
        ValueError: If ``embedder`` is not such a model, or ``head`` is not a :class:`ProxyHead`.

    Example:

    >>> import keras, numpy as np, tfmetric as tm
    >>> embedder = tm.models.embedder((3,), embedding_dim=2)
    >>> head = tm.layers.ProxyHead(num_classes=1000, sampled_classes=64)
    >>> model = with_proxies(embedder, head)
    >>> model.compile("adam", loss=tm.losses.CosFaceLoss())
    >>> x, labels = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) * 50
    >>> history = model.fit(x, labels, verbose=0)
    >>> model.predict(x, verbose=0).shape
    (20, 2)

    Reference: An et al.: Partial FC: Training 10 Million Identities on a Single Machine (2021).
    """
    return ProxyTraining(embedder, head, name=name)


@keras.saving.register_keras_serializable(package="tfmetric")
class ProxyTraining(EmbedderInside):
    """The model that :func:`with_proxies` returns."""

    def __init__(self, embedder, head, name="with_proxies"):
        super().__init__(name=name)
        if not isinstance(embedder, keras.Model) or not embedder.built:
            raise ValueError(expected("embedder to be a built keras.Model", embedder=embedder))
        if isinstance(embedder, CrossBatchMemory):
            raise ValueError(
                expected(
                    "an embedder without a memory: losses on class proxies compare with no other "
                    "embedding",
                    embedder=type(embedder).__name__,
                )
            )
        if not isinstance(head, ProxyHead):
            raise ValueError(expected("head to be a layers.ProxyHead", head=head))
        self.embedder, self.head = embedder, head
        if not head.built:
            head.build(embedder.output_shape)
        self.built = True

    def call(self, inputs, training=None):
        """The embeddings."""
        return self.embedder(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Computes the loss on the cosines of embeddings ``y_pred`` with the proxies."""
        if isinstance(self.loss, EmbeddingLoss) and not isinstance(self.loss, ProxyLoss):
            raise ValueError(
                expected(
                    "a loss on class proxies, such as ArcFaceLoss: it sees cosines, where this one "
                    "takes embeddings",
                    loss=self.loss.name,
                )
            )
        labels, known = _inputs.proxy_indices(y, self.head.num_classes)
        classes = None
        if training and self.head.sampled_classes is not None:
            classes, labels = self.head.sample(labels)
            _inputs.require(ops.all(labels >= 0), _NO_ROOM)
        # Where the backend cannot raise, a label that no loss accepts makes the loss NaN.
        labels = ops.where(known, labels, -ops.ones_like(labels))
        cosines = self.head.cosines(y_pred, classes)
        loss = super().compute_loss(x, labels, cosines, sample_weight, training)
        return loss + ops.cast(self.head.regularization(classes), loss.dtype)


_NO_ROOM = (
    "Expected sampled_classes of the ProxyHead to be at least the number of classes in a batch. "
    "Received: a batch of more classes"
)
