"""How often each candidate comes in a stream of batches, estimated while it streams."""

from typing import Any

import keras
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.layers._state import state_weight
from tfmetric.layers.hashed_ids import HashedIds
from tfmetric.typing import Tensor
from tfmetric.values.scalars import is_number, is_whole


@keras.saving.register_keras_serializable(package="tfmetric")
class StreamingLogQ(ConfigFromArguments, keras.layers.Layer):
    """Estimates log q, q the probability that a candidate is in a batch.

    An in-batch softmax meets popular candidates as negatives far more often than rare ones, and
    pushes them down. Subtracting log q from the logits corrects that, without a count of all data
    beforehand: in training the layer keeps, for each id, the moving average of the steps between
    two batches that hold the id; q is one over it. Two ids of one bucket look more frequent than
    they are, so several tables are kept and the longest average counts.

    Inputs: whole numbers ``(B,)``, the ids of the candidates. Output: ``(B,)`` log q, in training;
    zeros otherwise.

    Args:
        buckets: Entries of a table; several times the number of ids.
        tables: How many tables.
        rate: Weight of the newest gap in the moving average, above 0 and at most 1.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> import numpy as np
    >>> layer = StreamingLogQ(buckets=100, rate=0.5)
    >>> for step in range(20):  # The first id comes in every batch, the second in every other.
    ...     log_q = layer(np.array([7, 9] if step % 2 else [7]), training=True)
    >>> np.exp(np.asarray(log_q)).round(2).tolist()
    [1.0, 0.5]

    References:
        Yi et al.: Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations
        (2019), algorithms 2 and 3.
    """

    def __init__(self, buckets: int = 2**18, tables: int = 2, rate: float = 0.05, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        for name, value in (("buckets", buckets), ("tables", tables)):
            if not is_whole(value) or value < 1:
                raise ValueError(
                    expected(f"{name} to be a whole number of at least 1", **{name: value})
                )
        if not is_number(rate) or not 0 < rate <= 1:
            raise ValueError(expected("rate above 0 and at most 1", rate=rate))
        self.buckets, self.tables, self.rate = int(buckets), int(tables), float(rate)
        self._numbers = HashedIds(self.buckets)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the tables."""
        size = self.buckets * self.tables
        self.last = state_weight(self, "last", (size,), "int32")
        self.gap = state_weight(self, "gap", (size,), "float32")
        self.step = state_weight(self, "step", (), "int32")

    def call(self, inputs: Any, training: bool | None = False) -> Tensor:
        """Log q of each id."""
        ids = ops.convert_to_tensor(inputs)
        if not training:
            return ops.cast(ops.zeros_like(ids), "float32")
        tables = ops.broadcast_to(ids[:, None], (ops.shape(ids)[0], self.tables))
        offset = self.buckets * ops.arange(self.tables, dtype="int32")[None, :]
        place = self._numbers(tables) + offset
        step = self.step + 1
        last, gap = ops.take(self.last, place), ops.take(self.gap, place)
        since = ops.cast(step - last, "float32")
        # The first time there is no average yet, and the gap is that from the beginning.
        gap = ops.where(last > 0, (1.0 - self.rate) * gap + self.rate * since, since)
        flat = ops.reshape(place, (-1, 1))
        self.gap.assign(ops.scatter_update(self.gap, flat, ops.reshape(gap, (-1,))))
        now = ops.broadcast_to(step, (ops.shape(flat)[0],))
        self.last.assign(ops.scatter_update(self.last, flat, now))
        self.step.assign(step)
        return -ops.log(ops.max(gap, axis=1))

    def compute_output_spec(self, inputs: Any, training: bool | None = False) -> Any:
        """A number an id."""
        return keras.KerasTensor(inputs.shape, "float32")
