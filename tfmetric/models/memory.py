"""Cross-batch memory: the embeddings of earlier batches as further references."""

from numbers import Integral

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.losses import _inputs
from tfmetric.losses._memory import takes_memory
from tfmetric.losses.references import Memory
from tfmetric.models.wrapped import TrainedEmbedder, innermost


@keras.saving.register_keras_serializable(package="tfmetric")
class CrossBatchMemory(TrainedEmbedder):
    """Trains an embedder against the last few thousand embeddings, not only against the batch.

    For many classes and small batches, where a batch holds few hard negatives. An embedder moves
    slowly, so that what it said of the batches before this one is still nearly true: the last
    ``memory_size`` embeddings and labels are kept, and each anchor of a batch is compared with the
    batch and with them. They cost D floats each and a column of the matrix of distances, no
    forward and no backward pass: the gradient goes to the batch alone.

    ``compile`` takes one loss on labels and embeddings that can compare a batch with others (all
    those with ``references``, such as :class:`tfmetric.losses.ContrastiveLoss`,
    :class:`tfmetric.losses.TripletLoss` and every :class:`tfmetric.losses.PairLoss`), or a
    :class:`tfmetric.losses.MatryoshkaLoss` or :class:`tfmetric.losses.WeightedSum` of such; ``fit``
    takes batches (x, labels). A batch is remembered after its step, so that nobody meets a copy of
    itself; an example may meet what it was an epoch ago, as a positive. Evaluation and validation
    neither use nor change the memory, and ``predict`` is the embedder's. The memory is saved with
    the model, so that a training that goes on, goes on with it.

    Args:
        embedder: A model with an embedding (B, D) as its output, with one input or a dictionary of
            them.
        memory_size: How many embeddings are kept, at least 1. The newest come first, and of a
            batch that is larger the first are kept. Defaults to 8192.
        warmup_steps: For how many steps the memory is filled but not used: while the embedder
            still changes fast, old embeddings mislead. Defaults to 1000, as in the paper; a short
            training needs less.
        label_shape: Shape of one label, such as ``(L,)`` for a loss with
            ``match="any_shared"``. Defaults to ``()``, a class id.
        name: Name of the model.

    Raises:
        ValueError: If an argument is not as above; if the loss cannot do this, or labels are not
            integers; or if there are several replicas, each of which would remember another part:
            use ``gather="global"`` there.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = CrossBatchMemory(tm.models.embedder((3,), embedding_dim=2), 64, warmup_steps=0)
    >>> model.compile("sgd", loss=tm.losses.ContrastiveLoss())
    >>> history = model.fit(np.ones((8, 3)), np.arange(8) % 2, batch_size=4, verbose=0)
    >>> int(model.remembered)
    8

    References:
        Wang, Zhang, Huang, Scott: Cross-Batch Memory for Embedding Learning (2020), alg. 1. There
        the batch is compared with a memory that it is part of; here with the batch and the
        ``memory_size`` before it.
    """

    def __init__(
        self,
        embedder,
        memory_size=8192,
        warmup_steps=1000,
        label_shape=(),
        name="cross_batch_memory",
    ):
        super().__init__(embedder, name=name)
        for key, value, least in (
            ("memory_size", memory_size, 1),
            ("warmup_steps", warmup_steps, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
                raise ValueError(
                    expected(f"{key} to be an int of at least {least}", **{key: value})
                )
        _one_replica()
        self.memory_size, self.warmup_steps = int(memory_size), int(warmup_steps)
        self.label_shape = tuple(label_shape)
        size = self.memory_size
        dim = innermost(embedder).output_shape[-1]
        # Ids of 64 bits stay what they are where the backend has them.
        ids = "int64" if keras.config.backend() == "tensorflow" else "int32"
        self.memory_embeddings = self._kept("memory_embeddings", (size, dim), "float32")
        self.memory_labels = self._kept("memory_labels", (size, *self.label_shape), ids)
        self.remembered = self._kept("remembered", (), "int32")
        self.step = self._kept("step", (), "int32")

    def _kept(self, name, shape, dtype):
        return self.add_weight(
            shape=shape,
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            autocast=False,
            name=name,
        )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The loss of the batch against itself and the memory; in training it is remembered."""
        if not training:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        if not (isinstance(self.loss, keras.losses.Loss) and takes_memory(self.loss)):
            raise ValueError(
                expected("compile with one loss on labels and embeddings", loss=self.loss)
            )
        # Keras weighs the losses that it calls, and it does not call this one.
        weights = getattr(self._compile_loss, "_user_loss_weights", None)
        if weights is not None:
            raise ValueError(expected("no loss_weights beside one loss", loss_weights=weights))
        labels = self._integer(y)
        filled = ops.arange(self.memory_size, dtype="int32") < self.remembered
        # Unused places are masked out, whatever their label: none stands for "nobody".
        used = ops.logical_and(filled, self.step >= self.warmup_steps)
        memory = Memory(
            ops.convert_to_tensor(self.memory_labels),
            ops.convert_to_tensor(self.memory_embeddings),
            used,
        )
        loss = self.loss(labels, y_pred, sample_weight, memory=memory)
        self._remember(labels, y_pred)
        for other in self.losses:
            loss = loss + ops.cast(ops.sum(other), loss.dtype)
        return loss

    def _integer(self, y):
        if y is None:
            raise ValueError(expected("batches (x, labels)", labels=y))
        labels = ops.convert_to_tensor(y)
        dtype = keras.backend.standardize_dtype(labels.dtype)
        if not ("int" in dtype or dtype == "bool"):
            raise ValueError(expected("labels of an integer type to remember", y_dtype=dtype))
        labels = _inputs.comparable(labels)
        shape = tuple(labels.shape[1:])
        if shape != self.label_shape and (shape, self.label_shape) != ((1,), ()):
            raise ValueError(
                expected(f"labels of shape {('batch', *self.label_shape)}", y_shape=labels.shape)
            )
        labels = ops.reshape(labels, (-1, *self.label_shape))
        return ops.cast(labels, self.memory_labels.dtype)

    def _remember(self, labels, embeddings):
        for kept, new in (
            (self.memory_embeddings, ops.cast(ops.stop_gradient(embeddings), "float32")),
            (self.memory_labels, labels),
        ):
            kept.assign(ops.concatenate([new, ops.convert_to_tensor(kept)])[: self.memory_size])
        number = self.remembered + ops.cast(ops.shape(embeddings)[0], "int32")
        self.remembered.assign(ops.minimum(number, self.memory_size))
        # Counted no further than it matters: it never overflows.
        self.step.assign(ops.minimum(self.step + 1, self.warmup_steps))


def _one_replica():
    if keras.config.backend() != "tensorflow":
        return
    import tensorflow as tf

    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        raise ValueError(
            expected(
                "one replica: several would each remember another part of a batch; give the loss "
                "gather='global' instead",
                replicas=replicas,
            )
        )
