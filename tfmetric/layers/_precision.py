"""What the layers here compute in: never less than float32."""

from keras import ops


def at_least_float32(x):
    """Casts 16-bit floats and integers to float32; float32 and float64 stay as they are.

    Squares of 16-bit floats overflow at 256, and distances between near neighbours cancel.
    """
    dtype = str(x.dtype).rpartition(".")[2]
    return x if dtype in ("float32", "float64") else ops.cast(x, "float32")
