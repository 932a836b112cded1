"""What the layers here compute in: never less than float32."""

import keras
from keras import ops


def at_least_float32(x):
    """Casts 16-bit floats and integers to float32; float32 and float64 stay as they are.

    Squares of 16-bit floats overflow at 256, and distances between near neighbours cancel.
    """
    dtype = result_dtype(x)
    return x if keras.backend.standardize_dtype(x.dtype) == dtype else ops.cast(x, dtype)


def result_dtype(*tensors) -> str:
    """The dtype of what is computed of these, which Keras takes for that of the policy."""
    dtypes = [keras.backend.standardize_dtype(x.dtype) for x in tensors]
    return "float64" if "float64" in dtypes else "float32"
