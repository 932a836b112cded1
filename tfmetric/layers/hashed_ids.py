"""Maps ids of any size to rows of a table."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tfmetric._config import ConfigFromArguments
from tfmetric._errors import expected
from tfmetric.layers.hashed_ngrams import mix
from tfmetric.typing import Tensor
from tfmetric.values.scalars import is_whole


@keras.saving.register_keras_serializable(package="tfmetric")
class HashedIds(ConfigFromArguments, keras.layers.Layer):
    """Hashes ids to numbers, each column separately.

    Use it before ``keras.layers.Embedding`` where ids are large, sparse or not known beforehand:
    users, articles, categories. Two ids of one column collide with probability 1 / buckets.

    Inputs: whole numbers ``(B, D)``. Output: int32 ``(B, D)``, from 0 to buckets − 1.

    Args:
        buckets: Number of hash values.
        **kwargs: Arguments of ``keras.layers.Layer``: ``name``, ...

    Raises:
        ValueError: If ``buckets`` is not a whole number of at least 1, or the inputs are floats.

    Example:

    >>> import numpy as np
    >>> numbers = np.asarray(HashedIds(1000)(np.array([[7, 7], [2**40, 7]])))
    >>> bool(numbers[0, 1] == numbers[1, 1]), len(set(numbers.ravel().tolist()))
    (True, 3)

    References:
        Weinberger et al.: Feature Hashing for Large Scale Multitask Learning (2009).
    """

    def __init__(self, buckets: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        if not is_whole(buckets) or buckets < 1:
            raise ValueError(
                expected("buckets to be a whole number of at least 1", buckets=buckets)
            )
        self.buckets = int(buckets)

    def call(self, inputs: Any) -> Tensor:
        """The numbers."""
        x = ops.convert_to_tensor(inputs)
        dtype = keras.backend.standardize_dtype(x.dtype)
        if "int" not in dtype:
            raise ValueError(expected("ids of an integer type to hash", dtype=dtype))
        low = ops.cast(x, "int32")
        if dtype in ("int64", "uint64"):  # A cast keeps only the lower half.
            high = ops.cast(ops.right_shift(x, ops.cast(32, dtype)), "int32")
            low = ops.bitwise_xor(low, mix(high))
        column = ops.arange(1, x.shape[-1] + 1, dtype="int32") * np.int32(0x01F123BB)
        return ops.mod(mix(low + column), np.int32(self.buckets))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Returns an integer dtype under every policy."""
        return keras.KerasTensor(inputs.shape, "int32")
