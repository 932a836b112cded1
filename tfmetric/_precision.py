"""The dtype that layers and losses compute in, and the way from 16-bit floats there and back."""

import keras
from keras import ops

# The largest finite value, where it is within the reach of the gradients of a loss.
_LARGEST = {"float16": 65504.0, "bfloat16": 3.38953139e38}


def at_least_float32(x, policy: str | None = None):
    """Casts to the dtype that :func:`result_dtype` gives; see there.

    Squares of 16-bit floats overflow at 256, and distances between near neighbours cancel.
    """
    return widened(x, result_dtype(x, policy=policy))


def result_dtype(*tensors, policy: str | None = None) -> str:
    """float64 if one of the tensors or the policy is of it, else float32.

    Args:
        *tensors: Tensors or Keras tensors.
        policy: The ``compute_dtype`` of the layer.
    """
    dtypes = [policy, *(keras.backend.standardize_dtype(x.dtype) for x in tensors)]
    return "float64" if "float64" in dtypes else "float32"


def widened(x, dtype: str):
    """Casts to a wider dtype; the gradient on the way back stays within the range of the narrow.

    A loss is steep at vectors near zero: the floor of the normalisation, 1e-4, and a scale of 256
    make a slope of millions, which float16 would turn into infinity.
    """
    narrow = keras.backend.standardize_dtype(x.dtype)
    if narrow == dtype:
        return x
    if narrow not in _LARGEST:
        return ops.cast(x, dtype)

    @ops.custom_gradient
    def widen(x):
        def gradient(upstream):
            largest = _LARGEST[narrow]
            return ops.cast(ops.clip(ops.convert_to_tensor(upstream), -largest, largest), narrow)

        return ops.cast(x, dtype), gradient

    # A weight becomes a tensor: TensorFlow's custom gradients take no variables.
    return widen(ops.add(x, ops.zeros((), narrow)))


def narrowed(x, dtype: str):
    """Casts a loss to its own dtype; a value beyond its range becomes the largest, NaN stays."""
    if dtype not in _LARGEST:
        return ops.cast(x, dtype)
    largest = _LARGEST[dtype]
    # The gradient is that of the value itself.
    return ops.cast(x + ops.stop_gradient(ops.clip(x, -largest, largest) - x), dtype)
