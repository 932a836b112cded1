"""The check of embedders, shared by all models."""

from typing import Any

import keras

from tfmetric._errors import expected


def check_embedder(model: Any, name: str = "embedder", several_inputs: bool = True) -> None:
    """Checks that a model is an embedder: built, with one output (B, D).

    Args:
        model: The model.
        name: The caller's name of the model, for the message.
        several_inputs: Whether it may have several inputs.

    Raises:
        ValueError: If the model is not an embedder.

    Example:

    >>> check_embedder(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
    """
    # A model that has not been built has no inputs, and a subclassed model never has any.
    inputs = getattr(model, "inputs", None) or []
    outputs = getattr(model, "outputs", None) or []
    built = isinstance(model, keras.Model) and len(inputs) >= 1
    right = built and len(outputs) == 1 and len(outputs[0].shape) == 2
    if right and (several_inputs or len(inputs) == 1):
        return
    single = "" if several_inputs else "one input and "
    raise ValueError(
        expected(
            f"{name} to be a built keras.Model with {single}one output (batch, dim); for a "
            f"siamese or triplet model, pass the embedder inside it",
            **{name: model},
        )
    )
