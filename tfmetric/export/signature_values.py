"""Converts the values of a caller to the inputs of a signature, and its outputs back."""

import numpy as np

from tfmetric._errors import expected
from tfmetric.export.model_inputs import texts
from tfmetric.export.sides import TWO


def except_name(name: str) -> str:
    """Returns the name of the signature that leaves ids out, such as ``search_except_bytes``."""
    stem = name.removesuffix("_bytes")
    return f"{stem}_except{name[len(stem) :]}"


def needed(name: str, two_sides: bool) -> str:
    """Returns the expected kind of version, for a message, where the signature is missing."""
    if name.removesuffix("_bytes") == "embed" and two_sides:
        return "embed_query or embed_candidate for a version of two towers, which has no embed"
    if name.startswith(("similar", *(f"embed_{side}" for side in TWO))) and not two_sides:
        return f"a version of two towers, from models.two_tower, for {name}"
    if "_except" in name:
        return "a version with a gallery that was exported with exclude=True"
    if name.endswith("_bytes"):
        return f'a version that was exported with inputs="image_bytes" or "wav_bytes" to {name}'
    if name in ("search_embedding", "search", "similar"):
        return "a version with a gallery: give export.save a gallery"
    if name == "classify":
        return "a version with a gallery that has labels"
    return f"a version with the signature {name}: export it again, with inputs='tensor'"


def checked_k(k: int) -> np.int32:
    """Returns k, or raises ValueError if it is no integer above 0."""
    if isinstance(k, bool) or not (isinstance(k, (int, np.integer)) and k > 0):
        raise ValueError(expected("k to be an integer above 0", k=k))
    return np.int32(min(int(k), 2**31 - 1))


def as_tensor(key, values, spec):
    """Returns an input of a signature as a tensor of its type, or raises ValueError."""
    import tensorflow as tf

    if spec.dtype == tf.string:
        tensor = texts(values)
    else:
        try:
            tensor = tf.cast(tf.convert_to_tensor(values), spec.dtype)
        except (TypeError, ValueError, tf.errors.UnimplementedError) as error:
            raise ValueError(
                expected(f"{key} to be an array of numbers", type=type(values).__name__)
            ) from error
    if not spec.shape.is_compatible_with(tensor.shape):
        raise ValueError(
            expected(f"{key} of shape {tuple(spec.shape)}", **{f"{key}_shape": tuple(tensor.shape)})
        )
    return tensor


def decoded(array):
    """Decodes bytes that are text."""
    if array.dtype != object:
        return array
    try:
        flat = [value.decode() for value in array.ravel()]
    except UnicodeDecodeError:
        return array
    return np.array(flat, dtype=np.str_).reshape(array.shape)
