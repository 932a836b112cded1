"""Prepares the request of a client for a signature of the served model."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmetric._errors import expected
from tfmetric.serving.inputs import as_array, by_name, is_files, read_files
from tfmetric.values import excluded

_EMBEDDERS = {"search": "embed_query", "classify": "embed_query", "similar": "embed_candidate"}


def prepare(
    signatures: Mapping[str, Any], verb: str, values: tuple, exclude: Any
) -> tuple[str, dict[str, np.ndarray]]:
    """Chooses the signature for the inputs of a caller.

    Args:
        signatures: Those of the model, from :meth:`Client.metadata`.
        verb: The name of a signature without its endings, such as "search".
        values: The inputs: one, or two for "verify".
        exclude: Ids to leave out, or None.

    Returns:
        The name of the signature, and arrays by input name, without k.

    Raises:
        ValueError: If the model lacks the signature, or the inputs do not fit.
    """
    given_files = _given_files(signatures, verb, values)
    two_sides = "embed_query" in signatures or "embed_query_bytes" in signatures
    # Two sides differ: one of them may take no files.
    by_files = any(given_files) if two_sides else all(given_files)
    name = verb + "_except" * (exclude is not None) + "_bytes" * by_files
    if name not in signatures:
        raise ValueError(expected(_needed(name, two_sides), signatures=sorted(signatures)))
    inputs = signatures[name]["inputs"]
    keys = sorted(key for key in inputs if key not in ("k", "exclude"))
    one = len(values) == 1
    of_pair = {} if one else dict(zip("ab", given_files, strict=True))
    arrays = {
        key: read_files(value)
        if by_files and of_pair.get(key, one)
        else as_array(key, value, inputs[key]["dtype"], inputs[key]["shape"])
        for key, value in by_name(values, keys).items()
    }
    if exclude is not None:
        arrays["exclude"] = excluded(exclude, inputs["exclude"]["dtype"], len(arrays[keys[0]]))
    return name, arrays


def _given_files(signatures, verb, values):
    """Returns whether each value is files: where a side takes texts, a ``str`` is a text."""
    if verb == "search_embedding":
        return [False]
    embedders = [verb if verb.startswith("embed") else _EMBEDDERS.get(verb, "embed_query")]
    if len(values) == 2:
        embedders = ["embed_query", "embed_candidate"]
    asked = [signatures.get(name, signatures.get("embed")) for name in embedders]
    return [
        is_files(value, _takes_texts(signature))
        for value, signature in zip(values, asked, strict=True)
    ]


def _takes_texts(signature):
    kinds = {value["dtype"] for value in signature["inputs"].values()} if signature else set()
    return "string" in kinds


def _needed(name, two_sides):
    """Returns the expected kind of model, for a message, where the signature is missing."""
    stem = name.removesuffix("_bytes")
    if stem == "embed" and two_sides:
        return "embed_query or embed_candidate for a model of two towers, which has no embed"
    if stem.startswith(("embed_", "similar")) and not two_sides:
        return f"a model of two towers, exported from models.two_tower, for {name}"
    if "_except" in name:
        return "a model with a gallery that was exported with exclude=True"
    if name.endswith("_bytes"):
        return f'a model exported with inputs="image_bytes" or "wav_bytes", for files to {stem}'
    if name in ("search", "search_embedding", "similar"):
        return 'a model with a gallery; of one exported with inputs="image_bytes" alone, files'
    if name == "classify":
        return "a model with a gallery that has labels"
    return f"a model with the signature {name}; of one that takes image_bytes alone, files"


def described(infos: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the types and shapes of the inputs or outputs of a signature, by their names."""
    return {name: _tensor(info) for name, info in infos.items()}


def _tensor(info):
    dtype = info["dtype"].removeprefix("DT_").lower()
    dtype = {"float": "float32", "double": "float64", "half": "float16"}.get(dtype, dtype)
    shape = info.get("tensor_shape", {})
    if shape.get("unknown_rank"):
        return {"dtype": dtype, "shape": None}
    sides = (int(dim.get("size", 0)) for dim in shape.get("dim", ()))
    return {"dtype": dtype, "shape": tuple(None if side < 0 else side for side in sides)}


def no_answers(outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the answers to an empty request."""
    return {
        name: np.zeros(
            [side or 0 for side in about["shape"] or ()],
            np.str_ if about["dtype"] == "string" else about["dtype"],
        )
        for name, about in outputs.items()
    }
