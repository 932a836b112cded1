"""Converts strings to numbers, the only step of a text tower that runs on the CPU."""

from typing import Any

import keras
import numpy as np

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.typing import Tensor
from tfmetric.values.scalars import is_whole


@keras.saving.register_keras_serializable(package="tfmetric")
class CodePoints(ConfigFromArguments, keras.layers.Layer):
    """Turns texts into the Unicode code points of their characters, padded with 0.

    Put it first in a model that takes raw strings. It runs on TensorFlow's own string operations,
    so a SavedModel that holds it takes strings in TensorFlow Serving and needs no package beside
    TensorFlow. Strings exist only on the CPU: a model with this layer trains without XLA, and its
    strings stay on the host. To train with XLA or on JAX, apply :meth:`encode` in the input
    pipeline and train the model behind this layer.

    Invalid UTF-8 becomes the replacement character U+FFFD.

    Inputs: strings ``(B,)`` or ``(B, 1)``. Output: int32 ``(B, T)``, where T is the length of the
    batch's longest text, at least 1.

    Args:
        max_length: Number of characters read; the rest is cut off. It bounds the memory of a batch
            with a very long text. Defaults to 512.
        lowercase: Whether capital letters become small ones. Defaults to True.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ...

    Raises:
        ValueError: If ``max_length`` is not a whole number of at least 1.

    Example:

    >>> import numpy as np
    >>> np.asarray(CodePoints()(np.array(["Ab", "é", ""]))).tolist()
    [[97, 98], [233, 0], [0, 0]]
    """

    def __init__(self, max_length: int = 512, lowercase: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        if not is_whole(max_length) or max_length < 1:
            raise ValueError(
                expected("max_length to be a whole number of at least 1", max_length=max_length)
            )
        self.max_length, self.lowercase = int(max_length), bool(lowercase)
        # Keras turns XLA off for a model with such a layer.
        self.supports_jit = False

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Tensor:
        """Accepts NumPy strings too, which Keras rejects."""
        if isinstance(inputs, (list, tuple)) or (
            isinstance(inputs, np.ndarray) and inputs.dtype.kind in "UTSO"
        ):
            inputs = _tensor(inputs)
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs: Any) -> Tensor:
        """The code points."""
        import tensorflow as tf

        texts = tf.reshape(inputs, (-1,))
        if self.lowercase:
            texts = tf.strings.lower(texts, encoding="utf-8")
        # Cut before decoding, so that a text of megabytes costs no more than its first characters.
        texts = tf.strings.substr(texts, 0, 4 * self.max_length)
        points = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
        points = points[:, : self.max_length].to_tensor()
        # A batch of empty texts gets one column too.
        missing = tf.maximum(0, 1 - tf.shape(points)[1])
        return tf.pad(points, ((0, 0), (0, missing)))

    def encode(self, texts: Any) -> Any:
        """Returns the code points of texts, for an input pipeline or for NumPy.

        Args:
            texts: A string tensor, as in ``tf.data.Dataset.map``, or strings of any other kind,
                which give a NumPy array.
        """
        import tensorflow as tf

        if tf.is_tensor(texts):
            return self.call(texts)
        return self.call(_tensor(texts)).numpy()

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns ``(B, None)``: T depends on the texts."""
        return (input_shape[0], None)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns an integer dtype under every policy."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), "int32")


def _tensor(texts):
    import tensorflow as tf

    return tf.constant(np.asarray(texts).astype(object))
