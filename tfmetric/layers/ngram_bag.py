"""Embeds a text as the weighted sum of learned n-gram vectors."""

from numbers import Integral
from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.typing import Tensor


@keras.saving.register_keras_serializable(package="tfmetric")
class NGramBag(ConfigFromArguments, keras.layers.Layer):
    """Sums the vectors of a text's n-grams, weighted by the rarity of each n-gram.

    Use it on the numbers from :class:`tfmetric.layers.HashedNGrams`. Its table starts random. The
    output is then a random projection of the text's TF-IDF vector, so untrained cosines are near
    those of TF-IDF, with an error of about 1 / √D. Training brings the vectors of n-grams of
    similar meaning together.

    The output is Σ w(i)·E(i) / √(Σ w(i)²) over the n-grams i of a text, zeros for a text without
    n-grams. w(i) is 1 until :meth:`adapt` has seen texts, then (ln((1 + N) / (1 + n(i))) + 1)^power
    for N texts, n(i) of which contain i.

    Inputs: whole numbers ``(B, G, T)`` from 0 (none) to ``buckets``. Output: ``(B, D)``, in
    float32 under a mixed-precision policy too.

    Args:
        dim: D, the length of a vector.
        buckets: The greatest number, as in the ``HashedNGrams`` before. Defaults to 32,768.
        power: Exponent of the rarity. Pretrained vectors of words, whose lengths already tell
            something of the rarity, take 0.5. Defaults to 1.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ``dtype``, ...

    Attributes:
        table: The weights ``(buckets + 1, D)``; row 0 is never used.
        rarity: The weights ``(buckets + 1,)``, w; training does not change them.

    Raises:
        ValueError: If ``dim`` or ``buckets`` is not a whole number of at least 1, or ``power`` is
            negative.

    Example:

    >>> import tfmetric as tm
    >>> texts = tm.layers.CodePoints()(["a cup of tea", "a cup", ""])
    >>> ids = tm.layers.HashedNGrams(buckets=100)(texts)
    >>> bag = NGramBag(4, buckets=100)
    >>> bag.adapt(ids)
    >>> tuple(bag(ids).shape)
    (3, 4)

    References:
        Bojanowski et al.: Enriching Word Vectors with Subword Information (2017), eq. 3, for the
        sum; Salton, Buckley: Term-weighting approaches in automatic text retrieval (1988), for w.
    """

    def __init__(self, dim: int, buckets: int = 32768, power: float = 1.0, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        for name, value in (("dim", dim), ("buckets", buckets)):
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise ValueError(
                    expected(f"{name} to be a whole number of at least 1", **{name: value})
                )
        if not power >= 0:
            raise ValueError(expected("power to be at least 0", power=power))
        self.dim, self.buckets, self.power = int(dim), int(buckets), float(power)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the table and the weights."""
        self.table = self.add_weight(
            name="table",
            shape=(self.buckets + 1, self.dim),
            initializer=keras.initializers.RandomNormal(stddev=self.dim**-0.5),
            autocast=False,
        )
        self.rarity = self.add_weight(
            name="rarity",
            shape=(self.buckets + 1,),
            initializer="ones",
            trainable=False,
            autocast=False,
        )

    def adapt(self, data: Any) -> None:
        """Learns the rarity of each n-gram from texts. Call it before training, on training texts.

        Args:
            data: Numbers ``(N, G, T)``, or an iterable of such batches, such as a
                ``tf.data.Dataset``.

        Raises:
            ValueError: If there is no text.
        """
        texts, holding = 0, np.zeros(self.buckets + 1)
        for batch in [data] if hasattr(data, "shape") else data:
            ids = ops.convert_to_numpy(batch)
            if not self.built:
                self.build(ids.shape)
            texts += len(ids)
            for row in ids.reshape(len(ids), -1):
                holding[np.unique(row)] += 1
        if not texts:
            raise ValueError(expected("at least one text to adapt to", texts=texts))
        rarity = np.log((1 + texts) / (1 + holding)) + 1
        self.rarity.assign((rarity**self.power).astype("float32"))

    def call(self, inputs: Any) -> Tensor:
        """The weighted sums."""
        # At least float32, because hundreds of terms are summed.
        table = ops.convert_to_tensor(self.table)
        ids = ops.reshape(inputs, (ops.shape(inputs)[0], -1))
        weights = ops.take(ops.convert_to_tensor(self.rarity), ids)
        weights = ops.where(ids > 0, ops.cast(weights, table.dtype), 0.0)
        total = ops.matmul(weights[:, None], ops.take(table, ids, axis=0))[:, 0]
        squares = ops.sum(ops.square(weights), axis=1, keepdims=True)
        return total * ops.rsqrt(ops.where(squares > 0, squares, 1.0))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """``(B, D)``."""
        return (input_shape[0], self.dim)

    def compute_output_spec(self, inputs: Any) -> Any:
        """The dtype of the table, under a mixed-precision policy too."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.variable_dtype)
