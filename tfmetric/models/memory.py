"""Cross-batch memory: compares a batch with the embeddings of earlier batches too."""

from numbers import Integral
from typing import Any

import keras
from keras import ops

from tfmetric._errors import expected
from tfmetric.layers._state import state_weight
from tfmetric.losses import _inputs
from tfmetric.losses._memory import takes_memory
from tfmetric.losses.references import Memory
from tfmetric.models.wrapped import TrainedEmbedder, innermost
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class CrossBatchMemory(TrainedEmbedder):
    """Trains an embedder against the last few thousand embeddings as well as the batch.

    Use it for many classes and small batches, where a batch holds few hard negatives. An embedder
    changes slowly, so recent embeddings are nearly current. The last ``memory_size`` embeddings and
    labels are kept, and each anchor is compared with the batch and with the memory. A kept
    embedding costs D floats and a column of the matrix of distances, but no forward and no backward
    pass: only the batch gets a gradient.

    ``compile`` takes one loss on labels and embeddings that takes references, such as
    :class:`tfmetric.losses.ContrastiveLoss`, :class:`tfmetric.losses.TripletLoss` and every
    :class:`tfmetric.losses.PairLoss`), or a :class:`tfmetric.losses.MatryoshkaLoss` or
    :class:`tfmetric.losses.WeightedSum` of such; ``fit`` takes batches (x, labels). A batch enters
    the memory after its step, so that no example meets its own copy; an example may meet its
    embedding of an epoch ago, as a positive. Evaluation and validation neither use nor change the
    memory, and ``predict`` runs the embedder. The memory is saved with the model, so a resumed
    training continues with it.

    Args:
        embedder: A model with an embedding (B, D) as its output, with one input or a dictionary of
            inputs; or a two-tower model, whose candidates are kept.
        memory_size: Number of kept embeddings, at least 1. The newest come first; a larger batch
            keeps its first examples. Defaults to 8192.
        warmup_steps: Number of steps that fill but do not use the memory: while the embedder still
            changes fast, old embeddings mislead. Defaults to 1000, as in the paper; use fewer for a
            short training.
        label_shape: Shape of one label, such as ``(L,)`` for a loss with
            ``match="any_shared"``. Defaults to ``()``, a class id.
        name: Name of the model.

    Raises:
        ValueError: If an argument is not as above; if the loss takes no references, or labels are
            not integers; or if there are several replicas, because each would keep another part:
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
        the batch is part of the memory; here it is compared with itself and with the
        ``memory_size`` embeddings before it.
    """

    def __init__(
        self,
        embedder: keras.Model,
        memory_size: int = 8192,
        warmup_steps: int = 1000,
        label_shape: tuple[int, ...] = (),
        name: str | None = "cross_batch_memory",
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
        # Keeps ids of 64 bits where the backend has them.
        ids = "int64" if keras.config.backend() == "tensorflow" else "int32"
        self.memory_embeddings = state_weight(self, "memory_embeddings", (size, dim), "float32")
        self.memory_labels = state_weight(self, "memory_labels", (size, *self.label_shape), ids)
        self.remembered = state_weight(self, "remembered", (), "int32")
        self.step = state_weight(self, "step", (), "int32")

    def compute_loss(
        self,
        x: Any = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Any = None,
        training: bool | None = True,
    ) -> Tensor:
        """Computes the loss against batch and memory; in training the memory keeps the batch."""
        if not training:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        if not (isinstance(self.loss, keras.losses.Loss) and takes_memory(self.loss)):
            raise ValueError(
                expected("compile with one loss on labels and embeddings", loss=self.loss)
            )
        # Keras weighs only the losses that it calls itself, and this model calls the loss.
        weights = getattr(self._compile_loss, "_user_loss_weights", None)
        if weights is not None:
            raise ValueError(expected("no loss_weights beside one loss", loss_weights=weights))
        labels = self._integer(y)
        filled = ops.arange(self.memory_size, dtype="int32") < self.remembered
        # Unused places are masked out, so their labels have no meaning.
        used = ops.logical_and(filled, self.step >= self.warmup_steps)
        memory = Memory(
            ops.convert_to_tensor(self.memory_labels),
            ops.convert_to_tensor(self.memory_embeddings),
            used,
        )
        loss = self.loss(labels, y_pred, sample_weight, memory=memory)
        # On two sides the queries of a batch are compared with the candidates of those before.
        self._remember(labels, y_pred[:, 1] if len(y_pred.shape) == 3 else y_pred)
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
        # The count stops at the warmup, so it never overflows.
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
