"""Makes a realistic request for each signature of a version, to warm it up."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tfmetric.export.galleries import Gallery
from tfmetric.export.sides import Side, read_sides, sides_of_signature

_ANY_LENGTH = 32


def example_requests(
    settings: Mapping[str, Any], gallery: Gallery | None, made: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the name and the inputs of a request for each signature.

    Texts are not empty, because a mean over no words is NaN.

    Args:
        settings: Settings of the version.
        gallery: The gallery, or None.
        made: The functions by the names of their signatures.
    """
    import tensorflow as tf

    sides = read_sides(settings)
    arrays = {name: _arrays(side) for name, side in sides.items()}
    files = {name: _files(side) for name, side in sides.items()}
    embedding = np.zeros((1, settings["embedding_dim"]), np.float32)
    k = np.int32(min(10, 0 if gallery is None else len(gallery.ids)))
    values = {"embedding": embedding, "k": k}
    if gallery is not None:  # Exclude no example, or a gallery of one would be too small.
        none = np.zeros((1, 0), gallery.ids.dtype)
        values["exclude"] = tf.constant(none, tf.string).numpy() if none.dtype == object else none
    for name, function in made.items():
        every = dict(values)
        used = sides_of_signature(name, sides)
        if len(used) == 2:
            for prefix, side in zip("ab", used, strict=True):
                single = files[side.name] if name.endswith("_bytes") else {}
                every |= _prefixed(prefix, single or arrays[side.name], side)
        else:
            every |= arrays[used[0].name] | files[used[0].name]
        yield name, {spec.name: every[spec.name] for spec in function.input_signature}


def _prefixed(prefix, given, side):
    """Returns the inputs of one half of a pair under their names."""
    if given.keys() == side.takes.arrays.keys() and side.takes.named:
        return {f"{prefix}_{name}": value for name, value in given.items()}
    (single,) = given.values()
    return {prefix: single}


def _arrays(side: Side):
    examples = {name: _example(shape, dtype) for name, (shape, dtype) in side.takes.arrays.items()}
    for name in examples:  # The length covers the whole padded example.
        if name == "length" or name.endswith("_length"):
            examples[name] = np.full_like(examples[name], _ANY_LENGTH)
    return examples


def _files(side: Side):
    encoding = side.encoding
    if encoding is None:
        return {}
    file = encoding.example(side.takes, side.preprocessing[encoding.name])
    return {encoding.name: np.array([file], object)}


def _example(shape, dtype):
    """Returns one example, with some length for free axes."""
    like = (1, *(_ANY_LENGTH if side is None else side for side in shape))
    return np.full(like, b"warm up", object) if dtype == "string" else np.zeros(like, dtype)
