"""Cached gradients: batches far beyond memory, with the gradient of the whole batch."""

from numbers import Integral
from typing import Any

import keras
from keras import ops, tree

from tfmetric._errors import expected
from tfmetric.losses._inputs import at_least_one_row
from tfmetric.models._micro_batches import part_by_part
from tfmetric.models.wrapped import TrainedEmbedder
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class CachedGradients(TrainedEmbedder):
    """Trains an embedder on batches of any size with the memory of a small batch.

    Losses on embeddings improve with the batch size, which the memory for activations limits. Here
    the batch is embedded in micro-batches without keeping activations, the loss sees all embeddings
    at once, and the gradient runs each micro-batch again. Memory holds the inputs, the embeddings,
    and the activations of one micro-batch; the second forward pass takes about a third more time.
    Use plain ``compile`` and ``fit`` with any loss; evaluation and ``predict`` run the embedder.

    The gradient is that of the whole batch, up to rounding, for every embedder whose layers treat
    examples separately. Random layers such as dropout repeat their draws in the second run. Batch
    normalisation in training uses the statistics of a micro-batch instead of the batch, and moves
    its averages once for each micro-batch (in the first run only). It works well with micro-batches
    of at least 32, but the gradient is not that of one large batch.

    If the batch is not a multiple of ``micro_batch_size``, the last micro-batch is filled up with
    examples from its beginning, whose embeddings are dropped.

    Args:
        embedder: A model with an embedding (B, D) as its output, with one input or a dictionary of
            inputs; or a two-tower model.
        micro_batch_size: Number of examples run at a time, at least 1. Defaults to 256.
        name: Name of the model.

    Raises:
        ValueError: If an argument is not as above, or if a layer adds a loss on its activations,
            which would be lost.

    Example:

    >>> import numpy as np, tfmetric as tm
    >>> model = CachedGradients(tm.models.embedder((3,), embedding_dim=2), micro_batch_size=4)
    >>> model.compile("sgd", loss=tm.TripletLoss())
    >>> history = model.fit(np.ones((16, 3)), np.arange(16) % 4, batch_size=16, verbose=0)

    References:
        Gao, Zhang, Han, Callan: Scaling Deep Contrastive Learning Batch Size under Memory Limited
        Setup (2021), sec. 3.2.
    """

    def __init__(
        self,
        embedder: keras.Model,
        micro_batch_size: int = 256,
        name: str | None = "cached_gradients",
    ):
        if isinstance(embedder, TrainedEmbedder):
            raise ValueError(
                expected(
                    "the embedder itself; a memory goes around cached gradients, as in "
                    "CrossBatchMemory(CachedGradients(embedder))",
                    embedder=embedder,
                )
            )
        if getattr(embedder, "log_q", None) == "estimated":
            raise ValueError(
                expected(
                    "log_q='given': micro-batches would count each id several times a step",
                    log_q=embedder.log_q,
                )
            )
        super().__init__(embedder, name=name)
        whole = isinstance(micro_batch_size, Integral) and not isinstance(micro_batch_size, bool)
        if not whole or micro_batch_size < 1:
            raise ValueError(
                expected("micro_batch_size to be an int above 0", micro_batch_size=micro_batch_size)
            )
        self.micro_batch_size = int(micro_batch_size)

    def call(self, inputs: Any, training: bool | None = False) -> Tensor:
        """Returns the embeddings ``(B, D)``; in training part by part."""
        if not training:
            return self.embedder(inputs, training=False)
        inputs = tree.map_structure(ops.convert_to_tensor, inputs)
        size = ops.shape(tree.flatten(inputs)[0])[0]
        inputs = tree.map_structure(at_least_one_row, inputs)
        some = ops.shape(tree.flatten(inputs)[0])[0]
        number = -(-some // self.micro_batch_size)
        index = ops.arange(number * self.micro_batch_size, dtype="int32") % some
        embeddings, state = part_by_part(
            self._embed(inputs),
            [ops.convert_to_tensor(v) for v in self.embedder.trainable_variables],
            [ops.convert_to_tensor(v) for v in self.embedder.non_trainable_variables],
            ops.reshape(index, (number, self.micro_batch_size)),
        )
        for variable, value in zip(self.embedder.non_trainable_variables, state, strict=True):
            variable.assign(value)
        return embeddings[:size]

    def _embed(self, inputs):
        def embed(weights, state, part):
            some = tree.map_structure(lambda x: ops.take(x, part, axis=0), inputs)
            embeddings, state, losses = self.embedder.stateless_call(
                weights, state, some, training=True, return_losses=True
            )
            regularized = [v for v in self.embedder.trainable_variables if v.regularizer]
            if len(losses) > len(regularized):
                raise ValueError(
                    expected(
                        "an embedder without losses on activations (activity_regularizer or "
                        "add_loss), which micro-batches would lose",
                        embedder=self.embedder.name,
                    )
                )
            return embeddings, list(state)

        return embed
